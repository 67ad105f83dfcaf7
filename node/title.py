"""What `ps` shows of a process: its short name, and `corral member 1: broadcast` in place of its command line.

The kernel reads a command line from where it put it at exec; nothing else looks there once Python has made its own
copy. The title fills the old command line at most.
"""

import ctypes
from pathlib import Path
from typing import Final

_PR_SET_NAME: Final = 15
_ARG_START, _ARG_END = 47, 48  # fields of /proc/self/stat, from 0
_libc: Final = ctypes.CDLL(None, use_errno=True)


def set_title(member: int, process: str) -> None:
    _libc.prctl(_PR_SET_NAME, f"m{member}-{process}".encode()[:15])
    start, end = _command_line()
    room = end - start
    if room > 0:
        title = f"corral member {member}: {process}".encode()[:room - 1]
        ctypes.memmove(start, title.ljust(room, b"\0"), room)


def _command_line() -> tuple[int, int]:
    """Where it stands in memory; (0, 0): the kernel does not say."""
    try:
        stat = Path("/proc/self/stat").read_text()
    except OSError:
        return 0, 0
    fields = ["", "", *stat.rpartition(")")[2].split()]  # the name before may hold blanks and brackets
    return int(fields[_ARG_START]), int(fields[_ARG_END])
