"""Every message between our processes: one tagged union per kind of link, one encoder, one decoder.

Bulk (records, batches, snapshot chunks) travels as a bytes field: at the rate of records, not of requests.
Times named *_ns and *_ms are of the clock (transport/clock.py) of the machine that wrote them, and used on it only.

What another member sends has bounds, by its types: its word is not taken for what would fill our memory or overflow.
"""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from transport.hierarchy import MAJORITY, Hierarchy
from transport.unpacking import unpacker
from transport.zxid import EPOCH_MAX

Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]  # zxids
EpochNumber = Annotated[int, msgspec.Meta(ge=0, le=EPOCH_MAX)]
Clock = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]  # leaves room to count on
GrantMs = Annotated[int, msgspec.Meta(ge=0, le=3_600_000)]
Index = Annotated[int, msgspec.Meta(ge=0, le=255)]  # of a process, as a batch has it
Level = Annotated[int, msgspec.Meta(ge=1, le=1 << 31)]
Name = Annotated[str, msgspec.Meta(max_length=256)]
Reason = Annotated[str, msgspec.Meta(max_length=16_384)]
Replica = Annotated[str, msgspec.Meta(pattern=r"^(snapshotter|processor-[0-9]{1,3})\Z")]
EpochTable = list[tuple[Number, Number]]  # (epoch, last zxid of it), ascending
SentEpochs = Annotated[EpochTable, msgspec.Meta(max_length=1 << 20)]
Members = Annotated[list[int], msgspec.Meta(max_length=255)]
Servers = Annotated[
    dict[int, Annotated[str, msgspec.Meta(max_length=1024)]], msgspec.Meta(max_length=255)]  # id -> server.N
Settings = Annotated[dict[Name, Annotated[str, msgspec.Meta(max_length=1024)]], msgspec.Meta(max_length=256)]


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """array_like keeps a control message within some dozens of bytes."""


# --- learner -> leader (DEALER to the leader's broadcast ROUTER) -------------------------------------------------


class Hello(Message, frozen=True):
    """First on a learner's stream: FOLLOWERINFO.

    *initial*: explicitly initialised, and its log does not name it yet. *generation*: of its broadcast process.
    """

    member: int
    ensemble: Name
    incarnation: Name
    initial: bool
    generation: int
    accepted_epoch: EpochNumber
    current_epoch: EpochNumber
    last_zxid: Number
    committed: Number
    epochs: SentEpochs
    feature_level: Level
    settings: Settings
    restored: Name = ""  # as in ControlEntry
    voters: Members = []  # whom its zoo.cfg names
    hierarchy: Hierarchy = MAJORITY  # and how their votes count there


class AckEpoch(Message, frozen=True):
    """*counts* is False where this epoch had been promised to somebody else, or in an earlier life.

    *grants*: (leader, ms): an earlier leader may still hold a lease of ours for so long; 0: one from before our start.
    """

    epoch: EpochNumber
    current_epoch: EpochNumber
    last_zxid: Number
    committed: Number
    epochs: SentEpochs
    counts: bool
    grants: Annotated[list[tuple[int, GrantMs]], msgspec.Meta(max_length=255)]


class AckNewLeader(Message, frozen=True):
    """History up to zxid is durable, and currentEpoch is saved, in that order (rule 1)."""

    epoch: EpochNumber
    zxid: Number


class Ack(Message, frozen=True):
    """Durable up to zxid, cumulative."""

    zxid: Number


class Digest(msgspec.Struct, frozen=True, array_like=True):
    """A replica's digest right after *zxid*; process is processor-0, snapshotter, ..."""

    zxid: Number
    process: Replica
    digest: int


class Pong(Message, frozen=True):
    """Answer to Ping: *sent_ms* echoed, *at_ms* by the learner's clock. Digests: those computed since the last Pong.

    *has_processor*: its processor 0 lives, as far as it knows, and is not about to end or drained: it could lead
    (see Look). Where that ceases to be so, the last Pong is repeated with it. *sync_ms*: what a sync of its log takes.
    *others*: digests of the observers that follow this follower.
    """

    sent_ms: int
    at_ms: int
    digests: Annotated[list[Digest], msgspec.Meta(max_length=1024)]
    has_processor: bool = True
    sync_ms: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    others: Annotated[list[tuple[int, Digest]], msgspec.Meta(max_length=1024)] = []


# --- leader -> learner ------------------------------------------------------------------------------------------


