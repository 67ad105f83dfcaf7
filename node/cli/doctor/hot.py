"""Znodes that take most of the writes."""

from collections.abc import Mapping
from typing import Final

from node.cli.doctor.subject import Subject
from node.cli.waterfall import harmless
from node.self_check.finding import Finding, Level

SHARE_MIN: Final = 0.5
RATE_MIN: Final = 50.0  # changes a second; fewer are nobody's trouble


def check(subject: Subject) -> list[Finding]:
    if subject.scrapes:
        return _of_logs(subject)
    return judge(subject.changes or {}, subject.seconds)


def _of_logs(subject: Subject) -> list[Finding]:
    """All members have the same log: one says which paths, all of them how many."""
    rate = max(((each.now.total("corral_requests_ordered_total") or 0.0)
                - (each.before.total("corral_requests_ordered_total") or 0.0) for each in subject.scrapes), default=0.0)
    hot = max((each.hot for each in subject.scrapes), key=lambda each: int(each.get("writes", 0)))
    total = int(hot.get("writes", 0))
    if not total:
        return []
    return judge({row["path"]: rate * row["writes"] / total for row in hot["paths"]}, subject.seconds, total=rate)


def judge(changes: Mapping[str, float], seconds: float, *, total: float | None = None) -> list[Finding]:
    """*changes*: of each path in that time, *total* of all."""
    whole = sum(changes.values()) if total is None else total
    return [
        Finding("hot znodes", Level.WARNING,
                f"{harmless(path)} takes {count / whole:.0%} of all writes, {count / seconds:,.0f} a second",
                "see who writes it (`corral log --path`), write it less often, or spread it over several znodes")
        for path, count in changes.items()
        if seconds and whole and count / whole >= SHARE_MIN and count / seconds >= RATE_MIN]
