"""Whether the clock is synchronised, as the kernel says it: adjtimex(2), which every NTP daemon keeps.

In a unit that may not touch the clock that call is filtered; then systemd's timedated is asked, which asks the kernel.
"""

import ctypes
import subprocess
from typing import Final

from node.self_check.finding import Finding, Level

_STA_UNSYNC: Final = 0x40
_TIMEDATED: Final = ("timedatectl", "show", "--property=NTPSynchronized", "--value")
_TIMEDATED_S: Final = 30.0


class _Timex(ctypes.Structure):
    """The beginning of struct timex, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("rest", ctypes.c_char * 256))


def check_clock() -> list[Finding]:
    timex = _Timex()
    if ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) < 0:
        return [judge_answer(_ask_timedated())]
    return [judge(status=timex.status, maxerror_us=timex.maxerror)]


def judge(*, status: int, maxerror_us: int) -> Finding:
    """*status*, *maxerror_us*: as struct timex has them."""
    if status & _STA_UNSYNC:
        return _unsynchronised()
    return Finding("clock", Level.OK, f"synchronised, within {maxerror_us / 1000:.0f} ms")


def judge_answer(answer: str) -> Finding:
    """*answer*: timedated's, yes or no; empty: there is none."""
    if answer == "no":
        return _unsynchronised()
    return Finding(
        "clock", Level.OK, "synchronised" if answer == "yes" else "not known: neither kernel nor timedated answers")


def _unsynchronised() -> Finding:
    return Finding(
        "clock", Level.WARNING, "the kernel's clock is not synchronised: times of znodes, logs and traces drift",
        "install and start chrony, or systemd-timesyncd (`timedatectl` shows it)")


def _ask_timedated() -> str:
    try:
        done = subprocess.run(_TIMEDATED, capture_output=True, text=True, check=False, timeout=_TIMEDATED_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
