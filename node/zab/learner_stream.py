"""The leader's view of one learner: how far the handshake is, a cursor over the log, and what is sent but not acked.

History and live records are the same code: the cursor says up to where records have been sent. While it stands at
the log's end and there is credit, a new record goes out directly; else the shell is asked for the next chunk from
memory or files. A learner that falls behind is not started over, and costs the quorum nothing.
"""

from collections import deque
from enum import IntEnum

from node.zab.effects import Effect, Send, SendRecords, SendSnapshot
from node.zab.errors import ProtocolError
from node.zab.events import StreamId
from node.zab.synchronisation import Mode, Plan
from transport.messages import AckEpoch, Hello, Records, Truncate
from transport.zxid import ZERO, MemberId, Zxid


class Phase(IntEnum):
    """In order: a learner only moves on."""

    HELLO = 0
    EPOCH_SENT = 1
    EPOCH_ACKED = 2
    SYNCHRONISATION = 3  # snapshot and records are being sent
    NEW_LEADER_SENT = 4
    SYNCHRONISED = 5  # AckNewLeader: from here on its acks count
    SERVING = 6  # UpToDate sent


class LearnerStream:
    def __init__(self, stream: StreamId, hello: Hello, *, has_vote: bool, now_ms: int) -> None:
        self.stream = stream
        self.hello = hello
        self.member = MemberId(hello.member)
        self.has_vote = has_vote
        self.votes_from = ZERO  # its acks count once they reach this: the entry that admitted it
        self.phase = Phase.HELLO
        self.ack_epoch: AckEpoch | None = None
        self.mode: Mode | None = None
        self.target = ZERO  # NewLeader goes out once the cursor is there
        self.cursor = ZERO  # records up to here have been sent
        self.durable = ZERO  # acked
        self.told_committed = ZERO
        self.told_backed = ZERO
        self.alive_ms = self.progress_ms = now_ms  # last message; last ack, or nothing was due
        self.echoed_ms: int | None = None  # send time of the newest ping that it has answered
        self.pong_at_ms = 0  # its clock, at its last Pong
        self.has_processor = False  # by its last Pong
        self.sync_ms = 0.0  # the same: what a sync of its log takes
        self.unacked_bytes = 0
        self._unacked: deque[tuple[Zxid, int]] = deque()
        self._asked: Zxid | None = None  # SendRecords or SendSnapshot is outstanding, up to here

    @property
    def is_live(self) -> bool:
        return self.phase >= Phase.SYNCHRONISATION and self._asked is None

    def counted_ack(self) -> Zxid | None:
        """What it has durable of this epoch, as far as that counts towards a quorum.

        Zab: only who has acknowledged NEWLEADER is in the epoch. An ack before that promises bytes on a disk whose
        currentEpoch may still lose an election against a log without them.
        """
        if self.has_vote and self.phase >= Phase.SYNCHRONISED and self.durable >= self.votes_from:
            return self.durable
        return None

    def begin(self, plan: Plan, *, target: Zxid, now_ms: int) -> list[Effect]:
        self.mode = plan.mode
        self.target = max(target, plan.start)
        self.cursor = plan.start
        self.durable = plan.point
        self.phase = Phase.SYNCHRONISATION
        self.progress_ms = now_ms
        if plan.mode is Mode.SNAP:
            self._asked = plan.start
            return [SendSnapshot(self.stream, plan.start)]
        return [Send(self.stream, Truncate(plan.point))]

    def on_snapshot_sent(self, zxid: Zxid, now_ms: int) -> None:
        assert self._asked == zxid, "a snapshot that was not asked for"
        self._asked = None
        self.progress_ms = now_ms

    def on_records_sent(self, zxid: Zxid, size: int, now_ms: int) -> None:
        assert self._asked is not None, "records that were not asked for"
        assert self.cursor < zxid <= self._asked
        self._asked = None
        self.sent(zxid, size, now_ms)

    def sent(self, zxid: Zxid, size: int, now_ms: int) -> None:
        self.cursor = zxid
        if zxid <= self.durable:
            return  # its ack was quicker than the shell's answer
        if not self._unacked:
            self.progress_ms = now_ms
        self._unacked.append((zxid, size))
        self.unacked_bytes += size

    def push(self, records: Records, *, last: Zxid, window: int, now_ms: int, after: Zxid) -> bool:
        """Whether the record behind *after* may go out at once; else it waits in the log for more()."""
        if not self.is_live or self.cursor != after or self.unacked_bytes >= window:
            return False
        self.sent(last, len(records.data), now_ms)
        self.told_committed = max(self.told_committed, Zxid(records.committed))
        return True

    def more(self, *, last: Zxid, committed: Zxid, window: int, chunk: int) -> list[Effect]:
        """What the cursor has not reached yet, as far as credit goes."""
        credit = window - self.unacked_bytes
        if not self.is_live or self.cursor >= last or credit <= 0:
            return []
        self._asked = last
        self.told_committed = max(self.told_committed, committed)
        return [SendRecords(self.stream, self.cursor, last, min(chunk, credit), committed)]

    def on_ack(self, zxid: Zxid, now_ms: int) -> None:
        """Raises ProtocolError: it acks what it was never sent."""
        if zxid > (self._asked or self.cursor):
            raise ProtocolError(f"member {self.member} acks {zxid:#x}, sent up to {self.cursor:#x}")
        if zxid <= self.durable:
            return
        self.durable = zxid
        self.progress_ms = now_ms
        unacked = self._unacked
        while unacked and unacked[0][0] <= zxid:
            self.unacked_bytes -= unacked.popleft()[1]

    def is_stuck(self, *, now_ms: int, limit_ms: int) -> bool:
        """It says nothing, or acks nothing of what it was sent."""
        if now_ms - self.alive_ms > limit_ms:
            return True
        return bool(self._unacked) and now_ms - self.progress_ms > limit_ms
