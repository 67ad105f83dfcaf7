"""What a range of seeds must have met, or it has proven nothing."""

from collections import Counter

from tests.simulation.faults import WEIGHTS
from tests.simulation.host import ROLES

MUST_OCCUR = (
    *WEIGHTS,
    *(f"crash of {role}" for role in ROLES),
    "DIFF", "TRUNC", "SNAP", "torn tail", "rot log: a byte", "rot snapshot: a byte", "corruption refused",
    "no space left", "power cut amid a cut of the log",
    "voters changed", "second start refused", "reaped", "local session upgraded", "multi",
    "multi that failed", "snapshot taken", "session expired", "watch event", "writes resent",
    "readmitted", "handed_over", "no_member_stands", "handed over: asked to", "handed over: drains",
    "handed over: no processor 0 within syncLimit", "hand-over failed", "client sent away",
)


def missing(occurred: Counter[str]) -> list[str]:
    return [kind for kind in MUST_OCCUR if not occurred[kind]]
