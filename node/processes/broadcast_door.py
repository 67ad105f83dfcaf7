"""The one door into the ZAB core: an event in, its effects performed, before anything else can happen."""

from collections import deque
from collections.abc import Callable

from node.processes.broadcast_lease import MemberLease
from node.processes.broadcast_timings import BroadcastTimings
from node.zab import effects, events
from node.zab.events import Event
from node.zab.member import Member
from transport.clock import clock_ns


class Door:
    """*made*: events that come of effects."""

    def __init__(
        self, me: int, *, member: Member, perform: Callable[[list[effects.Effect]], None], made: deque[Event],
        lease: MemberLease, timings: BroadcastTimings,
    ) -> None:
        self._me, self._member, self._perform, self._made = me, member, perform, made
        self._lease, self._timings = lease, timings
        self._committed = member.committed

    def step(self, event: Event) -> None:
        """One event, and those that its effects make at once."""
        self._step(event)
        while self._made:
            self._step(self._made.popleft())

    def step_made(self) -> None:
        """Those that were made without one."""
        while self._made:
            self._step(self._made.popleft())

    def _step(self, event: Event) -> None:
        at_ns = self._timings.step_ns = clock_ns()
        performed = self._member.step(at_ns // 1_000_000, event)
        committed = self._member.committed
        if committed != self._committed:
            self._timings.on_committed(self._committed, committed, self._completed_by(event), self._member.leader)
            self._committed = committed
        self._perform(performed)

    def _completed_by(self, event: Event) -> int:
        """Whose ack or sync committed something, at a leader."""
        if self._lease.newest.role != "leader":
            return 0
        return event.member if isinstance(event, events.FromLearner) else self._me
