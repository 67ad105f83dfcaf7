"""How far a long command is, on a terminal; elsewhere nothing."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Final

from node.backup.archive import Progress, silent

_EVERY_S: Final = 0.1
_CLEAR_LINE: Final = "\r\x1b[K"


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """One line of stderr, gone at the end."""
    if not sys.stderr.isatty():
        yield silent
        return
    shown_s = 0.0

    def show(what: str, done: int, of: int) -> None:
        nonlocal shown_s
        now_s = time.monotonic()
        if now_s - shown_s < _EVERY_S:
            return
        shown_s = now_s
        how_far = f" {100 * done // of} %" if of else f" {done}" if done else " …"
        sys.stderr.write(f"{_CLEAR_LINE}{what}{how_far}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write(_CLEAR_LINE)
        sys.stderr.flush()