class NewEpoch(Message, frozen=True):
    """LEADERINFO. *leader*: who leads, where a follower says it to an observer; 0: who says it."""

    epoch: EpochNumber
    leader: int = 0


class Truncate(Message, frozen=True):
    """Begins DIFF and TRUNC: both histories agree up to zxid, a record's boundary of both; what is behind it is cut."""

    zxid: Number


class SnapshotBegin(Message, frozen=True):
    zxid: Number
    size: Number
    epochs: SentEpochs


class SnapshotChunk(Message, frozen=True):
    offset: Number
    data: bytes


class SnapshotEnd(Message, frozen=True):
    """The file is complete; the learner syncs, verifies and renames it, and drops its log."""

    zxid: Number


class Records(Message, frozen=True):
    """Whole records, one after the other, contiguous with what was sent before. *committed*: as known when sent."""

    data: bytes
    committed: Number


class NewLeader(Message, frozen=True):
    """All of the history up to zxid has been sent."""

    epoch: EpochNumber
    zxid: Number


class UpToDate(Message, frozen=True):
    """A quorum has the epoch: serve."""

    epoch: EpochNumber
    committed: Number


class Commit(Message, frozen=True):
    zxid: Number


class Backed(Message, frozen=True):
    """Up to zxid all but one of a quorum have it durable: where the receiver has it too, it is committed.

    Only for a learner whose ack counts. It saves the way of its own ack to the leader and of the commit back.
    """

    zxid: Number


class Ping(Message, frozen=True):
    """*heard_ms*: at_ms of the learner's last Pong that the leader has (0: none): its own lease counts from there."""

    sent_ms: int
    heard_ms: int
    committed: Number
    digest_wanted: bool


class HandedOver(Message, frozen=True):
    """The leader of *epoch* leads no more: *heir* has all of its history durable, and shall lead. The stream ends.

    A hint, as election's decisions are: who leads is settled by discovery.
    """

    epoch: EpochNumber
    heir: int


class Differs(Message, frozen=True):
    """The named process of this member has another digest than the majority: stop serving, resync.

    *member*: of the observer that follows this follower, to whom it is to go on; 0: of the receiver.
    """

    process: str
    zxid: Number
    member: int = 0


class Summons(Message, frozen=True):
    """*member* is to vote, and follows a follower: that one passes it on, and the member comes to the leader itself."""

    member: int


class Refused(Message, frozen=True):
    """The stream ends. *leader*: who leads as far as known (0: nobody). *operator*: must see to the reason.

    *servers*: where members are, by the last reconfiguration that the sender knows of.
    """

    reason: Reason
    leader: int
    operator: bool = False
    servers: Servers = {}


# --- processor <-> the leader's broadcast (ipc to the own one, else tcp) ---------------------------------------


class SubmitHello(Message, frozen=True):
    member: int
    ensemble: Name
    processor: Index
    generation: Number
    epoch: EpochNumber


class Accepting(Message, frozen=True):
    """The leader of *epoch* has accepted this processor's batches up to *sequence* (0: none)."""

    epoch: EpochNumber
    sequence: Number


class Submit(Message, frozen=True):
    """One batch (transport/batch.py)."""

    batch: bytes


class ReconfigWanted(Message, frozen=True):
    """The request at zxid *intent* was executed: it makes *servers* out of those of *version*. Said on every new link.

    Answered by ReconfigAnswer where it comes to nothing; else the log does: see zab/events.py, Reconfigure.
    """

    intent: Number
    version: Number
    servers: Servers
    hierarchy: Hierarchy = MAJORITY


class ReconfigAnswer(Message, frozen=True):
    intent: Number
    err: int
    reason: Reason


class Touches(Message, frozen=True):
    """Sessions heard of: (session id i64, idle ms u32) packed "<qI". *complete*: all that this processor holds.

    Goes on to the leader's processor 0 as it is.
    """

    member: int
    processor: Index
    generation: Number
    complete: bool
    entries: bytes


# --- between the members' telemetry: DEALER of one to the broadcast ROUTER of another, which passes it on ----------


class Relay(Message, frozen=True):
    """Opaque to broadcast; some a second at most. Passed on over the lossy link as Relayed, or dropped."""

    payload: bytes


# --- inside a member, over the ipc ROUTER of broadcast ----------------------------------------------------------


