"""The table of checks: what each looks at, and what it needs for that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from node.cli.doctor import (
    certificates,
    clocks,
    disks,
    drift,
    files,
    hot,
    members,
    names,
    processes,
    sessions,
    versions,
    watches,
    znodes,
)
from node.cli.doctor.subject import Subject
from node.cli.errors import Failure
from node.self_check.finding import Finding


@dataclass(frozen=True, slots=True)
class Check:
    """*lacks*: why it cannot look, empty where it can."""

    name: str
    run: Callable[[Subject], list[Finding]]
    lacks: Callable[[Subject], str] = lambda _: ""


def _session(subject: Subject) -> str:
    return "" if subject.client is not None else subject.without.get("session", "no session")


def _metrics(subject: Subject) -> str:
    return "" if subject.scrapes else subject.without.get("metrics", "say the members' metrics ports: --metrics")


def _configs(subject: Subject) -> str:
    return "" if subject.configs else "no zoo.cfg of this machine is known: --config"


def _word(word: str) -> Callable[[Subject], str]:
    return lambda subject: subject.without.get(word, "")


def _changes(subject: Subject) -> str:
    if subject.scrapes or subject.changes is not None:
        return ""
    return subject.without.get("changes") or _session(subject)


CHECKS: Final[tuple[Check, ...]] = (
    Check("members", members.check),
    Check("versions", versions.check),
    Check("configuration", drift.check, _word("conf")),
    Check("names", names.check),
    Check("files", files.check, _configs),
    Check("disks", disks.check, _metrics),
    Check("clocks", clocks.check, _metrics),
    Check("processes", processes.check, _metrics),
    Check("certificates", certificates.check, _metrics),
    Check("znodes", znodes.check, _session),
    Check("hot znodes", hot.check, _changes),
    Check("watches", watches.check, _word("wchp")),
    Check("sessions", sessions.check, _word("cons")),
)


def look(subject: Subject) -> tuple[list[Finding], dict[str, str]]:
    """What is found, the worst first; and which checks could not look, with the reason."""
    found: list[Finding] = []
    left_out: dict[str, str] = {}
    for check in CHECKS:
        if why := check.lacks(subject):
            left_out[check.name] = why
            continue
        try:
            found += check.run(subject)
        except Failure as error:
            left_out[check.name] = error.message
    return sorted(found, key=lambda finding: -finding.level), left_out
