"""Identical trees at identical zxids, whatever mix of snapshot, log and live records they come from."""

from typing import TYPE_CHECKING

from tests.simulation.checkers.checker import Checker, ReplicaView
from transport.zxid import show

if TYPE_CHECKING:
    from tests.simulation.ensemble import Ensemble


class Digests(Checker):
    name = "digests"

    def __init__(self) -> None:
        self.at: dict[int, tuple[int, str]] = {}

    def digest(self, replica: ReplicaView, value: int) -> None:
        known, by = self.at.setdefault(replica.zxid, (value, replica.name))
        if known != value:
            self.violated(f"at {show(replica.zxid)} {replica.name} has {value:x}, {by} had {known:x}")

    def finish(self, ensemble: "Ensemble") -> None:
        for replica, value in ensemble.digests():
            self.digest(replica, value)