class LocalHello(Message, frozen=True):
    """*role*: processor, snapshotter, election. *generation*: 0 asks for a new one. *executed*: replica's position."""

    role: str
    index: int
    pid: int
    generation: int
    executed: Number


class Welcome(Message, frozen=True):
    """*control*: the encoded ControlEntry in force, or empty. *boot*: of broadcast itself."""

    generation: int
    boot: int
    ensemble: str
    watermark: Number


class Watermark(Message, frozen=True):
    """Committed and durable here up to *zxid*, whose record ends at *offset* in the segment named *segment*.

    *at_ns*: when broadcast sent it (0: not known), so that a replica knows how long it waited.
    """

    zxid: Number
    segment: int
    offset: int
    at_ns: int = 0


class Lease(Message, frozen=True):
    """Serve until *until_ns* (0: stop sending at once). *leader_address*: where to submit; role: as Member.role."""

    until_ns: int
    epoch: Number
    leader: int
    leader_address: str
    leader_key: str
    role: str


class MemberState(Message, frozen=True):
    """About twice a second and at changes, for status, srvr and mntr: values by name as in observability/metrics.py."""

    values: dict[str, Any]


class DigestReport(Message, frozen=True):
    digest: Digest


class DigestWanted(Message, frozen=True):
    """Nothing was written for a while: report the digest at the present position, computed anew."""


class Counters(Message, frozen=True):
    """A process's own figures by name: connections, sessions, packets received, …"""

    values: dict[str, Any]


class Ask(Message, frozen=True):
    """A processor asks its siblings (four-letter words over all processors); broadcast passes it on."""

    id: int
    word: str


class Answer(Message, frozen=True):
    id: int
    index: int
    values: dict[str, Any]


class SnapshotDone(Message, frozen=True):
    """From the snapshotter: a verified snapshot at zxid is in place; the log before it may be purged by retention."""

    zxid: Number
    oldest_needed: Number


class SnapshotHandedOut(Message, frozen=True):
    """To the snapshotter: a learner gets the one at zxid. Read it through: who gets a rotten one can only ask again."""

    zxid: Number


class Look(Message, frozen=True):
    """broadcast -> election, after it has stopped appending and acking (rule 10). *votes*: may vote and be elected.

    *voters*: of the configuration. *lost*: the leader just lost, of *lost_epoch*: broadcast asks that one itself.
    *stands*: its processor 0 lives, or did within syncLimit. A leader needs it, to expire sessions: of equal positions
    one that stands leads. *supports*: it may help to elect others, though its own log does not name it.
    *voters_before*: while a reconfiguration is not committed, these must agree, too. *servers*: of the last one.
    *hierarchy*, *hierarchy_before*: how their votes count.
    """

    round: int
    current_epoch: Number
    last_zxid: Number
    votes: bool
    voters: list[int]
    lost: int = 0
    lost_epoch: Number = 0
    stands: bool = True
    supports: bool = False
    voters_before: list[int] = []
    servers: dict[int, str] = {}
    hierarchy: Hierarchy = MAJORITY
    hierarchy_before: Hierarchy = MAJORITY


class Settled(Message, frozen=True):
    """broadcast -> election: this member leads or follows; election answers other lookers with it."""

    round: int
    leader: int
    epoch: Number


class Elected(Message, frozen=True):
    """election -> broadcast; counts only for *round*. *servers*: where members are, as the votes say."""

    round: int
    leader: int
    servers: Servers = {}


class Leaving(Message, frozen=True):
    """processor -> broadcast: it is about to end, as asked to. Of number 0: leadership is handed over first."""


class LeadsOn(Message, frozen=True):
    """broadcast -> processor that is leaving: nobody can take over, it need not wait for that."""


class Drain(Message, frozen=True):
    """broadcast -> processors: take no new clients, and send those that are there away within *over_ms*; or no more."""

    on: bool
    over_ms: int


# --- an operator's command <-> the broadcast of a member on the same machine -----------------------------------


class ControlHello(Message, frozen=True):
    """First on the link. *version*: of this link (CONTROL_VERSION), *program*: of Corral. Its form never changes."""

    version: int
    program: str


class ControlWelcome(Message, frozen=True):
    member: int


class ControlRefused(Message, frozen=True):
    """What was asked is not done, or not to its end: *reason*, with the cure. In answer to a hello: the link ends."""

    reason: str


class HandOverWanted(Message, frozen=True):
    """*heir*: 0 for whoever can at once. Answered by HandOverDone or ControlRefused."""

    heir: int
    within_ms: Number


