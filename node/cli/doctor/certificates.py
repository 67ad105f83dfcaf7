"""Certificates that are over, or soon."""

import time
from typing import Final

from node.cli.doctor.subject import Scrapes, Subject
from node.self_check.finding import Finding, Level

SOON_S: Final = 14 * 86400.0
_DAY_S: Final = 86400.0


def check(subject: Subject) -> list[Finding]:
    return [finding for each in subject.scrapes for finding in judge(each, time.time())]


def judge(each: Scrapes, now_s: float) -> list[Finding]:
    """*now_s*: Unix time."""
    ends = [value for _, value in each.now.series("corral_certificate_expires_seconds") if value]
    if not ends or min(ends) - now_s >= SOON_S:
        return []
    left_s = min(ends) - now_s
    when = f"is over in {left_s / _DAY_S:.1f} days" if left_s > 0 else f"has been over for {-left_s / _DAY_S:.1f} days"
    return [Finding("certificates", Level.WARNING if left_s > 0 else Level.FAILURE,
                    f"{each.member}: the certificate of its client port {when}",
                    "renew it and put it in place: members read it again by themselves")]
