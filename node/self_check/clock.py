"""Whether the kernel says that its clock is synchronised: adjtimex(2), as NTP daemons leave it."""

import ctypes
import errno
from typing import Final

from node.self_check.finding import Finding, Level

_STA_UNSYNC: Final = 0x40


class _Timex(ctypes.Structure):
    """The beginning of struct timex, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("rest", ctypes.c_char * 256))


def check_clock() -> list[Finding]:
    timex = _Timex()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(ctypes.byref(timex)) < 0:
        reason = errno.errorcode.get(ctypes.get_errno(), "an error")
        return [Finding("clock", Level.OK, f"not known: the kernel answers {reason} (a filter of system calls?)")]
    return [judge(status=timex.status, maxerror_us=timex.maxerror)]


def judge(*, status: int, maxerror_us: int) -> Finding:
    """*status*, *maxerror_us*: as struct timex has them."""
    if status & _STA_UNSYNC:
        return Finding(
            "clock", Level.WARNING, "the kernel's clock is not synchronised: times of znodes, logs and traces drift",
            "install and start chrony, or systemd-timesyncd (`timedatectl` shows it)")
    return Finding("clock", Level.OK, f"synchronised, within {maxerror_us / 1000:.0f} ms")
