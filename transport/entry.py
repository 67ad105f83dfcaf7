"""A record: what the log orders, what a learner is sent, what a processor executes. Immutable.

The same bytes travel on the wire, lie in every member's log (behind an envelope of that member's own,
see node/storage) and are executed:

    RECORD   first_zxid u64 · count u32 (zxids taken) · kind u8 · version u8 · flags u16 · time_ms i64 (leader's wall
             clock, the only clock the tree sees) · length u32 (body bytes), then the body

kind BATCHES: the body is batches one after the other (transport/batch.py), count is the sum of their requests.
Every other kind is a control entry: count 1, body a msgpack `ControlEntry`. The record that opens an epoch has
counter 0 in it and is EPOCH; records are contiguous: first_zxid is the last one + 1, or opens a later epoch.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

from transport.hierarchy import MAJORITY, Hierarchy
from transport.unpacking import unpacker
from transport.zxid import Zxid, counter_of, epoch_of

RECORD: Final = struct.Struct("<QIBBHqI")
DIGEST_POINT: Final = 1  # flags: every replica reports its digest after this record

FEATURE_LEVEL_FIRST: Final = 1
FEATURE_LEVEL: Final = 2  # the highest that this version follows; the log says which one applies
LEVEL_OF_RECONFIG: Final = 2  # from it on control entries name the servers, and /zookeeper/config shows them
RECORD_VERSION_FIRST: Final = 1
# feature level -> the version of records from it on, ascending. The head's shape is the same in all of them.
RECORD_VERSIONS: Final = {FEATURE_LEVEL_FIRST: RECORD_VERSION_FIRST}
RECORD_VERSION: Final = max(RECORD_VERSIONS.values())  # the highest that this version of Corral reads
RECORD_BYTES_MAX: Final = 1 << 20  # what the leader joins into one record; a single larger batch stands alone


class Kind(IntEnum):
    BATCHES = 0
    EPOCH = 1
    SETTINGS = 2
    FEATURE_LEVEL = 3
    MEMBERSHIP = 4
    RECONFIG = 5


class ControlEntry(msgspec.Struct, frozen=True):
    """The whole of what broadcast itself must know, repeated in full in each control entry: the last one counts.

    *version*: of the Corral that raised *feature_level*, for the message of one that cannot follow; empty: not known.
    *restored*: names the restoration that this history comes from (node/backup/restoring.py); empty: none.
    *servers*: member -> value of its server.N line; empty below LEVEL_OF_RECONFIG, and of a standalone member.
    *config_version*: zxid of the RECONFIG entry that made them, 0: they are zoo.cfg's. *intent*: zxid of the request
    for that. *voters_before*: of a RECONFIG entry alone: whose quorum it needs, too, until it is committed;
    *servers_before*: where those of them are that are no longer among *servers*. *hierarchy*, *hierarchy_before*: how
    their votes are counted.
    """

    leader: int
    feature_level: int
    settings: dict[str, str]
    incarnations: dict[int, str]  # member -> random hex made when its directory was initialised
    voters: list[int]
    version: str = ""
    restored: str = ""
    servers: dict[int, str] = {}
    config_version: int = 0
    intent: int = 0
    voters_before: list[int] = []
    servers_before: dict[int, str] = {}
    hierarchy: Hierarchy = MAJORITY
    hierarchy_before: Hierarchy = MAJORITY

    @property
    def reconfigured(self) -> dict[int, str]:
        """All servers that the last reconfiguration says something of; none before the first."""
        return self.servers_before | self.servers if self.config_version else {}


_unpack_control = unpacker(ControlEntry)


class RecordHeader(NamedTuple):
    first_zxid: Zxid
    count: int  # type: ignore[assignment]  # hides tuple.count
    kind: int
    version: int
    flags: int
    time_ms: int
    length: int

    @property
    def last_zxid(self) -> Zxid:
        return Zxid(self.first_zxid + self.count - 1)

    @property
    def size(self) -> int:
        return RECORD.size + self.length


def read_record_header(buffer: bytes | memoryview, offset: int = 0) -> RecordHeader:
    return RecordHeader(*RECORD.unpack_from(buffer, offset))


def record_version(feature_level: int) -> int:
    """Of the records that a leader writes while *feature_level* applies."""
    return max(version for level, version in RECORD_VERSIONS.items() if level <= feature_level)


def pack_record(
    *, first_zxid: int, count: int, time_ms: int, body: bytes,
    kind: int = Kind.BATCHES, flags: int = 0, version: int = RECORD_VERSION_FIRST,
) -> bytes:
    return RECORD.pack(first_zxid, count, kind, version, flags, time_ms, len(body)) + body


def pack_control(
    *, zxid: int, kind: Kind, time_ms: int, entry: ControlEntry, version: int = RECORD_VERSION_FIRST,
) -> bytes:
    return pack_record(
        first_zxid=zxid, count=1, time_ms=time_ms, body=msgspec.msgpack.encode(entry), kind=kind, version=version)


def read_control(body: bytes | memoryview) -> ControlEntry:
    """Raises msgspec.DecodeError on a body of another shape."""
    entry: ControlEntry = _unpack_control(body)
    return entry


def follows(first_zxid: int, last_zxid: int) -> bool:
    """Whether a record starting at *first_zxid* may come right after *last_zxid* (0: an empty log)."""
    if first_zxid == last_zxid + 1 and last_zxid != 0:
        return True
    return counter_of(first_zxid) == 0 and epoch_of(first_zxid) > epoch_of(last_zxid)
