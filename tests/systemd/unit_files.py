"""The unit files as systemd reads them: sections of assignments, where a key may come more than once."""

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "systemd"


@dataclass(frozen=True)
class UnitFile:
    """name: such as corral-broadcast@.service."""

    name: str
    assignments: list[tuple[str, str, str]] = field(default_factory=list)  # section, key, value

    def all(self, section: str, key: str) -> list[str]:
        return [value for s, k, value in self.assignments if (s, k) == (section, key)]

    def get(self, section: str, key: str) -> str:
        """The last one counts; "" where there is none."""
        return (self.all(section, key) or [""])[-1]

    def words(self, section: str, key: str) -> list[str]:
        """Of a key whose values are lists, in all its lines."""
        return " ".join(self.all(section, key)).split()

    def number(self, key: str) -> int:
        return int(self.get("Service", key))


def read_unit(path: Path) -> UnitFile:
    section = ""
    assignments = []
    for line in path.read_text().splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            assignments.append((section, key, value))
    return UnitFile(path.name, assignments)


UNITS: dict[str, UnitFile] = {path.name: read_unit(path) for path in sorted(DIRECTORY.iterdir())}


def service_name(role: str) -> str:
    """Of a role of node/roles.py; of the first of several."""
    return f"corral-{role}@.service"
