"""Run a range of seeds, or one again.

examples:
  python -m tests.simulation --seeds 0:1000 --jobs 2      a thousand seeds, on two cores
  python -m tests.simulation --seed 17 --verbose          one of them, with all that happens, as it happens
  python -m tests.simulation --seed 17 --minimise         the fewest faults with which it still fails
"""

import argparse
import sys

from tests.simulation.campaign import campaign, report_failure
from tests.simulation.minimise import minimise
from tests.simulation.run import run
from tests.simulation.say import say


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="run this one")
    parser.add_argument("--seeds", default="0:200", help="run those from A to before B (A:B), or B of them")
    parser.add_argument("--jobs", type=int, default=1, help="with --seeds: so many at a time")
    parser.add_argument("--verbose", action="store_true", help="with --seed: the whole transcript, as it happens")
    parser.add_argument("--minimise", action="store_true", help="with --seed: leave out faults while it still fails")
    parser.add_argument("--keep-going", action="store_true", help="with --seeds: go on after a failing one")
    return parser.parse_args()


def run_one(seed: int, *, verbose: bool, minimised: bool) -> int:
    result = run(seed, echo=verbose)
    if result.finding is None:
        say(f"seed {seed}: {result.steps} events, {result.writes} writes acknowledged, nothing wrong")
        return 0
    report_failure(minimise(result) if minimised else result)
    return 1


def main() -> int:
    options = arguments()
    if options.seed is not None:
        return run_one(options.seed, verbose=options.verbose, minimised=options.minimise)
    first, _, after = options.seeds.rpartition(":")
    return campaign(int(first or 0), int(after), jobs=options.jobs, keeps_going=options.keep_going)


if __name__ == "__main__":
    sys.exit(main())
