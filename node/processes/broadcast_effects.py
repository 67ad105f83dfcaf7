"""The core's effects, performed strictly in their order: a table from each kind to who performs it."""

from collections.abc import Callable
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from node.processes.broadcast_acks import Acks
from node.processes.broadcast_disk import Disk
from node.processes.broadcast_history import History
from node.processes.broadcast_lease import MemberLease
from node.processes.broadcast_local import Local
from node.processes.broadcast_outgoing import Outgoing
from node.processes.broadcast_records import Records
from node.processes.broadcast_status import Status
from node.processes.broadcast_streams import Streams
from node.processes.broadcast_submit import Submissions
from node.processes.broadcast_timings import BroadcastTimings
from node.zab import effects
from node.zab.member import Member
from observability.logging import log_event
from transport.clock import clock_ns
from transport.messages import Differs, Look, Settled, SnapshotHandedOut, Watermark
from transport.zxid import Zxid

_OTHERS: Final = {"member": "of_member", "process": "of_process"}  # fields of reports about others


class Effects:
    """*perform* is the only way out of the core."""

    def __init__(
        self, *, member: Member, disk: Disk, records: Records, streams: Streams, history: History, outgoing: Outgoing,
        acks: Acks, local: Local, lease: MemberLease, submissions: Submissions, status: Status,
        timings: BroadcastTimings, log: FilteringBoundLogger, on_hand_over_failed: Callable[[str], None],
        on_reconfig_refused: Callable[[effects.ReconfigRefused], None],
    ) -> None:
        self._on_hand_over_failed, self._on_reconfig_refused = on_hand_over_failed, on_reconfig_refused
        self._member, self._disk, self._records, self._streams = member, disk, records, streams
        self._history, self._outgoing, self._acks, self._local = history, outgoing, acks, local
        self._lease, self._submissions, self._status = lease, submissions, status
        self._timings, self._log = timings, log
        self._mark: tuple[Zxid, int, int] | None = None  # the watermark to be told at the end of the turn
        self._performers = self._table()

    def perform(self, performed: list[effects.Effect]) -> None:
        if not performed:
            return
        for effect in performed:
            if type(effect) is effects.Append:
                # Before all else, since it may be sent to learners before it is appended here.
                self._records.remember(effect.record)
                self._status.figures.on_append(effect.record)
                self._acks.on_append(
                    effect.record, leader=self._lease.newest.leader, voters=self._member.voters)
        performers = self._performers
        for effect in performed:
            performers[type(effect)](effect)

    def publish(self) -> None:
        """To the member's own processes: the newest watermark, and all else that is told in its newest form only."""
        if self._mark is not None:
            (zxid, segment, offset), self._mark = self._mark, None
            at_ns = clock_ns()
            self._local.tell("watermark", Watermark(zxid, segment, offset, at_ns))
            self._timings.on_published(zxid, offset, at_ns)
        self._local.publish()

    def _table(self) -> dict[type, Callable[[Any], None]]:
        disk, history, outgoing = self._disk, self._history, self._outgoing
        return {
            effects.Append: history.append,
            effects.Send: outgoing.send,
            effects.SendRecords: outgoing.send_records,
            effects.SendSnapshot: self._send_snapshot,
            effects.SendLeader: outgoing.send_leader,
            effects.Flush: history.flush,
            effects.Watermark: self._watermark,
            effects.Lease: self._on_lease,
            effects.AcceptBatches: self._accept_batches,
            effects.Connect: outgoing.connect,
            effects.Disconnect: self._disconnect,
            effects.Drop: outgoing.drop,
            effects.Look: self._look,
            effects.Settle: self._settle,
            effects.SaveAcceptedEpoch: lambda e: disk.epochs.save_accepted(e.epoch),
            effects.SaveCurrentEpoch: lambda e: disk.epochs.save_current(e.epoch),
            effects.TruncateLog: history.truncate,
            effects.ReceiveSnapshot: history.receive_snapshot,
            effects.Initialised: lambda _: disk.consume_mark(),
            effects.ToProcessor: self._to_processor,
            effects.HandOverFailed: lambda e: self._on_hand_over_failed(e.reason),
            effects.ReconfigRefused: self._on_reconfig_refused,
            effects.Report: self._report,
        }

    def _send_snapshot(self, effect: effects.SendSnapshot) -> None:
        self._streams.send_snapshot(effect)
        snapshotter = self._local.find("snapshotter")
        if snapshotter is not None:
            self._local.send(snapshotter.stream, SnapshotHandedOut(effect.zxid))

    # The member's role -------------------------------------------------------------------------

    def _on_lease(self, effect: effects.Lease) -> None:
        if self._lease.take(effect):
            self._status.is_changed = True
        if not effect.until_ms:
            # Before anything else that this step does or says: who is told that we serve no more relies on it.
            self._local.publish()

    def _accept_batches(self, effect: effects.AcceptBatches) -> None:
        self._timings.on_leadership()
        if effect.accept:
            self._submissions.open(effect.epoch)
        else:
            self._submissions.close(self._lease.newest.leader)

    def _disconnect(self, _: effects.Disconnect) -> None:
        self._disk.discard_received()
        self._outgoing.disconnect()

    def _look(self, effect: effects.Look) -> None:
        self._disk.discard_received()
        self._timings.on_look()
        self._local.tell("election", Look(
            effect.round, effect.current_epoch, effect.last_zxid, effect.votes, list(effect.voters),
            effect.lost, effect.lost_epoch, effect.stands, effect.supports, list(effect.voters_before),
            self._member.control.reconfigured if self._member.control is not None else {},
            effect.hierarchy, effect.hierarchy_before))
        self._status.is_changed = True

    def _settle(self, effect: effects.Settle) -> None:
        self._local.tell("election", Settled(effect.round, effect.leader, effect.epoch))
        self._status.is_changed = True

    # To the member's processes, and to its operator --------------------------------------------

    def _watermark(self, effect: effects.Watermark) -> None:
        self._mark = (effect.zxid, *self._disk.log.position(effect.zxid))

    def _to_processor(self, effect: effects.ToProcessor) -> None:
        if isinstance(effect.message, Differs):
            self._status.on_differs(effect.message.process)
        self._local.pass_to_processor(effect.message)

    def _report(self, effect: effects.Report) -> None:
        self._status.figures.on_report(effect)
        self._status.is_changed = True
        # A line's own member and process are those that wrote it.
        fields = {_OTHERS.get(name, name): value for name, value in effect.fields.items()}
        log_event(self._log, effect.event, fields, alarm=effect.alarm)
