"""python -m tests.soak: three members under ten thousand sessions, for as long as you like."""

import argparse
import json
import os
import resource
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.corral import corral_ensemble
from tests.soak.run import Plan, Result, Run

FIGURES = Path("build/soak/figures.json")
EXAMPLES = """examples:
  python -m tests.soak --minutes 60
  python -m tests.soak --minutes 2 --sessions 500 --watches 5000 --znodes 20000 --restart-every 30
  python -m tests.soak --plain          the work tree as it is, not compiled

Exits with 1 if a promise did not hold: memory that grows beyond the data, leaked descriptors, a session that ended
while it was pinging, a watch that was not told, a wrong answer. The figures lie in build/soak/figures.json.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    plan = Plan()
    parser.add_argument("--minutes", type=float, default=plan.minutes, help="of load, after all is made")
    parser.add_argument("--sessions", type=int, default=plan.sessions)
    parser.add_argument("--watches", type=int, default=plan.watches)
    parser.add_argument("--znodes", type=int, default=plan.znodes)
    parser.add_argument("--rate", type=int, default=plan.rate, help="requests per second, beside pings")
    parser.add_argument("--restart-every", type=float, default=plan.restart_s, metavar="S", help="one member in turn")
    parser.add_argument("--timeout-ms", type=int, default=plan.timeout_ms, help="of the sessions")
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--plain", action="store_true", help="not the compiled wheel")
    options = parser.parse_args()
    plan = Plan(
        minutes=options.minutes, sessions=options.sessions, watches=options.watches, znodes=options.znodes,
        watched=max(min(options.watches, options.znodes) // 10, 1), rate=options.rate, restart_s=options.restart_every,
        timeout_ms=options.timeout_ms, seed=options.seed, workers=min(50, options.sessions))
    if not options.plain:
        from bench.compiled import library

        # The members' own code comes from there, whatever directory they are started in.
        os.environ |= {"PYTHONPATH": str(library()), "PYTHONSAFEPATH": "1"}
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as directory, corral_ensemble(
            Path(directory), settings=plan.settings) as ensemble:
        result = uvloop.run(Run(plan, ensemble, say).run())
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(result.figures(), indent=1) + "\n")
    report(result)
    return int(bool(result.broken))


def report(result: Result) -> None:
    quiet = [each for each in result.samples if not each.events]
    say(f"{result.answered:,} requests answered, {result.restarts} restarts, {result.reconnects:,} reconnects, "
        f"{result.expired} sessions ended; storm {result.storm_s:.1f} s; client late by {result.client_late_s} s")
    if quiet:
        p99 = sorted(each.p99_ms for each in quiet)
        say(f"p99 of {len(quiet)} quiet windows: median {p99[len(p99) // 2]} ms, worst {p99[-1]} ms")
    for broken in result.broken:
        say(f"BROKEN: {broken}")
    say(f"{'not all held' if result.broken else 'all held'}; figures: {FIGURES}")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
