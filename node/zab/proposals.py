"""What a leader has proposed in its epoch, and how much of it a quorum has durable: Zab's third phase.

Records go to the learners before they go to the own log: the leader's own ack waits for its own disk
like any other, and the disks work at the same time.
"""

from collections import deque

from node.zab.control import Change
from node.zab.core import Core
from node.zab.effects import Send
from node.zab.errors import ProtocolError
from node.zab.events import Propose, StreamId
from node.zab.learner_stream import LearnerStream, Phase
from transport.entry import ControlEntry, Kind, RecordHeader, pack_control, pack_record, read_record_header
from transport.messages import Backed, Commit, Records
from transport.zxid import Epoch, MemberId, Zxid, make_zxid


class Proposals:
    """*learners*: the leader's own table."""

    def __init__(self, core: Core, learners: dict[StreamId, LearnerStream]) -> None:
        self.core = core
        self.learners = learners
        self.initial_end = core.history.last  # the history that the epoch begins with
        self.uncommitted_bytes = 0
        self._uncommitted: deque[tuple[Zxid, int]] = deque()
        self._ends: set[Zxid] = set()  # where these records end
        self._acked = Zxid(0)  # the highest ack of any learner

    # --- proposed ---

    def propose(self, event: Propose, *, flags: int) -> None:
        """Zab, step l.3.1."""
        history = self.core.history
        first_zxid, version = Zxid(history.last + 1), history.record_version
        record = pack_record(
            first_zxid=first_zxid, count=event.count, time_ms=event.time_ms, body=event.body, flags=flags,
            version=version)
        self._log(record, RecordHeader(
            first_zxid, event.count, Kind.BATCHES, version, flags, event.time_ms, len(event.body)))

    def propose_control(self, change: Change, epoch: Epoch) -> None:
        core, history = self.core, self.core.history
        zxid = make_zxid(epoch=epoch, counter=0) if change.kind is Kind.EPOCH else history.last + 1
        record = pack_control(
            zxid=zxid, kind=change.kind, time_ms=core.now_ms + core.wall_offset_ms, entry=change.entry,
            version=history.record_version)
        self._log(record, read_record_header(record), change.entry)
        for learner in change.admitted:
            learner.has_vote = True
            learner.votes_from = history.control_zxid

    def _log(self, record: bytes, header: RecordHeader, entry: ControlEntry | None = None) -> None:
        core, history = self.core, self.core.history
        after, last, now_ms = history.last, header.last_zxid, core.now_ms
        window = core.config.window_bytes
        records = Records(record, history.committed)  # one object for all: the shell encodes it once
        for learner in self.learners.values():
            if learner.push(records, last=last, window=window, now_ms=now_ms, after=after):
                core.effects.append(Send(learner.stream, records))
        core.effects.append(history.append(record, header, entry))
        self.uncommitted_bytes += len(record)
        self._uncommitted.append((last, len(record)))
        self._ends.add(last)

    # --- acked ---

    def on_ack(self, learner: LearnerStream, zxid: Zxid) -> None:
        """Raises ProtocolError: of what it was never sent, or of a part of a record, of which nothing is committed."""
        if zxid not in self._ends and zxid > max(self.core.history.committed, self.initial_end):
            raise ProtocolError(f"member {learner.member} acks {zxid:#x}, where no record ends")
        learner.on_ack(zxid, self.core.now_ms)
        self._acked = max(self._acked, learner.durable)

    def commit(self) -> bool:
        """What a quorum has durable. Only records of this epoch get here: all count from its start on.

        Whether the last control entry is among it.
        """
        history = self.core.history
        zxid = self.core.electorate.committed(self._acks(), changed_at=history.control_zxid)
        before = history.committed
        if zxid is None or zxid <= before:
            return False
        history.commit(zxid)
        uncommitted = self._uncommitted
        while uncommitted and uncommitted[0][0] <= zxid:
            end, size = uncommitted.popleft()
            self.uncommitted_bytes -= size
            self._ends.discard(end)
        return before < history.control_zxid <= history.committed

    def _acks(self, *, but: LearnerStream | None = None) -> dict[MemberId, int]:
        """What each has durable that counts; *but*: leave this one out."""
        acks: dict[MemberId, int] = {self.core.me: self.core.history.durable}
        for learner in self.learners.values():
            ack = learner.counted_ack()
            if ack is not None and learner is not but:
                acks[learner.member] = ack
        return acks

    # --- told ---

    def tell(self) -> None:
        """The learners, once a turn, what is committed by now and was not told with a record."""
        core, history = self.core, self.core.history
        committed = history.committed
        # Nothing more is backed than somebody has durable.
        may_be_backed = (
            history.last > committed < max(history.durable, self._acked) and not core.electorate.before)
        for learner in self.learners.values():
            if learner.told_committed < committed and learner.phase is Phase.SERVING:
                learner.told_committed = committed
                core.effects.append(Send(learner.stream, Commit(committed)))
            elif may_be_backed:
                self._tell_backed(learner)

    def _tell_backed(self, learner: LearnerStream) -> None:
        """A member that learns of a commit by itself (design, section 2).

        Its ack, once durable, counts here for certain: it has the epoch persisted and an identical prefix.
        """
        if learner.phase is not Phase.SERVING or learner.counted_ack() is None:
            return
        backed = Zxid(self.core.electorate.now.backed(self._acks(but=learner), learner.member))
        if backed > max(learner.told_backed, learner.told_committed):
            learner.told_backed = backed
            self.core.emit(Send(learner.stream, Backed(backed)))
