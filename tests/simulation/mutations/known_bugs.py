"""What went wrong in ZooKeeper itself: which mutation stands for it here, or why it cannot exist."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownBug:
    """*issues*: of ZooKeeper's tracker. *mutations*: by name; none: *reason*."""

    issues: str
    scenario: str
    mutations: tuple[str, ...] = ()
    reason: str = ""


KNOWN_BUGS = (
    KnownBug(
        "2845, 2678", "the tree in memory holds what was never committed",
        ("replicas see what is not on this disk", "after a restart all of the log counts as committed")),
    KnownBug(
        "3023, 3911", "NEWLEADER is acked before the history is on the disk",
        ("AckNewLeader before the history is durable",)),
    KnownBug(
        "3104", "NEWLEADER is taken before the snapshot is complete",
        ("a snapshot is acked before it is in its place", "a received snapshot is renamed before it is synced")),
    KnownBug(
        "3642", "the rest of an incomplete snapshot is built upon",
        ("the old history goes before the new one is complete",)),
    KnownBug(
        "4394", "a commit between NEWLEADER and UPTODATE finds its proposal in another queue",
        reason="every record goes straight to the log, in one order: there is no second queue"),
    KnownBug(
        "4643, 4785", "currentEpoch is saved before the history of the epoch is on the disk",
        ("currentEpoch before the history is durable",)),
    KnownBug("4646", "what the log thread has not flushed is acked", ("Ack before the record is durable",)),
    KnownBug(
        "4685", "the ack of a proposal overtakes that of NEWLEADER",
        reason="one process sends both, on one ordered stream, and acks are positions: an earlier one says less"),
    KnownBug(
        "4712, 4541, 4502", "a log thread of before writes on while the data are read anew",
        ("two broadcast processes write one log",)),
    KnownBug("4925", "a hole in the list of committed proposals is passed on", ("a gap between records is accepted",)),
    KnownBug(
        "4882", "what the disk refused for a moment is committed by others, and missing here",
        ("a failed sync is tried again",)),
    KnownBug("5094", "a truncation is interrupted, and memory is ahead of the log", ("a truncation leaves no note",)),
    KnownBug(
        "3526", "a read-only server's bounds of its log are wrong, and it is truncated",
        reason="there is one source of positions, the end of the log on the disk; read-only clients are served by "
        "processors, which have no say in it"),
    KnownBug(
        "4352", "records are sent from where the log no longer reaches",
        ("records are sent from a log that was purged",)),
    KnownBug(
        "2325, 3056, 3644", "data are missing, and the member starts empty",
        ("a member without its disk votes",)),
    KnownBug(
        "2832, 1277, 2789, 4883", "the counter of the zxid overflows",
        reason="no run is that long: it has 40 bits, and a leader gives up before they are used up (the tests of the "
        "leader)"),
    KnownBug(
        "3125, 3145, 3249, 3144, 4846", "a log is replayed over a snapshot that has part of it already",
        ("a snapshot holds a record more than its name says",)),
    KnownBug(
        "3531, 2847", "a lock is held while a slow peer is served",
        reason="there are no locks: learners are served from files, piece by piece, as far as their credit goes"),
    KnownBug(
        "3575, 4074", "a blocking write to a peer stops everything",
        reason="no send blocks, and who is out of credit for too long is dropped: the faults `stuck link` and "
        "`stop broadcast`"),
    KnownBug(
        "1624, 1046", "a failed multi leaves its mark on the parent, and sequence numbers repeat",
        ("a failed multi leaves what it has counted",)),
    KnownBug(
        "4743", "a node's version wraps to -1",
        reason="no run is that long: the tests of setData have it"),
    KnownBug(
        "2899, 3253", "a client's numbers wrap into those that have a meaning",
        reason="no run is that long; the server puts no meaning into them, it hands them back"),
    KnownBug(
        "issue 1 of the protocol's specification", "proposals go only to those that have acked NEWLEADER",
        reason="a cursor for each learner, from AckEpoch on: what was not sent is sent next; a gap is refused "
        "(a gap between records is accepted)"),
    KnownBug(
        "issue 2 of the protocol's specification", "a proposal comes twice",
        reason="streams number their messages, and a record that does not follow the log's end is refused "
        "(a gap between records is accepted)"),
    KnownBug(
        "issue 3 of the protocol's specification", "UPTODATE says nothing of what is committed",
        reason="UpToDate carries the last committed zxid, and so does every Records"),
)
