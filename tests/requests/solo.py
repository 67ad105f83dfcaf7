"""A processor core alone with its log: batches become records at once, or when the test says so."""

import struct
from collections.abc import Sequence
from typing import Any

from node.requests.connection import Connection
from node.requests.overload import OverloadRules
from node.requests.processor import Processor, RequestConfig
from node.tree.state import State
from transport.batch import read_header
from transport.entry import ControlEntry, Kind, pack_control, pack_record
from transport.zxid import make_zxid

SECRET = b"s" * 32
UNLIMITED = OverloadRules(outstanding_max=1 << 40, turn_requests=1 << 30)


class Solo:
    """*alarms*: what execution complained of. *settings*: replicated ones. *options*: of its RequestConfig."""

    kind: type[Processor] = Processor

    def __init__(
        self, settings: dict[str, str] | None = None, voters: Sequence[int] = (1,), **options: Any
    ) -> None:
        self.settings, self.voters = settings or {}, list(voters)
        self.alarms: list[str] = []
        options.setdefault("overload", UNLIMITED)
        config = RequestConfig(
            member=1, processor=0, secret=SECRET, session_timeout_min_ms=4000, session_timeout_max_ms=40_000,
            frame_bytes_max=0xFFFFF, **options)
        self.core = self.kind(config, State(), lambda event, **_: self.alarms.append(event))
        self.core.submissions.generation = 1
        self.core.serving = True
        self.epoch = 0
        self.queue: list[bytes] = []
        self.start_epoch(1)

    def start_epoch(self, epoch: int) -> None:
        """What was queued and not executed is lost with the old leader."""
        self.queue.clear()
        self.epoch = epoch
        entry = ControlEntry(leader=1, feature_level=1, settings=self.settings, incarnations={}, voters=self.voters)
        record = pack_control(
            zxid=make_zxid(epoch=epoch, counter=0), kind=Kind.EPOCH, time_ms=1, entry=entry)
        self.core.replica.apply_record(record)
        self.core.submissions.accepting(epoch=epoch, sequence=0)

    def raise_level(self, level: int) -> None:
        """The feature level, as the leader's log says it."""
        entry = ControlEntry(leader=1, feature_level=level, settings=self.settings, incarnations={}, voters=self.voters)
        self.core.replica.apply_record(pack_control(
            zxid=self.core.replica.zxid + 1, kind=Kind.FEATURE_LEVEL, time_ms=1, entry=entry))

    def submit(self) -> None:
        self.queue += self.core.submissions.seal(now_ms=1)

    def execute(self) -> None:
        """All that is queued, as one record; then what was held back behind it."""
        self.submit()
        while self.queue:
            batches, self.queue = self.queue, []
            self.apply(*batches)
            for conn in list(self.core.connections.values()):
                if conn.holds:
                    self.core.feed(conn, b"", 0)
            self.submit()

    def apply(self, *batches: bytes) -> None:
        """As one record."""
        self.core.replica.apply_record(pack_record(
            first_zxid=self.core.replica.zxid + 1, count=sum(read_header(batch).count for batch in batches), time_ms=2,
            body=b"".join(batches)))

    def connect(self) -> Connection:
        """A connection with a session, its ConnectResponse taken."""
        conn = self.core.opened("127.0.0.1", 0, None)
        self.core.feed(conn, frame(struct.pack(">iqiqi", 0, 0, 10_000, 0, 16) + bytes(17)), 0)
        self.execute()
        conn.out.clear()
        return conn

    def send(self, conn: Connection, *frames: bytes) -> None:
        self.core.feed(conn, b"".join(frames), 0)


def frame(payload: bytes) -> bytes:
    return struct.pack(">i", len(payload)) + payload


def string(text: bytes) -> bytes:
    return struct.pack(">i", len(text)) + text


def request(xid: int, op: int, body: bytes = b"") -> bytes:
    return frame(struct.pack(">ii", xid, op) + body)


WORLD = struct.pack(">ii", 1, 31) + string(b"world") + string(b"anyone")


def create(xid: int, path: bytes, data: bytes = b"", flags: int = 0) -> bytes:
    return request(xid, 1, string(path) + string(data) + WORLD + struct.pack(">i", flags))


def set_data(xid: int, path: bytes, data: bytes, version: int = -1) -> bytes:
    return request(xid, 5, string(path) + string(data) + struct.pack(">i", version))


def get_data(xid: int, path: bytes, *, watch: bool = False) -> bytes:
    return request(xid, 4, string(path) + bytes([watch]))


def replies(conn: Connection) -> list[tuple[int, int, bytes]]:
    """(xid, err, body) of all that is put out, in order; takes it."""
    data, found, at = b"".join(conn.out), [], 0
    conn.out.clear()
    while at < len(data):
        length, xid, _zxid, err = struct.unpack_from(">iiqi", data, at)
        found.append((xid, err, data[at + 20:at + 4 + length]))
        at += 4 + length
    return found
