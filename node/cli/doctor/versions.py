"""Whether all servers run the same."""

from typing import Any, Final

from node.cli.doctor.subject import Subject
from node.self_check.finding import Finding, Level

_KEYS: Final = {
    "version": "finish the upgrade, or go back, on every member",
    "feature_level": "finish the upgrade, or go back, on every member",
    "ensemble": "these servers are not one ensemble: ask them apart",
}


def check(subject: Subject) -> list[Finding]:
    found = []
    for key, cure in _KEYS.items():
        values: dict[str, Any] = {
            each.address: each.values[key] for each in subject.statuses if each.values.get(key) is not None}
        if len(set(values.values())) > 1:
            said = ", ".join(f"{value} at {address}" for address, value in values.items())
            found.append(Finding("versions", Level.WARNING, f"{key.replace('_', ' ')} differs: {said}", cure))
    return found
