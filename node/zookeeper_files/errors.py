"""What can be wrong with ZooKeeper's files."""

from pathlib import Path


class DamagedFileError(Exception):
    """A file is not what ZooKeeper writes, and the message says where."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}")


class EndsEarlyError(Exception):
    """The bytes end inside of a field."""
