"""Three members in network namespaces, faults of every kind, and a history that is checked.

Needs root, and Debian's iproute2, nftables, e2fsprogs, gcc and libfaketime. All traffic stays in namespaces that are
made for the run; disks are files in memory. At the end: what was found wrong (exit code 1), figures, a picture of
throughput, latency and availability with the faults below them, and the history, which can be checked again:

    python -m tests.histories build/nemesis/history.jsonl

Examples:
    python -m tests.machines
    python -m tests.machines --minutes 2 --seed 7
    python -m tests.machines --minutes 5 --faults "power cut,power cut of all,sync error"
"""

import argparse
import logging
import random
import sys
from pathlib import Path

from tests.machines.ensemble import missing
from tests.machines.faults import FAULTS, KINDS, Row, row
from tests.machines.run import for_minutes, run, tell

ROOT = Path(__file__).parent.parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.machines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults go on, and at least until each "
                        "kind has been  [default: 10]")
    parser.add_argument("--seed", type=int, help="chooses faults, their order, and what clients do  [default: any]")
    parser.add_argument("--faults", type=faults, default=list(FAULTS), metavar="KIND,…",
                        help=f"these alone: {', '.join(KINDS)}")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "nemesis", metavar="DIR",
                        help="what is left of the run  [default: build/nemesis]")
    return parser.parse_args()


def faults(text: str) -> list[Row]:
    try:
        return [row(kind.strip()) for kind in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main() -> int:
    given = arguments()
    if reason := missing():
        sys.stderr.write(f"{reason}; see python -m tests.machines --help\n")
        return 1
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # lost connections are what this is about
    seed = given.seed if given.seed is not None else random.SystemRandom().getrandbits(32)
    done = run(given.faults, for_minutes(given.minutes), seed=seed, directory=given.out)
    tell(done)
    return 1 if done.findings else 0


if __name__ == "__main__":
    sys.exit(main())