class HandOverDone(Message, frozen=True):
    leader: int
    epoch: Number
    took_ms: float


class DrainWanted(Message, frozen=True):
    """Answered by DrainProgress, now and then; the last has no connections."""

    on: bool
    over_ms: Number


class DrainProgress(Message, frozen=True):
    """*remark*: what an operator should know, as that leadership stays here."""

    connections: int
    remark: str = ""


class MembersWanted(Message, frozen=True):
    """Answered by MembersAre."""


class MembersAre(Message, frozen=True):
    """Of the last control entry in this member's log. *servers*: member -> value of its server.N line.

    *version*: zxid of the reconfiguration that made them, 0: they are of zoo.cfg.
    """

    version: Number
    servers: Servers
    voters: Members


class NewMembersWanted(Message, frozen=True):
    """*servers*: what is to hold instead of those of *version*. Answered by MembersAre once it does; ControlRefused."""

    version: Number
    servers: Servers


CONTROL_VERSION = 1


# --- election <-> election -------------------------------------------------------------------------------------


class Vote(Message, frozen=True):
    """One notification: whom *sender* votes for (while looking), or who leads (0: nobody, as far as it knows).

    *state*: looking, leading, following. *logical_clock*: the sender's round of election, raised to the highest seen.
    *votes*: the sender may vote and be elected. *epoch*: of the leader that the sender follows or is, 0 while looking.
    *is_answer*: to a vote; it is not answered in turn. *leader_stands*: as Look says it of whom is voted for.
    *servers*: as in Refused; who is voted for may be one of whom the receiver has never heard.
    """

    sender: int
    ensemble: Name
    state: Name
    logical_clock: Clock
    leader: int
    leader_epoch: EpochNumber
    leader_zxid: Number
    votes: bool
    epoch: EpochNumber
    is_answer: bool
    leader_stands: bool = True
    servers: Servers = {}


# --- to telemetry (PUSH, lossy) ---------------------------------------------------------------------------------


class Sample(Message, frozen=True):
    """Metric values of one process, about once a second. *dropped*: samples lost on this link so far."""

    process: str
    pid: int
    values: dict[str, Any]
    dropped: int


class Timings(Message, frozen=True):
    """Notes (transport/timings.py) of one process since its last message. *now_ns*: the clock at sending.

    *zxid*: the newest that any of the notes names; it never falls within one life of a process.
    """

    process: str
    pid: int
    now_ns: int
    zxid: Number
    notes: bytes
    dropped: int


class Relayed(Message, frozen=True):
    """What telemetry of *member* sent to ours, by a Relay to our broadcast."""

    member: int
    payload: bytes


PeerMessage = (
    Hello | AckEpoch | AckNewLeader | Ack | Pong | NewEpoch | Truncate | SnapshotBegin | SnapshotChunk
    | SnapshotEnd | Records | NewLeader | UpToDate | Commit | Backed | Ping | HandedOver | Differs
    | Summons | Refused
    | SubmitHello | Accepting | Submit | ReconfigWanted | ReconfigAnswer | Touches | Relay
)
LocalMessage = (
    LocalHello | Welcome | Watermark | Lease | MemberState | DigestReport | Counters | Ask | Answer | SnapshotDone
    | SnapshotHandedOut | Look | Settled | Elected | Differs | DigestWanted | Touches | SubmitHello | Accepting
    | Submit | Refused | Leaving | LeadsOn | Drain | ReconfigWanted | ReconfigAnswer
)
ControlMessage = (
    ControlHello | ControlWelcome | ControlRefused | HandOverWanted | HandOverDone | DrainWanted | DrainProgress
    | MembersWanted | MembersAre | NewMembersWanted
)
ElectionMessage = Vote
TelemetryMessage = Sample | Timings | Relayed

_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
# Each raises msgspec.DecodeError, and nothing else, on what is no such message.
decode_peer: Callable[[bytes | memoryview], PeerMessage] = unpacker(PeerMessage)
decode_local: Callable[[bytes | memoryview], LocalMessage] = unpacker(LocalMessage)
decode_control: Callable[[bytes | memoryview], ControlMessage] = unpacker(ControlMessage)
decode_vote: Callable[[bytes | memoryview], Vote] = unpacker(Vote)
decode_telemetry: Callable[[bytes | memoryview], TelemetryMessage] = unpacker(TelemetryMessage)
