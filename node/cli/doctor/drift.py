"""Whether members are configured alike where they should be."""

from collections.abc import Mapping
from typing import Final

from node.cli.doctor.subject import Subject
from node.self_check.finding import Finding, Level

# What is each member's own, or of the moment, in what the word conf says.
OWN: Final = frozenset((
    "clientPort", "clientPortAddress", "secureClientPort", "secureClientPortAddress", "dataDir", "dataDirSize",
    "dataLogDir", "dataLogSize", "serverId", "electionPort", "quorumPort", "peerType"))


def check(subject: Subject) -> list[Finding]:
    return judge(subject.confs)


def judge(confs: Mapping[str, Mapping[str, str]]) -> list[Finding]:
    """*confs*: server -> key -> value."""
    keys = sorted({key for conf in confs.values() for key in conf} - OWN)
    found = []
    for key in keys:
        values = {server: conf.get(key) for server, conf in confs.items()}
        if len(set(values.values())) > 1:
            said = ", ".join(f"{'not there' if value is None else value} at {server}"
                             for server, value in values.items())
            found.append(Finding("configuration", Level.WARNING, f"{key} differs: {said}",
                                 f"give every member's zoo.cfg the same {key}, and restart one after another"))
    return found


def parsed(text: str) -> dict[str, str]:
    """What the word conf says."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}
