"""What can happen to the ZAB core: the closed list. Time is an argument of `Member.step`, in ms, monotonic."""

from dataclasses import dataclass

from transport.entry import RecordHeader
from transport.messages import EpochTable, Message
from transport.zxid import Epoch, MemberId, Zxid

StreamId = bytes  # the ROUTER's id of a learner's or processor's stream


@dataclass(frozen=True, slots=True)
class Recovered:
    """What storage found at the start of the process: the core's whole memory of its past."""

    accepted_epoch: Epoch
    current_epoch: Epoch
    last_zxid: Zxid  # end of the log (or of the snapshot, where the log is empty)
    committed: Zxid  # highest zxid that the files themselves prove committed (rule 2)
    epochs: EpochTable  # (epoch, last zxid) of log and snapshot, ascending
    snapshot_zxid: Zxid  # newest verified snapshot, 0: none
    log_after: Zxid  # the log holds every record after this zxid (0: from the beginning)
    control: bytes  # body of the last control entry in log or snapshot, b"" if none
    ensemble: str
    incarnation: str
    initial: bool  # explicitly initialised and never started


@dataclass(frozen=True, slots=True)
class Started:
    pass


@dataclass(frozen=True, slots=True)
class Elected:
    round: int
    leader: MemberId


@dataclass(frozen=True, slots=True)
class FromLearner:
    """A message on a stream to our ROUTER: a learner's, or a processor's (SubmitHello, Submit, Touches).

    *member*: whom the stream's CURVE key belongs to.
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
    life: int


@dataclass(frozen=True, slots=True)
class Flushed:
    """The log is durable up to zxid."""

    zxid: Zxid


@dataclass(frozen=True, slots=True)
class Propose:
    """Batches waiting at the leader, already accepted (at-most-once checked), joined by the shell into one body."""

    body: bytes
    count: int
    time_ms: int  # wall clock


@dataclass(frozen=True, slots=True)
class SnapshotReceived:
    """The file that SnapshotChunks brought is complete, synced, verified and in place of the log."""

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
    """Local processor 0 lives (True) or is gone (False): without it a leader gives up after syncLimit."""

    alive: bool


@dataclass(frozen=True, slots=True)
class DigestComputed:
    zxid: Zxid
    process: str
    digest: int


@dataclass(frozen=True, slots=True)
class Tick:
    """At least every tickTime/4 while not idle-leading; carries nothing: `now_ms` says it all."""


Event = (
    Started | Elected | FromLearner | LearnerLost | FromLeader | LeaderLost | Flushed | Propose | SnapshotReceived
    | SnapshotTaken | ProcessorReady | DigestComputed | Tick
)

__all__ = [name for name in globals() if name[0].isupper()] + ["RecordHeader"]
