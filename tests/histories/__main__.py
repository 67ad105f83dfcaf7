"""Check a saved history: python -m tests.histories FILE

FILE is what a run of tests.machines has left, one operation per line. Exit code 1: something in it must not be.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.histories.checks import check_all
from tests.histories.operation import load


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, metavar="FILE")
    operations = load(parser.parse_args().file)
    findings = check_all(operations)
    kinds = Counter(each.kind for each in operations)
    sys.stdout.write("".join(f"{count:8,}  {kind}\n" for kind, count in kinds.most_common()))
    sys.stdout.write("".join(f"\n{finding}\n" for finding in findings) + f"\n{len(findings)} findings\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
