"""The longest gap in writes while a member is stopped and started as an operator does it, each in turn.

    python -m bench.planned_restart                     five rounds over three members
    python -m bench.planned_restart --rounds 1 --step handover

Sessions on all members write without pause and come back by themselves (`zkload --outage`). The figure is the longest
time without any write from before the step until a moment after it. A session that expires, or a write that is refused
other than by a lost connection, is an error.
"""

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import machine
from bench.ensembles import Corral, PlainCorral
from bench.load import BenchError, Load, build

BUILD = Path(__file__).parent.parent / "build" / "bench"
TARGET_MS = 300.0
BEFORE_S = 1.0
AFTER_S = 2.0
STEP_S = 12.0  # that a step takes at most, in the load's own time
CONNECTIONS = 6

KEYS = ("longest_gap_ms", "gap_began_at_seconds", "conn_longest_gap_ms", "reconnects", "writes")

Results = dict[tuple[str, int], list[dict[str, Any]]]


def stop_and_start(ensemble: Corral, member: int) -> None:
    ensemble.corral("stop", str(member), *ensemble.data)
    ensemble.corral("start", str(member), *ensemble.data)


def hand_over(ensemble: Corral, member: int) -> None:
    """To the member."""
    if ensemble.leader().id == member:
        ensemble.corral("handover", *ensemble.data)
    else:
        ensemble.corral("handover", "--to", str(member), *ensemble.data)


def drain(ensemble: Corral, member: int) -> None:
    ensemble.corral("drain", "--member", str(member), "--over", "1", *ensemble.data)
    ensemble.corral("drain", "--member", str(member), "--undo", *ensemble.data)


STEPS: dict[str, Callable[[Corral, int], None]] = {
    "restart": stop_and_start, "handover": hand_over, "drain": drain,
}


def measure(ensemble: Corral, zkload: Path, step: str, member: int) -> dict[str, Any]:
    """One step under load. Raises BenchError: a reply was wrong, a session expired, or the step failed."""
    role = next(each.role for each in ensemble.wait_serving() if each.id == member)
    arguments = ("--hosts", ensemble.hosts(), "--outage", "--conns", str(CONNECTIONS))
    seconds = BEFORE_S + STEP_S + AFTER_S
    with Load(zkload, (*arguments, "--duration", str(seconds)), seconds=seconds) as load:
        time.sleep(BEFORE_S)
        began = time.monotonic()
        STEPS[step](ensemble, member)
        took_s = time.monotonic() - began
        if took_s > STEP_S:
            raise BenchError(f"{step} of member {member} took {took_s:.1f} s, longer than the load of {STEP_S:.0f} s")
        result = load.result()
    if result["sessions_lost"] or result["failed_writes"]:
        raise BenchError(
            f"{step} of member {member}: {result['sessions_lost']} sessions expired, "
            f"{result['failed_writes']} writes were refused")
    return {"role": role, "took_s": took_s} | {key: result[key] for key in KEYS}


def run(ensemble: Corral, zkload: Path, step: str, rounds: int) -> Results:
    results: Results = defaultdict(list)
    for turn in range(rounds):
        for member in (1, 2, 3):
            found = measure(ensemble, zkload, step, member)
            results[step, member].append(found)
            print(f"  {turn + 1}/{rounds} member {member} {told(found)}", file=sys.stderr, flush=True)
    return results


def told(found: dict[str, Any]) -> str:
    began_s = found["gap_began_at_seconds"] - BEFORE_S
    return (
        f"({found['role']}): {found['longest_gap_ms']:.0f} ms without a write, {began_s:+.2f} s from its begin; "
        f"one session at most {max(found['conn_longest_gap_ms']):.0f} ms; {found['reconnects']} reconnects; "
        f"took {found['took_s']:.1f} s")


def report(results: Results) -> bool:
    """Whether every median is within the target."""
    print(f"longest gap in writes, ms; target {TARGET_MS:.0f}")
    print(f"{'step':10}{'member':>8}{'median':>10}{'least':>10}{'most':>10}")
    medians: list[float] = []
    for (step, member), found in sorted(results.items()):
        gaps = [each["longest_gap_ms"] for each in found]
        medians.append(statistics.median(gaps))
        print(f"{step:10}{member:>8}{medians[-1]:>10.0f}{min(gaps):>10.0f}{max(gaps):>10.0f}")
    led = [each["longest_gap_ms"] for found in results.values() for each in found if each["role"] == "leader"]
    followed = [each["longest_gap_ms"] for found in results.values() for each in found if each["role"] != "leader"]
    for name, gaps in (("of leaders", led), ("of others", followed)):
        if gaps:
            print(f"{name:18}{statistics.median(gaps):>10.0f}{min(gaps):>10.0f}{max(gaps):>10.0f}")
    return max(medians) < TARGET_MS


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bench.planned_restart", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--step", choices=STEPS, default="restart")
    parser.add_argument("--plain", action="store_true", help="as a work tree runs it, not as the wheel")
    parser.add_argument("--dir", type=Path, default=BUILD / "planned", help="on the disk to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    args = parser.parse_args()
    zkload = build("zkload", BUILD)
    args.dir.mkdir(parents=True, exist_ok=True)
    try:
        ensemble = (PlainCorral if args.plain else Corral)(args.dir.resolve() / "ensemble")
        with ensemble.running():
            results = run(ensemble, zkload, args.step, args.rounds)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    for name, value in machine.describe(BUILD, args.dir).items():
        print(f"{name:20} {value}")
    if args.json:
        args.json.write_text(json.dumps({" ".join(map(str, key)): found for key, found in results.items()}, indent=2))
    return 0 if report(results) else 1


if __name__ == "__main__":
    sys.exit(main())
