"""What the ZAB core wants done: the closed list. The shell performs effects strictly in order.

Everything but Flush, SendRecords, SendSnapshot and the end of ReceiveSnapshot is finished when the next effect begins:
what stands after a Save or Truncate may rely on it being durable. Flush is answered by a Flushed event, at once or
later; one is outstanding at most (TruncateLog waits for it in the shell; its Flushed still comes).
"""

from dataclasses import dataclass

from node.zab.events import StreamId
from transport.hierarchy import MAJORITY, Hierarchy
from transport.messages import Message
from transport.zxid import Epoch, MemberId, Zxid


@dataclass(frozen=True, slots=True)
class Look:
    """Ask election for a leader; nothing is appended or acked any more until Elected comes for this round.

    *lost*: the leader just lost, of *lost_epoch* (0: none): asked by Connect, election need not send us back to it.
    *stands*, *supports*, *voters_before*, *hierarchy*, *hierarchy_before*: as messages.Look.
    """

    round: int
    current_epoch: Epoch
    last_zxid: Zxid
    votes: bool
    voters: tuple[MemberId, ...]
    lost: MemberId
    lost_epoch: Epoch
    stands: bool
    supports: bool = False
    voters_before: tuple[MemberId, ...] = ()
    hierarchy: Hierarchy = MAJORITY
    hierarchy_before: Hierarchy = MAJORITY


@dataclass(frozen=True, slots=True)
class Settle:
    """Tell election who leads, to answer others that look."""

    round: int
    leader: MemberId
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a new DEALER to the leader's broadcast; events of it carry *life*."""

    leader: MemberId
    life: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the DEALER to the leader, LINGER=0: nothing of an old life flows into a new one."""


@dataclass(frozen=True, slots=True)
class Send:
    """To a learner's or processor's stream."""

    stream: StreamId
    message: Message


@dataclass(frozen=True, slots=True)
class SendLeader:
    message: Message


@dataclass(frozen=True, slots=True)
class Drop:
    """End this stream, saying messages.Refused(reason, leader, operator) on it first, if it still listens."""

    stream: StreamId
    reason: str
    leader: MemberId
    operator: bool = False


@dataclass(frozen=True, slots=True)
class SendRecords:
    """Send records after *after* up to *upto* (record boundaries), in order, from memory or log files.

    As Records messages; at least one record, and no more once *bytes_max* is reached (so it may end before *upto*).
    Answered by RecordsSent when all that is sent is out, or RecordsUnreadable; one is outstanding per stream at most.
    """

    stream: StreamId
    after: Zxid
    upto: Zxid
    bytes_max: int
    committed: Zxid


@dataclass(frozen=True, slots=True)
class SendSnapshot:
    """Send the verified snapshot file of *zxid* (Begin, Chunks, End): the newest by SnapshotTaken or Recovered.

    At the pace of the stream, without holding up anything else; answered by SnapshotSent.
    """

    stream: StreamId
    zxid: Zxid


@dataclass(frozen=True, slots=True)
class SaveAcceptedEpoch:
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class SaveCurrentEpoch:
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Append:
    """Write a record behind the log. *committed* and *durable_upto* go into this member's envelope (rules 2 and 7)."""

    record: bytes
    committed: Zxid
    durable_upto: Zxid


@dataclass(frozen=True, slots=True)
class Flush:
    """Make the log durable up to what has been appended by now; answered by Flushed(zxid)."""

    zxid: Zxid


@dataclass(frozen=True, slots=True)
class TruncateLog:
    zxid: Zxid


@dataclass(frozen=True, slots=True)
class ReceiveSnapshot:
    """A chunk for the file aside (Begin opens it, End syncs, verifies, renames: then SnapshotReceived comes).

    What is not complete by then is discarded by the next Begin, Disconnect, Look or start (rule 4). A broken file:
    LeaderLost.
    """

    message: Message


@dataclass(frozen=True, slots=True)
class Initialised:
    """The log names this member, durably: remove the mark of the explicit first initialisation, durably (rule 9)."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """Committed and durable up to zxid: tell processors and snapshotter where it ends in the files."""

    zxid: Zxid


@dataclass(frozen=True, slots=True)
class Lease:
    """Processors may serve until *until_ms* (core's monotonic time; 0: stop at once)."""

    until_ms: int
    epoch: Epoch
    leader: MemberId
    role: str


@dataclass(frozen=True, slots=True)
class AcceptBatches:
    """Leader: from now on hand in batches as Propose (True), or stop (False); *epoch* is the one they must carry."""

    epoch: Epoch
    accept: bool


@dataclass(frozen=True, slots=True)
class ToProcessor:
    """For own processes: Touches to processor 0, Differs to the one it names, DigestWanted to each replica."""

    message: Message


@dataclass(frozen=True, slots=True)
class HandOverFailed:
    """This member leads on (or did not lead): the end of a HandOver, or of an attempt because it is Draining."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReconfigRefused:
    """The end of a Reconfigure that comes to nothing. *err*: of transport.errors.Err. *reason*: for the operator."""

    intent: Zxid
    err: int
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """A change of state worth one log line: event name and fields. *alarm*: an operator must look."""

    event: str
    fields: dict[str, object]
    alarm: bool = False


Effect = (
    Look | Settle | Connect | Disconnect | Send | SendLeader | Drop | SendRecords | SendSnapshot | SaveAcceptedEpoch
    | SaveCurrentEpoch | Append | Flush | TruncateLog | ReceiveSnapshot | Initialised | Watermark | Lease
    | AcceptBatches | ToProcessor | HandOverFailed | ReconfigRefused | Report
)
