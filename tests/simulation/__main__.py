"""python -m tests.simulation --seeds 0:200, or --seed 17 --verbose."""

import argparse
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.simulation.minimise import minimise
from tests.simulation.occurrences import MUST_OCCUR, missing
from tests.simulation.run import Options, Result, run

PROGRESS_S = 2.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one")
    parser.add_argument("--seeds", default="0:200", help="run those from A to before B (A:B), or B of them")
    parser.add_argument("--verbose", action="store_true", help="with --seed: the whole transcript, as it happens")
    parser.add_argument("--minimise", action="store_true", help="with --seed: leave out faults while it still fails")
    parser.add_argument("--keep-going", action="store_true", help="go on after a failing seed")
    return parser.parse_args()


def commit() -> str:
    """Of the tree that is tested; empty outside a repository."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parent)
    return done.stdout.strip()


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def report_failure(result: Result) -> None:
    say("")
    for line in result.transcript[-60:]:
        say(line)
    say(f"\nseed {result.seed} at commit {commit()}: {result.finding}")
    for fault in result.faults:
        say(f"    {fault}")
    say(f"replay: python -m tests.simulation --seed {result.seed} --verbose")


def run_one(seed: int, *, verbose: bool, minimised: bool) -> int:
    result = run(seed, echo=verbose)
    if result.finding is None:
        say(f"seed {seed}: {result.steps} events, {result.writes} writes acknowledged, nothing wrong")
        return 0
    if minimised:
        result = minimise(result)
    report_failure(result)
    return 1


def run_range(first: int, after: int, *, keep_going: bool) -> int:
    began = said = time.monotonic()
    occurred: Counter[str] = Counter()
    steps = writes = virtual_us = 0
    failed: list[Result] = []
    for seed in range(first, after):
        result = run(seed, Options())
        occurred += result.occurred
        steps, writes, virtual_us = steps + result.steps, writes + result.writes, virtual_us + result.virtual_us
        if result.finding is not None:
            report_failure(result)
            failed.append(result)
            if not keep_going:
                break
        if time.monotonic() - said > PROGRESS_S:
            said = time.monotonic()
            say(f"  {seed + 1 - first} of {after - first} seeds, {len(failed)} failed, {said - began:.0f} s")
    took = max(time.monotonic() - began, 1e-9)
    say(f"\n{after - first} seeds ({first}:{after}), {len(failed)} failed; {took:.1f} s for {virtual_us / 1e6:.0f} s "
        f"of virtual time; {steps / took:,.0f} events/s, {writes / took:,.0f} acknowledged writes/s")
    for kind in sorted(set(occurred) | set(MUST_OCCUR)):
        say(f"  {occurred[kind]:8}  {kind}")
    for result in failed:
        say(f"  seed {result.seed}: {(result.finding or '').strip().splitlines()[-1]}")
    never = missing(occurred)
    if never and not failed:
        say(f"never occurred: {', '.join(never)}")
    return 1 if failed or never else 0


def main() -> int:
    options = arguments()
    if options.seed is not None:
        return run_one(options.seed, verbose=options.verbose, minimised=options.minimise)
    first, _, after = options.seeds.rpartition(":")
    return run_range(int(first or 0), int(after), keep_going=options.keep_going)


if __name__ == "__main__":
    sys.exit(main())
