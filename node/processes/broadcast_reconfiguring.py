"""The members as the operator asks for them on the leader's own machine: `corral reconfig`.

No request in the log stands for it, so it has a number of its own, below 0: zxids are not. What becomes of it the log
says, as of a client's.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger

from node.processes.broadcast_reconfig import Reconfigs
from node.zab.events import StreamId
from node.zab.member import Member
from transport.messages import ControlRefused, MembersAre, Message, NewMembersWanted, ReconfigAnswer

INTENT_BITS: Final = 62


@dataclass
class _Change:
    """Under way, asked for on *stream* in the leader's *epoch*."""

    stream: StreamId
    intent: int
    epoch: int


class Reconfiguring:
    def __init__(
        self, member: Member, reconfigs: Reconfigs, *, send: Callable[[StreamId, Message], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._member, self._reconfigs, self._send, self._log = member, reconfigs, send, log
        self._change: _Change | None = None

    @property
    def is_busy(self) -> bool:
        return self._change is not None

    @property
    def refusal(self) -> str:
        """Why nothing can be asked for; "" if it can."""
        return "the members are being changed already: wait for the end of that" if self._change is not None else ""

    def tell(self, stream: StreamId) -> None:
        control = self._member.control
        if control is None or not control.servers:
            self._send(stream, ControlRefused(
                "the log does not name the members: this one is standalone (standaloneEnabled=false in zoo.cfg makes "
                "it the first of several), or has no data yet, or not all run a version that can reconfigure"))
            return
        self._send(stream, MembersAre(control.config_version, control.servers, control.voters))

    def ask(self, stream: StreamId, wanted: NewMembersWanted) -> None:
        """Of the leader, that serves."""
        change = _Change(stream, -1 - secrets.randbits(INTENT_BITS), self._member.epoch)
        self._change = change
        self._log.info("reconfig_asked", servers=wanted.servers)
        self._reconfigs.ask(change.intent, wanted.version, wanted.servers, self._on_refused, is_operators=True)

    def _on_refused(self, answer: ReconfigAnswer) -> None:
        change = self._change
        if change is not None and change.intent == answer.intent:
            self._end(change, ControlRefused(answer.reason))

    def on_turn(self) -> None:
        change, member = self._change, self._member
        if change is None or member.control is None:
            return
        if member.control.intent == change.intent:
            if member.control.config_version <= member.committed:
                self._change = None
                self.tell(change.stream)
        elif member.role != "leader" or member.epoch != change.epoch:
            self._end(change, ControlRefused("another member leads meanwhile, and nothing was changed: ask again"))

    def _end(self, change: _Change, answer: ControlRefused) -> None:
        self._change = None
        self._send(change.stream, answer)

    def forget(self, stream: StreamId) -> None:
        """Who asked has gone; what was ordered stays so."""
        if self._change is not None and self._change.stream == stream:
            self._change = None
