"""python -m tests.simulation.mutations: in how many seeds each mutation is found, and by which checker."""

import argparse
import sys
import time

from tests.simulation.mutations.mutation import SEEDS, find
from tests.simulation.mutations.page import PAGE, read_found, rewritten
from tests.simulation.mutations.table import MUTATIONS


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutations", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many to try")
    parser.add_argument("--only", default="", help="mutations whose name contains this")
    parser.add_argument("--verbose", action="store_true", help="the end of the transcript, and the finding")
    parser.add_argument("--rewrite", action="store_true", help="write what was found into docs/simulation.md")
    options = parser.parse_args()
    found = read_found(PAGE.read_text()) if PAGE.exists() else {}
    unfound = 0
    for mutation in MUTATIONS:
        if options.only not in mutation.name:
            continue
        began = time.monotonic()
        result = find(mutation, options.seeds)
        unfound += result is None
        outcome = "NOT FOUND" if result is None else f"{result.seed + 1:4} seeds, by {result.checker}"
        say(f"{mutation.rule:>16}  {mutation.name:<54} {outcome}  ({time.monotonic() - began:.1f} s)")
        if result is None:
            continue
        found[mutation.name] = (result.seed + 1, result.checker)
        if options.verbose:
            say("\n".join([*result.transcript[-60:], str(result.finding)]))
    if options.rewrite:
        PAGE.write_text(rewritten(PAGE.read_text(), found))
    return 1 if unfound else 0


if __name__ == "__main__":
    sys.exit(main())
