"""What this member's operator asks of it, by commands on the same machine: hand over, drain, other members.

Who may open the socket in the run directory, may ask: that is its user, and root.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

from node.processes.broadcast_draining import Draining
from node.processes.broadcast_local import Local
from node.processes.broadcast_reconfig import Reconfigs
from node.processes.broadcast_reconfiguring import Reconfiguring
from node.zab import events
from node.zab.events import Event, StreamId
from node.zab.member import LearnerStatus, Member
from transport.clock import clock_ns
from transport.messages import (
    CONTROL_VERSION,
    ControlHello,
    ControlRefused,
    ControlWelcome,
    DrainProgress,
    DrainWanted,
    HandOverDone,
    HandOverWanted,
    MembersWanted,
    Message,
    NewMembersWanted,
    decode_control,
    encode,
)
from transport.sockets import Listener, StreamGapError
from transport.zxid import MemberId

SETTLE_NS: Final = 5_000_000_000  # for a new leader, once we have ceased to lead
PROGRESS_NS: Final = 250_000_000
MESSAGES_PER_TURN: Final = 20


@dataclass
class _Handing:
    """A hand-over under way, asked for on *stream*."""

    stream: StreamId
    heir: int
    began_ns: int


class Control:
    """*addresses*: where members can be found by an operator, by id. *step*: hands an event to the core."""

    def __init__(
        self, me: int, listener: Listener, *, step: Callable[[Event], None], member: Member, local: Local,
        draining: Draining, reconfigs: Reconfigs, addresses: Mapping[int, str], log: FilteringBoundLogger,
    ) -> None:
        self._me, self._listener, self._step, self._member = me, listener, step, member
        self._local, self._draining, self._addresses, self._log = local, draining, addresses, log
        self._greeted: set[StreamId] = set()
        self._handing: _Handing | None = None
        self._waiting: dict[StreamId, int] = {}  # for the end of the drain -> when it was told last
        self._reconfiguring = Reconfiguring(member, reconfigs, send=self._send, log=log)

    def receive(self) -> None:
        for _ in range(MESSAGES_PER_TURN):
            try:
                received = self._listener.receive()
                if received is None:
                    break
                stream, _, payload = received
                message = decode_control(payload)
            except StreamGapError as error:
                self._end(error.stream)
                continue
            except msgspec.MsgspecError:
                self._refuse(stream, "this member does not understand that: use the `corral` of its own version")
                continue
            self._on_message(stream, message)
        for stream in self._listener.take_lost():
            self._forget(stream)

    def on_turn(self) -> None:
        """At the end of each turn: who waits for something hears of it."""
        if self._handing is not None:
            self._check_handing(self._handing)
        if self._waiting:
            self._check_drain()
        self._reconfiguring.on_turn()

    def timeout_ms(self, timeout_ms: int) -> int:
        """How long the loop may sleep."""
        return min(timeout_ms, PROGRESS_NS // 1_000_000) if self._is_busy else timeout_ms

    @property
    def _is_busy(self) -> bool:
        return self._handing is not None or bool(self._waiting) or self._reconfiguring.is_busy

    def on_hand_over_failed(self, reason: str) -> None:
        """The core's word; it need not be us who asked."""
        self._draining.on_refused()
        handing, self._handing = self._handing, None
        if handing is not None:
            self._send(handing.stream, ControlRefused(f"{reason}: {self._followers()}"))

    # What is asked -----------------------------------------------------------------------------

    def _on_message(self, stream: StreamId, message: Message) -> None:
        if isinstance(message, ControlHello):
            self._on_hello(stream, message)
        elif stream not in self._greeted:
            self._refuse(stream, "say hello first")
        elif isinstance(message, HandOverWanted):
            self._on_hand_over(stream, message)
        elif isinstance(message, DrainWanted):
            self._on_drain(stream, message)
        elif isinstance(message, MembersWanted):
            self._reconfiguring.tell(stream)
        elif isinstance(message, NewMembersWanted):
            self._on_new_members(stream, message)
        else:
            self._refuse(stream, f"a member is not told {type(message).__name__}")

    def _on_hello(self, stream: StreamId, hello: ControlHello) -> None:
        if hello.version != CONTROL_VERSION:
            self._refuse(
                stream, f"this command is of Corral {hello.program}, the member runs {version('corral')}: "
                "use the `corral` of the member's version, or restart the member with the new one")
            return
        self._greeted.add(stream)
        self._send(stream, ControlWelcome(self._me))

    def _on_hand_over(self, stream: StreamId, wanted: HandOverWanted) -> None:
        refusal = self._cannot("hand over") or self._refusal(wanted.heir)
        if refusal:
            self._send(stream, ControlRefused(refusal))
            return
        self._log.info("hand_over_asked", heir=wanted.heir)
        self._handing = _Handing(stream, wanted.heir, clock_ns())
        self._step(events.HandOver(MemberId(wanted.heir), wanted.within_ms))

    def _on_new_members(self, stream: StreamId, wanted: NewMembersWanted) -> None:
        refusal = self._cannot("change") or self._reconfiguring.refusal
        if refusal:
            self._send(stream, ControlRefused(refusal))
        else:
            self._reconfiguring.ask(stream, wanted)

    def _cannot(self, what: str) -> str:
        """Why no operator's wish that is a leader's to fulfil can be; "" if it can."""
        member = self._member
        if not member.is_serving:
            return f"no quorum serves, so there is nothing to {what}: see `corral status`"
        if member.role != "leader":
            return f"member {self._me} does not lead: member {member.leader} does, {self._address(member.leader)}"
        return ""

    def _refusal(self, heir: int) -> str:
        """Why leadership cannot be handed over to *heir*; "" if it may be tried."""
        member = self._member
        if len(member.voters) == 1 and self._me in member.voters:
            return f"member {self._me} is the only voter: there is nobody to hand over to"
        if heir == self._me:
            return f"member {heir} leads already"
        if heir and heir not in member.voters:
            return f"member {heir} does not vote: the voters are {', '.join(map(str, member.voters))}"
        if self._handing is not None:
            return "leadership is being handed over already: wait for the end of that"
        return ""

    def _on_drain(self, stream: StreamId, wanted: DrainWanted) -> None:
        self._log.info("draining" if wanted.on else "drain_undone")
        self._draining.drain(on=wanted.on, over_ms=wanted.over_ms)
        if wanted.on:
            self._waiting[stream] = 0
            return
        waiting, self._waiting = self._waiting, {}
        for other in waiting:
            if other != stream:
                self._send(other, ControlRefused("the drain was undone meanwhile"))
        self._send(stream, DrainProgress(0))

    # What came of it ---------------------------------------------------------------------------

    def _check_handing(self, handing: _Handing) -> None:
        member, took_ns = self._member, clock_ns() - handing.began_ns
        if member.role == "leader":
            return  # HandOverFailed comes, or the end of leading
        if member.is_serving:
            self._send(handing.stream, HandOverDone(member.leader, member.epoch, took_ns / 1e6))
        elif took_ns > SETTLE_NS:
            self._send(handing.stream, ControlRefused(
                "this member has ceased to lead, and has found no other leader yet: see `corral status`"))
        else:
            return
        self._handing = None

    def _check_drain(self) -> None:
        now_ns, left = clock_ns(), self._connections()
        is_over = left == 0 and not self._leads()
        for stream, told_ns in list(self._waiting.items()):
            if is_over:
                del self._waiting[stream]
            elif now_ns - told_ns < PROGRESS_NS:
                continue
            else:
                self._waiting[stream] = now_ns
            self._send(stream, DrainProgress(left, self._remark()))

    def _connections(self) -> int:
        """Of clients, as the processors told them last; -1: not all have heard of the drain, or have answered."""
        processors = [each for each in self._local if each.hello.role == "processor"]
        counts = [each.counters.get("clients") for each in processors]
        if not all(each.counters.get("draining") for each in processors):
            return -1
        return sum(count for count in counts if isinstance(count, int))

    def _leads(self) -> bool:
        """Still, and will not for long."""
        return self._member.role == "leader" and not self._draining.is_refused

    def _remark(self) -> str:
        if self._member.role != "leader" or not self._draining.is_refused:
            return ""
        return f"it still leads, because nobody can take over: {self._followers()}"

    def _followers(self) -> str:
        """Each other voter's state, for who asks why leadership stays."""
        learners = {each.member: each for each in self._member.learners}
        return "; ".join(
            f"member {voter} {self._state(learners.get(voter))}" for voter in self._member.voters if voter != self._me)

    def _state(self, learner: LearnerStatus | None) -> str:
        if learner is None:
            return "is not connected"
        if learner.phase != "serving":
            return f"is being synchronised ({learner.phase})"
        if not learner.has_processor:
            return "has no working processor 0, or is drained"
        return f"lacks {max(self._member.last_zxid - learner.durable, 0)} requests"

    # The link ----------------------------------------------------------------------------------

    def _address(self, member: int) -> str:
        return self._addresses.get(member, "at an address that this configuration does not name")

    def _send(self, stream: StreamId, message: Message) -> None:
        self._listener.send(stream, encode(message))

    def _refuse(self, stream: StreamId, reason: str) -> None:
        self._send(stream, ControlRefused(reason))
        self._end(stream)

    def _end(self, stream: StreamId) -> None:
        self._listener.drop(stream)
        self._forget(stream)

    def _forget(self, stream: StreamId) -> None:
        self._greeted.discard(stream)
        self._waiting.pop(stream, None)
        self._reconfiguring.forget(stream)
        if self._handing is not None and self._handing.stream == stream:
            self._handing = None
