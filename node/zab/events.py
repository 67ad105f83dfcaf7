"""What can happen to the ZAB core: the closed list. Time is an argument of `Member.step`, in ms, monotonic.

The shell hands in all that waits, in order, then a TurnEnd; a Tick when `Member.deadline_ms` has come.
"""

from dataclasses import dataclass

from transport.hierarchy import Hierarchy
from transport.messages import EpochTable, Message
from transport.zxid import Epoch, MemberId, Zxid

StreamId = bytes  # the ROUTER's id of a learner's or processor's stream
Failure = Exception  # compiled, a dataclass looks for its fields' types among this module's names alone


@dataclass(frozen=True, slots=True)
class Recovered:
    """What storage found at the start of the process: the core's whole memory of its past. All of it is durable."""

    accepted_epoch: Epoch
    current_epoch: Epoch
    last_zxid: Zxid  # end of the log (or of the snapshot, where the log is empty)
    committed: Zxid  # highest zxid that the files themselves prove committed (rule 2)
    epochs: EpochTable  # (epoch, last zxid) of log and snapshot, ascending
    snapshot_zxid: Zxid  # newest verified snapshot, 0: none
    log_after: Zxid  # the log holds every record after this zxid (0: from the beginning)
    # (zxid, body), ascending: the last control entry that is at or below *committed*, and every later one. A truncation
    # goes back to an earlier one.
    controls: tuple[tuple[Zxid, bytes], ...]
    ensemble: str
    incarnation: str
    initial: bool  # the mark of an explicit first initialisation is still there: see effects.Initialised


@dataclass(frozen=True, slots=True)
class Started:
    wall_ms: int = 0  # wall clock, for the time in control entries


@dataclass(frozen=True, slots=True)
class Elected:
    round: int
    leader: MemberId


@dataclass(frozen=True, slots=True)
class FromLearner:
    """A message on a learner's stream to our ROUTER, or a processor's Touches (its Submits go to Intake, not here).

    *member*: whom the stream's CURVE key belongs to. Streams that were dropped or lost bring nothing more.
    """

    stream: StreamId
    member: MemberId
    message: Message


@dataclass(frozen=True, slots=True)
class LearnerLost:
    stream: StreamId


@dataclass(frozen=True, slots=True)
class FromLeader:
    """A message on our DEALER to the leader; *life* is the one of the Connect that made it: older ones are stale."""

    life: int
    message: Message


@dataclass(frozen=True, slots=True)
class LeaderLost:
    """*gone*: the host answered that nobody listens there (connection refused): that process is dead.

    Only then may a new leader serve before the lease that the old one may still hold has run out.
    """

    life: int
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Flushed:
    """The log is durable up to zxid."""

    zxid: Zxid


@dataclass(frozen=True, slots=True)
class RecordsSent:
    """The answer to SendRecords: records up to *zxid*, *size* bytes in all, have gone to the socket."""

    stream: StreamId
    zxid: Zxid
    size: int


@dataclass(frozen=True, slots=True)
class RecordsUnreadable:
    """The other answer to SendRecords: the log's files do not give what comes after *after*, though they should."""

    stream: StreamId
    after: Zxid
    error: Failure


@dataclass(frozen=True, slots=True)
class SnapshotSent:
    """The answer to SendSnapshot."""

    stream: StreamId
    zxid: Zxid


@dataclass(frozen=True, slots=True)
class Propose:
    """Batches waiting at the leader, already accepted (at-most-once checked), joined by the shell into one body.

    Only while `Member.may_propose`, asked right before.
    """

    body: bytes
    count: int
    time_ms: int  # wall clock


@dataclass(frozen=True, slots=True)
class SnapshotReceived:
    """The file that SnapshotChunks brought is complete, synced, verified and in place of the log.

    Either it comes before the Disconnect or Look that follows the SnapshotEnd, or the shell discards the file and it
    never comes.
    *control*: of the last control entry in it.
    """

    zxid: Zxid
    epochs: EpochTable
    control: bytes


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """Our own snapshotter put a verified snapshot in place; the log now starts after *log_after*."""

    zxid: Zxid
    log_after: Zxid


@dataclass(frozen=True, slots=True)
class ProcessorReady:
    """Local processor 0 lives (True), or is gone or hangs (False), *silent_ms* ago: see Core.stands."""

    alive: bool
    silent_ms: int = 0


@dataclass(frozen=True, slots=True)
class Draining:
    """This member sends its clients away, or its processor 0 is about to end (True): it is not to lead; or no more."""

    on: bool


@dataclass(frozen=True, slots=True)
class HandOver:
    """Asked of the leader: that *heir* (0: whoever can at once) lead in its place, if it can *within_ms*.

    Answered by HandOverFailed; else this member ceases to lead.
    """

    heir: MemberId
    within_ms: int


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """Asked of the leader by whoever executed the request at *intent*, which made *servers* out of those of *version*.

    Answered by ReconfigRefused; or by a RECONFIG entry that names the intent; or, with the epoch, by an EPOCH entry
    before any such: then it came to nothing. To ask again does no harm. *is_operators*: asked for on the leader's own
    machine: no request made it, so *intent* is below 0; and reconfigEnabled, which is for clients, does not matter.
    *hierarchy*: how votes are to count; None: as they do, which is refused where groups decide and others would vote.
    """

    intent: Zxid
    version: int
    servers: dict[int, str]
    is_operators: bool = False
    hierarchy: Hierarchy | None = None


@dataclass(frozen=True, slots=True)
class SyncTook:
    """What a sync of our log takes, on the average of the last ones."""

    ms: float


@dataclass(frozen=True, slots=True)
class DigestComputed:
    zxid: Zxid
    process: str
    digest: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Due at `Member.deadline_ms`; more often does no harm."""

    wall_ms: int = 0  # wall clock, for the time in control entries; 0: as before


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The shell has handed in all that waited: what may be said once for many events is said now.

    (Flush, Watermark, Commit: this is what makes group commit.)
    """


Event = (
    Started | Elected | FromLearner | LearnerLost | FromLeader | LeaderLost | Flushed | RecordsSent
    | RecordsUnreadable | SnapshotSent | Propose | SnapshotReceived | SnapshotTaken | ProcessorReady | Draining
    | HandOver | Reconfigure | SyncTook | DigestComputed | Tick | TurnEnd
)
