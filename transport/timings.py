"""Notes of what happened when: from the hot processes to telemetry, which puts the story of a write together.

A note is 32 bytes, little-endian, packed into one buffer per process; the buffer goes to telemetry about ten times a
second as `Timings` (transport/messages.py), over the lossy link. Nothing is kept open in a hot process: most notes are
cumulative ("durable up to zxid at time t"), and the reader looks for the first one that covers the zxid it asks for.

    NOTE   kind u8 · who u8 · part u16 · count u32 · zxid u64 · at_ns u64 · took_ns u64

*at_ns* is by transport/clock.py, the same for all processes of the machine; *took_ns* is how long that which
ended at *at_ns* took, measured in this one process. "upto": everything up to zxid; "first": the record or batch that
begins with it.
"""

import struct
from enum import IntEnum
from typing import Final

NOTE: Final = struct.Struct("<BBHIQQQ")
NOTES_BYTES_MAX: Final = 48 << 10  # sent then at the latest


class Note(IntEnum):
    """Who writes it, what zxid means; what the other fields hold where they hold something."""

    # broadcast of the leader
    TAKEN = 1  # first of a batch: it arrived. who: member, part: processor, count: requests
    PROPOSED = 2  # first of a record: joined and stamped. count: requests
    SENT = 3  # last of a record: handed to all learners' sockets. count: bytes
    ACKED = 4  # upto: an ack came. who: member; took: the loop had been busy for so long, so that it may have waited
    # broadcast of every member
    RECEIVED = 5  # first of what a follower received. count: requests; took: as in ACKED
    SYNCED = 6  # upto: durable here. took: the fdatasync alone
    ACK_SENT = 7  # upto: a follower's ack left
    COMMITTED = 8  # upto: known to be committed here. who: whose ack or sync completed the quorum (leader only)
    PUBLISHED = 9  # upto: the watermark left for the member's processes. count: offset of its end in the log segment
    EPOCH = 10  # the zxid that opens an epoch, committed here. who: the leader
    # processor
    READ = 11  # first of an own batch: its first request was read from the client. count: requests
    # first of an own batch: sent to the leader, the last time. who: leader, part: times sent, count: traced requests
    SUBMITTED = 12
    # last of a record: executed. count: requests; took: execution; part: 1: no client is connected here, so that
    # broadcast tells it of watermarks at intervals
    APPLIED = 13
    REPLIED = 14  # last of an own batch: the answers were written. count: requests
    # of an own request: ended with an error. count: the code's absolute value; part: how many more right after it alike
    FAILED = 15
    NOTIFIED = 16  # of a request: watchers were told. count: how many
    # every process
    STALLED = 17  # newest zxid here: the loop did not run when it should have. took: for how long


class Timings:
    """A process's notes since the last message."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.pack = NOTE.pack

    def note(
        self, kind: int, zxid: int, at_ns: int, took_ns: int = 0, *, who: int = 0, part: int = 0, count: int = 0,
    ) -> None:
        """part and count must fit u16 and u32."""
        self.buffer += self.pack(kind, who, part, count, zxid, at_ns, took_ns)

    def take(self) -> bytes:
        """All notes so far; the buffer is empty after it."""
        notes = bytes(self.buffer)
        self.buffer.clear()
        return notes
