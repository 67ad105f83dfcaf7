"""Herds: many sessions that watch one znode, and all wake up and ask at its next change."""

from collections.abc import Mapping
from typing import Final

from node.cli.doctor.subject import Subject
from node.cli.waterfall import harmless
from node.self_check.finding import Finding, Level

HERD: Final = 100
NAMED_MAX: Final = 5


def check(subject: Subject) -> list[Finding]:
    return judge(subject.watchers or {})


def judge(watchers: Mapping[str, int], *, herd: int = HERD) -> list[Finding]:
    large = sorted(((count, path) for path, count in watchers.items() if count >= herd), reverse=True)
    return [
        Finding("watches", Level.WARNING, f"{count:,} sessions watch {harmless(path)}: all wake up at its next change",
                "where they wait for a lock or for leadership, let each watch its predecessor, as the recipes of kazoo "
                "and Curator do; where they read configuration, let them wait a random moment")
        for count, path in large[:NAMED_MAX]]


def counted(text: str) -> dict[str, int]:
    """What the word wchp says: path -> sessions."""
    found: dict[str, int] = {}
    path = ""
    for line in text.splitlines():
        if line.startswith("\t"):
            found[path] += 1
        elif line.strip():
            path = line.strip()
            found.setdefault(path, 0)
    return found
