"""The hooks of checkers. A checker overrides those that concern it; the hub calls no others."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from tests.simulation.ordered import Batch
from tests.simulation.world import InvariantViolation
from transport.entry import RecordHeader

if TYPE_CHECKING:
    from tests.simulation.client import Client, Operation
    from tests.simulation.ensemble import Ensemble


class ReplicaView:
    """Where one replica (one life of it) stands in the one order. *index*: how many records it has executed."""

    def __init__(self, name: str, zxid: int) -> None:
        self.name = name
        self.zxid = zxid
        self.index = 0


class Checker:
    """Raises InvariantViolation from any hook. *now_us* is true time, which nobody in the ensemble knows."""

    name = "checker"

    def violated(self, finding: str) -> NoReturn:
        raise InvariantViolation(self.name, finding)

    # what clients do and see
    def invoked(self, client: "Client", operation: "Operation") -> None: ...
    def came(self, client: "Client", xid: int, expected: int | None) -> None:
        """A reply to *xid*, where the oldest request without one is *expected*."""

    def replied(self, client: "Client", operation: "Operation", body: bytes) -> None: ...
    def event(self, client: "Client", path: bytes) -> None: ...
    def shown(self, client: "Client", zxid: int) -> None: ...
    def connection_lost(self, client: "Client") -> None: ...
    def session_made(self, client: "Client", session: int) -> None: ...
    def session_over(self, client: "Client") -> None: ...

    # what members do
    def restored(self, replica: ReplicaView) -> None: ...
    def executed(self, replica: ReplicaView, header: RecordHeader, record: bytes) -> None: ...
    def ordered(self, header: RecordHeader, record: bytes, batches: list[Batch]) -> None:
        """A record was executed by the first replica: it has its place in the one order for good."""

    def digest(self, replica: ReplicaView, value: int) -> None: ...
    def acked(self, member: int, zxid: int, durable: Callable[[], int]) -> None: ...
    def released(self, member: int, zxid: int, durable: Callable[[], int]) -> None: ...
    def cut(self, member: int, zxid: int) -> None:
        """Its leader has it cut its log behind *zxid*, or replace it by a snapshot of that zxid."""

    def disk_lost(self, member: int) -> None: ...
    def recovered(self, member: int, last_zxid: int) -> None: ...
    def refused(self, member: int, problem: str, *, is_rotten: bool = False, is_second: bool = False) -> None:
        """It does not start on its files. *is_rotten*: they changed by themselves. *is_second*: it runs already."""

    def history_complete(self, epoch: int, zxid: int) -> None:
        """The leader says so to a learner: the history that the epoch begins with ends at *zxid*, or before."""

    def entered(self, member: int, epoch: int, durable: Callable[[], int]) -> None:
        """Its currentEpoch is saved."""

    def leads(self, member: int, life: int, epoch: int) -> None: ...
    def lease(self, member: int, *, is_leader: bool, now_us: int, until_us: int) -> None: ...

    def handed_over(self, member: int, heir: int, last: int, holds: Callable[[], int]) -> None:
        """*member* names its heir; its own log ends at *last*, the heir's disk has it up to `holds()`."""

    def finish(self, ensemble: "Ensemble") -> None:
        """All faults are healed, all clients quiet, all members have had time to agree."""


HOOKS = [name for name in vars(Checker) if not name.startswith("_") and name not in {"name", "violated"}]


class Hub:
    """`hub.executed(...)` calls the hook of every checker that has one."""

    def __init__(self, checkers: list[Checker]) -> None:
        self.checkers = checkers
        for hook in HOOKS:
            having = [c for c in checkers if getattr(type(c), hook) is not getattr(Checker, hook)]
            setattr(self, hook, self.caller([getattr(c, hook) for c in having]))

    @staticmethod
    def caller(hooks: list[Callable[..., None]]) -> Callable[..., None]:
        if len(hooks) == 1:
            return hooks[0]

        def call(*arguments: Any, **named: Any) -> None:
            for hook in hooks:
                hook(*arguments, **named)

        return call

    if TYPE_CHECKING:
        def __getattr__(self, hook: str) -> Callable[..., None]: ...
