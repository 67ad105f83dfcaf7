"""`python -m tests.transcripts [--rewrite]`: says which stories have changed, or writes them anew."""

import sys

from tests.transcripts.story import TESTDATA, retell


def main() -> int:
    changed = 0
    for path in sorted(TESTDATA.glob("*.txt")):
        told = path.read_text()
        now = retell(told)
        if now != told:
            changed += 1
            sys.stdout.write(f"{path.name} has changed\n")
            if "--rewrite" in sys.argv[1:]:
                path.write_text(now)
    return 0 if "--rewrite" in sys.argv[1:] else changed


sys.exit(main())
