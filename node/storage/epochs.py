"""The numbers that must never go back: acceptedEpoch, currentEpoch and the generation of this member's processes."""

from pathlib import Path
from typing import Final

from node.storage.files import Files
from node.storage.replaced import read_number, replace_number
from node.storage.segments import storage_errors
from transport.zxid import Epoch

ACCEPTED: Final = "acceptedEpoch"
CURRENT: Final = "currentEpoch"


class Epochs:
    """Every save is durable on return, and replaces the file as a whole.  Raises StorageError."""

    def __init__(self, files: Files, directory: Path, *, first_generation: int = 0) -> None:
        """directory: <dataDir>/corral, locked.  Raises RefusedError: a file holds no number.

        first_generation: to count from where nothing is saved. A member that lost its disk must not get the numbers
        of its earlier processes again, whose batches are still in the others' logs: so the wall clock in ms.
        """
        self._files = files
        self._directory = directory
        self.accepted = Epoch(read_number(files, directory / ACCEPTED, absent=0))
        self.current = Epoch(read_number(files, directory / CURRENT, absent=0))
        self.generation = read_number(files, directory / "generation", absent=first_generation)

    def save_accepted(self, epoch: Epoch) -> None:
        assert epoch >= self.accepted
        self._save(ACCEPTED, epoch)
        self.accepted = epoch

    def save_current(self, epoch: Epoch) -> None:
        """Only after the history of the epoch is durable (rule 1)."""
        assert epoch >= self.current
        self._save(CURRENT, epoch)
        self.current = epoch

    def next_generation(self) -> int:
        """A number that no process of this member has had before."""
        self._save("generation", self.generation + 1)
        self.generation += 1
        return self.generation

    def _save(self, name: str, number: int) -> None:
        path = self._directory / name
        with storage_errors("saving", path):
            replace_number(self._files, path, number)
