"""When a write was committed for its client, and which members that took.

A follower that was told how many others have a record commits it by its own disk (Backed, node/zab/follower.py), often
before the leader has counted the quorum. Whether it did is decided by differences of one clock each: a batch is sent
before it is taken, an ack before it comes, so what took the one less time than the other had happened earlier.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from observability.told import Process
from transport.timings import Note


class Completion(NamedTuple):
    """By the leader's clock: what the client waited for had ended at *at_ns* at the latest, *leader_ns*: it counted.

    *by*: the member whose copy completed it. *quorum*: the others that the client's member needed, and itself; None:
    the client's member is the leader, or too little is known of it.
    """

    by: int
    at_ns: int
    leader_ns: int
    quorum: frozenset[int] | None

    @property
    def is_by_origin(self) -> bool:
        """Before the leader knew."""
        return self.at_ns < self.leader_ns


def completion(
    lead: Process, own: Process, broadcasts: Mapping[int, Process], *, leader: int, origin: int, members: int,
) -> Completion | None:
    """*own*: the origin's processor; *broadcasts*: of who answered. None: the leader tells of no quorum."""
    committed = lead.kinds.get(Note.COMMITTED)
    if committed is None:
        return None
    by, at_ns, quorum = committed.who, committed.at_ns, None
    if origin != leader:
        quorum = _quorum(lead, leader=leader, origin=origin, needed=members // 2)
        known_ns = min(_known_at_the_latest(lead, own, broadcasts.get(origin), origin), default=at_ns)
        if quorum is not None and known_ns < at_ns:
            by, at_ns = origin, known_ns
    return Completion(by, at_ns, committed.at_ns, quorum)


def _known_at_the_latest(lead: Process, own: Process, theirs: Process | None, origin: int) -> Iterator[int]:
    """When the origin knew it to be committed: bounds by the leader's clock."""
    if theirs is None:
        return
    known_ns = theirs.at(Note.COMMITTED) or theirs.at(Note.PUBLISHED)
    submitted, taken = own.at(Note.SUBMITTED), lead.at(Note.TAKEN)
    ack_sent, acked = theirs.at(Note.ACK_SENT), lead.acked.get(origin)
    if known_ns is None:
        return
    if submitted is not None and taken is not None:
        yield taken + known_ns - submitted
    if ack_sent is not None and acked is not None:
        yield acked.at_ns + known_ns - ack_sent


def _quorum(lead: Process, *, leader: int, origin: int, needed: int) -> frozenset[int] | None:
    """The origin, and so many others as it *needed*: the first whose copies the leader knew to be durable."""
    durable = {follower: acked.at_ns for follower, acked in lead.acked.items() if follower != origin}
    synced = lead.at(Note.SYNCED)
    if synced is not None:
        durable[leader] = synced
    first = sorted(durable, key=lambda member: durable[member])[:needed]
    return frozenset({origin, *first}) if len(first) == needed else None
