"""Sessions whose client is silent for nearly as long as its session lives without it."""

from collections.abc import Iterable
from typing import Final

from node.cli.doctor.subject import Pause, Subject
from node.self_check.finding import Finding, Level

SILENT_PART: Final = 0.6  # of its timeout; clients say something each third of it
NAMED_MAX: Final = 5


def check(subject: Subject) -> list[Finding]:
    return judge(subject.pauses or ())


def judge(pauses: Iterable[Pause]) -> list[Finding]:
    near = sorted((each for each in pauses if each.silent_ms >= SILENT_PART * each.timeout_ms),
                  key=lambda each: -each.silent_ms / each.timeout_ms)
    found = [
        Finding("sessions", Level.WARNING,
                f"session {each.session} of {each.client} was silent for {each.silent_ms / 1000:.1f} s; it expires "
                f"after {each.timeout_ms / 1000:g} s",
                "its client pauses (garbage collection, a blocked loop, swap) or its network does: find out, or give "
                "it a longer session timeout")
        for each in near[:NAMED_MAX]]
    if len(near) > NAMED_MAX:
        found.append(Finding("sessions", Level.WARNING, f"and {len(near) - NAMED_MAX:,} more sessions like these",
                             "many at once: look at the network between them and the servers"))
    return found
