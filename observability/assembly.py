"""From notes to stages: the Timeline of one write, out of what each member tells of it.

Every duration is the difference of two times of one machine. What spans two members (forward) says how uncertain it is.
To put members side by side their clocks are moved to the origin's: by the estimate (clocks.py), narrowed by what this
write itself proves, since nothing is received before it is sent.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from observability.clocks import Offset, narrowed
from observability.completion import Completion, completion
from observability.ring import Noted
from observability.timeline import Clock, Stage, Timeline, Write
from observability.told import Process, Told
from observability.verdict import Usual, verdict_of
from transport.timings import Note

STALL_SHOWN_NS = 1_000_000
NOBODY = 0


class Entry(NamedTuple):
    """A write as the log has it: *member*, *processor*: who took it; the batch and the record that it stands in."""

    write: Write
    member: int
    processor: int
    batch_first: int
    batch_requests: int
    record_first: int
    record_requests: int
    record_bytes: int

    @property
    def record_last(self) -> int:
        return self.record_first + self.record_requests - 1


def unknown_write(zxid: int) -> Write:
    return Write(zxid=zxid, session=0, xid=0, op="", path="", bytes=0, error=None, known=False)


def assemble(
    zxid: int, entry: Entry | None, members: Mapping[int, Told], missing: list[int], usual: Usual | None = None,
) -> Timeline:
    """*members*: those who answered, the asking one too. *missing*: those who did not. *usual*: see verdict.py."""
    return _Assembly(zxid, entry, members, len({*members, *missing})).timeline(missing, usual)


class _Assembly:
    def __init__(self, zxid: int, entry: Entry | None, members: Mapping[int, Told], ensemble: int) -> None:
        """*ensemble*: how many members it has."""
        self.zxid = zxid
        self.entry = entry
        self.stages: list[Stage] = []
        self.members = {each: members[each] for each in sorted(members)}
        self.leader = self._leader()
        self.origin, self.processor = self._origin()
        self.own = self._own_process()
        self.lead = members[self.leader].broadcast if self.leader in members else Process("broadcast")
        self.completion = completion(
            self.lead, self.own, {each.member: each.broadcast for each in members.values()},
            leader=self.leader, origin=self.origin, members=ensemble)
        reference = members.get(self.origin) or members.get(self.leader) or next(iter(self.members.values()))
        self.offsets = {each.member: self._offset(each) for each in self.members.values()}
        self.reference = self.offsets[reference.member]
        self.wall_ns = reference.wall_ns

    # Who ---------------------------------------------------------------------------------------

    def _leader(self) -> int:
        for member, told in self.members.items():
            if Note.PROPOSED in told.broadcast.kinds:
                return member
        for told in self.members.values():
            for process in told.processors:
                if Note.SUBMITTED in process.kinds:
                    return process.kinds[Note.SUBMITTED].who
            if Note.EPOCH in told.broadcast.kinds:
                return told.broadcast.kinds[Note.EPOCH].who
        return NOBODY

    def _origin(self) -> tuple[int, int]:
        """(member, index of its processor); a record of the leader's own has none: −1."""
        if self.entry is not None:
            return self.entry.member, self.entry.processor
        for member, told in self.members.items():
            for process in told.processors:
                if Note.READ in process.kinds:
                    return member, int(process.name.rpartition("-")[2])
        return self.leader, -1

    def _own_process(self) -> Process:
        name = f"processor-{self.processor}"
        told = self.members.get(self.origin)
        processors = told.processors if told is not None else []
        return next((each for each in processors if each.name == name), Process(name))

    # When --------------------------------------------------------------------------------------

    def _offset(self, told: Told) -> Offset:
        """From its clock to the leader's: all that a member sends goes there, and comes from there."""
        if self.leader not in self.members:
            return told.offset
        if told.member == self.leader:
            return Offset(0, 0)
        hub = self.members[self.leader].offset
        received, ack_sent = told.broadcast.at(Note.RECEIVED), told.broadcast.at(Note.ACK_SENT)
        proposed, taken = self.lead.at(Note.PROPOSED), self.lead.at(Note.TAKEN)
        acked = self.lead.acked.get(told.member)
        low = proposed - received if proposed is not None and received is not None else None
        high = acked.at_ns - ack_sent if acked is not None and ack_sent is not None else None
        submitted = self.own.at(Note.SUBMITTED)
        if told.member == self.origin and taken is not None and submitted is not None:
            high = taken - submitted if high is None else min(high, taken - submitted)
        return narrowed(
            Offset(told.offset.offset_ns - hub.offset_ns, told.offset.uncertainty_ns + hub.uncertainty_ns), low, high)

    def _when(self, member: int, at_ns: int) -> int:
        """Unix time by the origin's clock."""
        return at_ns + self.offsets[member].offset_ns - self.reference.offset_ns + self.wall_ns

    def _uncertainty_ns(self, member: int) -> int:
        return 0 if member == self.origin else self.offsets[member].uncertainty_ns + self.reference.uncertainty_ns

    def _clocks(self) -> list[Clock]:
        return [
            Clock(told.member, self._when(told.member, 0) - told.wall_ns, self._uncertainty_ns(told.member))
            for told in self.members.values()]

    # Stages ------------------------------------------------------------------------------------

    def timeline(self, missing: list[int], usual: Usual | None) -> Timeline:
        root = self._request()
        self._forward(root)
        self._propose(root)
        commit = self._commit(root)
        for told in self.members.values():
            self._append(told, commit)
        for follower, acked in sorted(self.lead.acked.items()):
            self._ack(follower, acked, commit)
        for told in self.members.values():
            for process in told.processors:
                self._apply(told, process, root)
        self._reply(root)
        for told in self.members.values():
            for process in told.processors:
                self._notify(told.member, process, root)
        self._surround(root)
        completed_by = self.completion.by if self.completion is not None else NOBODY
        quorum = self.completion.quorum if self.completion is not None else None
        read, replied = self.own.at(Note.READ), self.own.at(Note.REPLIED)
        total_ns = None if read is None or replied is None else replied - read
        return Timeline(
            write=self._write(), origin=self.origin, processor=self.processor, leader=self.leader,
            completed_by=completed_by, total_ns=total_ns, stages=self.stages, clocks=self._clocks(),
            missing=sorted(missing),
            verdict=verdict_of(
                self.stages, origin=self.origin, leader=self.leader, completed_by=completed_by, quorum=quorum,
                usual=usual))

    def _write(self) -> Write:
        write = unknown_write(self.zxid) if self.entry is None else self.entry.write
        failed = self.own.kinds.get(Note.FAILED)
        if failed is not None:
            return with_error(write, -failed.count)
        return with_error(write, 0 if Note.REPLIED in self.own.kinds else None)

    def _add(
        self, name: str, member: int, process: str, parent: int, begin_ns: int, end_ns: int, **values: Any,
    ) -> int:
        """Both times by the clock of *member*; values of None are left out."""
        known = {key: value for key, value in values.items() if value is not None}
        at = len(self.stages)
        self.stages.append(Stage(
            name, member, process, self._when(member, begin_ns), max(end_ns - begin_ns, 0), parent, known))
        return at

    def _stalled(self, process: Process, begin_ns: int, end_ns: int) -> float | None:
        stalled_ns = process.stalled_ns(begin_ns, end_ns)
        return seconds(stalled_ns) if stalled_ns >= STALL_SHOWN_NS else None

    def _worst_stall(self, *suspects: tuple[int, Process, int, int]) -> dict[str, Any]:
        """Of (member, process, from, to), each by its own clock: who did not run for longest, if anybody."""
        stalls = [(process.stalled_ns(begin, end), member, process.name) for member, process, begin, end in suspects]
        stalled_ns, member, name = max(stalls, default=(0, NOBODY, ""))
        if stalled_ns < STALL_SHOWN_NS:
            return {}
        return {"stalled_s": seconds(stalled_ns), "stalled_member": member, "stalled_process": name}

    def _request(self) -> int:
        """The root; where the origin's notes are missing, what the others' notes span (see _surround)."""
        read, replied = self.own.at(Note.READ), self.own.at(Note.REPLIED)
        requests = self.own.kinds[Note.READ].count if read is not None else None
        if read is None or replied is None:
            self.stages.append(Stage("request", self.origin, self.own.name, 0, 0, -1, {}))
            return 0
        return self._add(
            "request", self.origin, self.own.name, -1, read, replied, batch_requests=requests,
            stalled_s=self._stalled(self.own, read, replied))

    def _surround(self, root: int) -> None:
        stage = self.stages[root]
        parts = self.stages[:root] + self.stages[root + 1:]
        if stage.start_ns or not parts:
            return
        begin = min(each.start_ns for each in parts)
        end = max(each.start_ns + each.duration_ns for each in parts)
        self.stages[root] = Stage(stage.name, stage.member, stage.process, begin, end - begin, -1, {})

    def _forward(self, root: int) -> None:
        read, submitted = self.own.at(Note.READ), self.own.kinds.get(Note.SUBMITTED)
        taken = self.lead.kinds.get(Note.TAKEN)
        if read is None or submitted is None:
            return
        end_ns, uncertainty_ns = submitted.at_ns, 0
        if taken is not None:
            end_ns = self._moved(taken.at_ns, self.leader, self.origin)
            uncertainty_ns = self._uncertainty_ns(self.leader)
        is_own = taken is not None and self.origin == self.leader
        network_ns = self._way_to_the_leader(submitted.at_ns)
        parent = self._add(
            "forward", self.origin, self.own.name, root, read, end_ns,
            collect_s=seconds(submitted.at_ns - read), times_sent=submitted.part or None,
            queue_s=seconds(max(end_ns - submitted.at_ns, 0)) if is_own else None,
            network_s=None if network_ns is None else seconds(network_ns), uncertainty_s=seconds(uncertainty_ns),
            **self._worst_stall(
                (self.origin, self.own, read, submitted.at_ns),
                *self._stalls_on_the_way(end_ns - submitted.at_ns if is_own else network_ns)),
            **self._batch())
        self._election(parent, read, submitted.at_ns)

    def _stalls_on_the_way(self, waited_ns: int | None) -> list[tuple[int, Process, int, int]]:
        """Who may have let the batch or its record lie: the leader's broadcast, or the one of the origin."""
        suspects = []
        taken = self.lead.at(Note.TAKEN)
        if taken is not None and waited_ns is not None:
            suspects.append((self.leader, self.lead, taken - waited_ns, taken))
        told = self.members.get(self.origin)
        received = told.broadcast.at(Note.RECEIVED) if told is not None else None
        if told is not None and received is not None and waited_ns is not None:
            suspects.append((self.origin, told.broadcast, received - waited_ns, received))
        return suspects

    def _moved(self, at_ns: int, member: int, to: int) -> int:
        """A time of *member*'s clock by that of *to*."""
        return at_ns + self.offsets[member].offset_ns - self.offsets[to].offset_ns

    def _way_to_the_leader(self, submitted_ns: int) -> int | None:
        """In ns, both ways together: to the leader, and back with the record. None where origin and leader are one."""
        taken, sent = self.lead.at(Note.TAKEN), self.lead.at(Note.SENT)
        if self.origin == self.leader or taken is None or sent is None or self.origin not in self.members:
            return None
        received = self.members[self.origin].broadcast.kinds.get(Note.RECEIVED)
        if received is None:
            return None
        return max(received.at_ns - received.took_ns - submitted_ns - max(sent - taken, 0), 0)

    def _election(self, parent: int, read_ns: int, submitted_ns: int) -> None:
        """The batch was read before its epoch began: sent to a leader that was lost, or kept until there was one."""
        opened = self.members[self.origin].broadcast.kinds.get(Note.EPOCH)
        if opened is not None and read_ns < opened.at_ns:
            self._add(
                "election", self.origin, "broadcast", parent, read_ns, min(opened.at_ns, submitted_ns),
                leader=opened.who, epoch=opened.zxid >> 40)

    def _batch(self) -> dict[str, Any]:
        if self.entry is None:
            return {}
        last = self.entry.batch_first + self.entry.batch_requests - 1
        return {
            "batch_requests": self.entry.batch_requests, "shared_by": self.entry.batch_requests,
            "first_zxid": self.entry.batch_first, "last_zxid": last}

    def _record(self) -> dict[str, Any]:
        if self.entry is not None:
            return {
                "shared_by": self.entry.record_requests, "first_zxid": self.entry.record_first,
                "last_zxid": self.entry.record_last}
        proposed = self.lead.kinds.get(Note.PROPOSED)
        if proposed is None:
            return {}
        return {
            "shared_by": proposed.count, "first_zxid": proposed.zxid, "last_zxid": proposed.zxid + proposed.count - 1}

    def _propose(self, root: int) -> None:
        taken, proposed = self.lead.at(Note.TAKEN), self.lead.kinds.get(Note.PROPOSED)
        if taken is None or proposed is None:
            return
        self._add(
            "propose", self.leader, "broadcast", root, taken, proposed.at_ns,
            queue_s=seconds(max(proposed.at_ns - taken, 0)), record_requests=proposed.count,
            record_bytes=self.entry.record_bytes if self.entry is not None else None,
            stalled_s=self._stalled(self.lead, taken, proposed.at_ns), **self._batch())

    def _commit(self, root: int) -> int:
        proposed, completed = self.lead.at(Note.PROPOSED), self.completion
        if proposed is None or completed is None:
            return root
        return self._add(
            "commit", self.leader, "broadcast", root, proposed, completed.at_ns,
            completed_by=completed.by or None,
            leader_s=seconds(completed.leader_ns - proposed) if completed.is_by_origin else None,
            stalled_s=self._stalled(self.lead, proposed, completed.at_ns),
            **(self._record() if self._is_commit_shared(completed) else {}))

    def _is_commit_shared(self, completed: Completion) -> bool:
        """By the whole record: batches of several processors need not have ended for their clients at once."""
        entry = self.entry
        return not completed.is_by_origin or entry is None or entry.batch_requests == entry.record_requests

    def _append(self, told: Told, parent: int) -> None:
        process = told.broadcast
        had = process.kinds.get(Note.PROPOSED if told.member == self.leader else Note.RECEIVED)
        synced = process.kinds.get(Note.SYNCED)
        if had is None or synced is None:
            return
        at = self._add(
            "append", told.member, "broadcast", parent, had.at_ns, synced.at_ns,
            queue_s=seconds(had.took_ns) if had.kind == Note.RECEIVED else None,
            needed=self._is_copy_needed(told.member), stalled_s=self._stalled(process, had.at_ns, synced.at_ns),
            **self._record())
        first = process.synced_before + 1 if process.synced_before else None
        self._add(
            "fsync", told.member, "broadcast", at, synced.at_ns - synced.took_ns, synced.at_ns,
            first_zxid=first, last_zxid=synced.zxid, shared_by=_between(first, synced.zxid))

    def _is_copy_needed(self, member: int) -> bool | None:
        """Nobody sees what is not on the disk of their own member."""
        return True if member == self.origin != self.leader else self._is_needed(member)

    def _is_needed(self, member: int) -> bool | None:
        """Whether it was durable there, and the leader knew, before the client's quorum was complete."""
        known = self.lead.kinds.get(Note.SYNCED) if member == self.leader else self.lead.acked.get(member)
        if self.completion is None or known is None:
            return None
        if self.completion.is_by_origin and self.completion.quorum is not None:
            return member != self.origin and member in self.completion.quorum
        return known.at_ns <= self.completion.at_ns

    def _ack(self, follower: int, acked: Noted, parent: int) -> None:
        sent = self.lead.at(Note.SENT)
        if sent is None:
            return
        sent = min(sent, acked.at_ns)
        suspects = [(self.leader, self.lead, sent, acked.at_ns)]
        values: dict[str, Any] = {"follower": follower, "needed": self._is_needed(follower)}
        theirs = self.members[follower].broadcast if follower in self.members else Process("broadcast")
        received, ack_sent = theirs.kinds.get(Note.RECEIVED), theirs.at(Note.ACK_SENT)
        if received is not None and ack_sent is not None:
            values |= _taken_apart(acked.at_ns - sent, acked, received, ack_sent, theirs.at(Note.SYNCED))
            way_ns = acked.at_ns - sent - max(ack_sent - received.at_ns, 0)
            suspects.append((follower, theirs, received.at_ns - max(way_ns, 0), received.at_ns))
        self._add(
            "ack", self.leader, "broadcast", parent, sent, acked.at_ns, **values, **self._worst_stall(*suspects),
            **self._record())

    def _apply(self, told: Told, process: Process, root: int) -> None:
        published, applied = told.broadcast.at(Note.PUBLISHED), process.kinds.get(Note.APPLIED)
        if published is None or applied is None:
            return
        begin = applied.at_ns - applied.took_ns
        self._add(
            "apply", told.member, process.name, root, published, applied.at_ns,
            wait_s=seconds(max(begin - published, 0)), execute_s=seconds(applied.took_ns),
            learned_s=self._learned(told, published), unattended=bool(applied.part) or None,
            stalled_s=self._stalled(process, published, applied.at_ns),
            shared_by=applied.count or None, first_zxid=applied.zxid - applied.count + 1, last_zxid=applied.zxid)

    def _learned(self, told: Told, published_ns: int) -> float | None:
        """From the quorum, and this member's own disk, to the watermark that it gave to its processes."""
        committed, synced = self.lead.at(Note.COMMITTED), told.broadcast.at(Note.SYNCED)
        if committed is None or synced is None:
            return None
        # A follower that was told how many others have it may know before the leader does.
        return seconds(max(published_ns - max(self._moved(committed, self.leader, told.member), synced), 0))

    def _reply(self, root: int) -> None:
        applied, replied = self.own.at(Note.APPLIED), self.own.kinds.get(Note.REPLIED)
        if applied is None or replied is None:
            return
        self._add(
            "reply", self.origin, self.own.name, root, applied, replied.at_ns,
            stalled_s=self._stalled(self.own, applied, replied.at_ns), shared_by=replied.count,
            first_zxid=replied.zxid - replied.count + 1, last_zxid=replied.zxid)

    def _notify(self, member: int, process: Process, root: int) -> None:
        notified = process.kinds.get(Note.NOTIFIED)
        if notified is not None:
            self._add(
                "notify", member, process.name, root, notified.at_ns - notified.took_ns, notified.at_ns,
                watchers=notified.count)


