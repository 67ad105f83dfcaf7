"""A process that another has started for one piece of work: it has a name, and does not outlive who waits for it."""

import ctypes
import os
import signal

_PR_SET_NAME = 15
_PR_SET_PDEATHSIG = 1


def begin(name: bytes, parent: int) -> bool:
    """*name*: 15 bytes at most. *parent*: pid. False: it has died meanwhile, and nobody waits any more."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NAME, name)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.getppid() == parent
