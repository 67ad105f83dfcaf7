"""What a range of seeds must have met, or it has proven nothing."""

from collections import Counter

from tests.simulation.faults import WEIGHTS
from tests.simulation.host import ROLES

RARE = (  # need not, in a hundred seeds
    "torn tail", "corruption refused", "power cut amid a cut of the log", "no_member_stands",
)
MUST_OCCUR = (
    *RARE,
    *WEIGHTS,
    *(f"crash of {role}" for role in ROLES),
    "DIFF", "TRUNC", "SNAP", "rot log: a byte", "rot snapshot: a byte",
    "no space left", "voters changed", "second start refused", "reaped", "local session upgraded", "multi",
    "multi that failed", "snapshot taken", "session expired", "watch event", "writes resent",
    "readmitted", "handed_over", "handed over: asked to", "handed over: drains",
    "handed over: no processor 0 within syncLimit", "hand-over failed", "client sent away",
    "restored", "reconfigured",
)


def missing(occurred: Counter[str]) -> list[str]:
    return [kind for kind in MUST_OCCUR if not occurred[kind]]