def _taken_apart(
    whole_ns: int, acked: Noted, received: Noted, ack_sent_ns: int, synced_ns: int | None,
) -> dict[str, float]:
    """From sending a record to its ack, *whole_ns* by the leader's clock; the rest of it by the follower's."""
    residence_ns = max(ack_sent_ns - received.at_ns, 0)
    queue_ns = min(acked.took_ns + received.took_ns, max(whole_ns - residence_ns, 0))
    values = {
        "residence_s": seconds(residence_ns), "queue_s": seconds(queue_ns),
        "follower_queue_s": seconds(min(received.took_ns, queue_ns)),
        "network_s": seconds(max(whole_ns - residence_ns - queue_ns, 0))}
    if synced_ns is not None:
        values["held_s"] = seconds(max(ack_sent_ns - synced_ns, 0))
    return values


def seconds(duration_ns: int) -> float:
    return duration_ns / 1e9


def _between(first: int | None, last: int) -> int | None:
    """How many zxids; None across epochs."""
    return None if first is None or first >> 40 != last >> 40 else last - first + 1


def with_error(write: Write, error: int | None) -> Write:
    return Write(
        write.zxid, write.session, write.xid, write.op, write.path, write.bytes, error, write.known,
        write.trace_id, write.parent_id, write.client_sampled)
