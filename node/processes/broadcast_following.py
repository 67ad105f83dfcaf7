"""What comes from the leader on the stream to it."""

from collections.abc import Callable

import msgspec

from node.processes.broadcast_leader import LeaderStream
from node.processes.broadcast_status import Status
from node.processes.broadcast_timings import BroadcastTimings
from node.processes.limited_log import LimitedLog
from node.zab import events
from node.zab.events import Event
from node.zab.member import Member
from transport.entry import RECORD
from transport.messages import Ping, Records
from transport.sockets import StreamGapError


class LeaderMessages:
    """*step*: hands an event to the core."""

    def __init__(
        self, leader: LeaderStream, *, step: Callable[[Event], None], member: Member, status: Status,
        timings: BroadcastTimings, log: LimitedLog,
    ) -> None:
        self._leader, self._step, self._member = leader, step, member
        self._status, self._timings, self._log = status, timings, log

    def receive(self, messages_max: int) -> None:
        try:
            for event in self._leader.receive(messages_max):
                if isinstance(event, events.FromLeader) and isinstance(event.message, Ping):
                    self._status.on_ping(event.message.committed)
                before = self._member.last_zxid
                self._step(event)
                if self._member.last_zxid > before:
                    self._on_received(event)
        except (StreamGapError, msgspec.MsgspecError) as error:
            self._log.log_limited("stream_ended", reason=str(error), leader=self._leader.leader)
            if self._leader.stream is not None:
                self._step(self._leader.lost())

    def _on_received(self, event: Event) -> None:
        if isinstance(event, events.FromLeader) and isinstance(event.message, Records):
            first_zxid = RECORD.unpack_from(event.message.data)[0]
            self._timings.on_received(first_zxid, self._member.last_zxid)
