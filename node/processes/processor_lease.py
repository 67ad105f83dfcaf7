"""The lease under which a processor answers its clients, as its own broadcast renews it."""

from typing import Final

from node.processes.loop import now_ms
from transport.clock import clock_ns
from transport.messages import Lease

NO_LEASE: Final = Lease(0, 0, 0, "", "", "looking")


class HeldLease:
    """*newest*: as broadcast told it last, run out or not. *lost_ms*: when it was last seen to be held."""

    def __init__(self) -> None:
        self.newest = NO_LEASE
        self.lost_ms = now_ms()

    def is_held(self) -> bool:
        return clock_ns() < self.newest.until_ns

    def take(self, lease: Lease) -> None:
        had = self.is_held()
        self.newest = lease
        if had and not self.is_held():
            self.lost_ms = now_ms()
