"""What the ZAB core wants done: the closed list. The shell performs effects strictly in order.

Everything but Flush is finished when the next effect begins: what stands after a Save or Truncate may rely on
it being durable. Flush is answered by a Flushed event, at once or later; one is outstanding at most.
"""

from dataclasses import dataclass

from node.zab.events import StreamId
from transport.messages import Message
from transport.zxid import Epoch, MemberId, Zxid


@dataclass(frozen=True, slots=True)
class Look:
    """Ask election for a leader; nothing is appended or acked any more until Elected comes for this round."""

    round: int
    current_epoch: Epoch
    last_zxid: Zxid
    votes: bool


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
    """End this stream, telling it why (messages.Refused) if it still listens."""

    stream: StreamId
    reason: str


@dataclass(frozen=True, slots=True)
class SendRecords:
    """Send the records after *after* up to *upto* (record boundaries), in order, in chunks, from memory or log files."""

    stream: StreamId
    after: Zxid
    upto: Zxid
    committed: Zxid


@dataclass(frozen=True, slots=True)
class SendSnapshot:
    """Send the newest verified snapshot file (Begin, Chunks, End); its zxid is at least *at_least*.

    The snapshot is Recovered.snapshot_zxid or the last SnapshotTaken; the core names it in *zxid*.
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

    Incomplete ones are discarded by the next Begin, Look or start (rule 4).
    """

    message: Message


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
    """For a process of this member: Touches to processor 0, Differs to the one that it names."""

    message: Message


@dataclass(frozen=True, slots=True)
class Report:
    """A change of state worth one log line: event name and fields. *alarm*: an operator must look."""

    event: str
    fields: dict[str, object]
    alarm: bool = False


Effect = (
    Look | Settle | Connect | Disconnect | Send | SendLeader | Drop | SendRecords | SendSnapshot | SaveAcceptedEpoch
    | SaveCurrentEpoch | Append | Flush | TruncateLog | ReceiveSnapshot | Watermark | Lease | AcceptBatches
    | ToProcessor | Report
)
