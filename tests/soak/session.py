"""One session of a client that never gives up: it comes back on another member, with its watches, or learns its end.

Its own code, not kazoo's: ten thousand of them run in one process.
"""

import asyncio
import contextlib
import random
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

CONNECT = struct.Struct(">iiqiqi16s?")
CONNECTED = struct.Struct(">iiqi16s")
HEAD = struct.Struct(">iii")
REPLY = struct.Struct(">iqi")
EVENT_HEAD = struct.Struct(">iii")
GET_DATA, PING, CLOSE, SET_WATCHES = 4, 11, -11, 101
PING_XID, SET_WATCHES_XID, EVENT_XID = -2, -8, -1
RETRY_S = 0.05
CONNECT_S = 5.0
PING_FRAME = HEAD.pack(8, PING_XID, PING)

Address = tuple[str, int]
Answer = Callable[[int | None, bytes], None]  # error code, or None: the connection was lost; body


class Owner(Protocol):
    """Whom a session tells."""

    def on_event(self, session: "Session", path: bytes) -> None: ...

    def on_expired(self, session: "Session", silent_s: float) -> None:
        """*silent_s*: since it was last heard of by a member."""


def ustring(text: bytes) -> bytes:
    return struct.pack(">i", len(text)) + text


def strings(texts: Sequence[bytes]) -> bytes:
    return struct.pack(">i", len(texts)) + b"".join(map(ustring, texts))


class Session:
    """*watched*: paths with a data watch that is there, or comes back with the next connection."""

    def __init__(self, owner: Owner, addresses: Sequence[Address], timeout_ms: int, rng: random.Random) -> None:
        self.owner, self.addresses, self.timeout_ms = owner, list(addresses), timeout_ms
        rng.shuffle(self.addresses)
        self.id = 0
        self.password = bytes(16)
        self.zxid = 0
        self.watched: dict[bytes, None] = {}
        self.reconnects = 0
        self.heard_s = self.sent_s = time.monotonic()
        self.is_over = False
        self._pipe: _Pipe | None = None
        self._rng = rng
        self._task: asyncio.Task[None] | None = None

    @property
    def has_ended(self) -> bool:
        return self.is_over and self._pipe is None

    @property
    def is_connected(self) -> bool:
        return self._pipe is not None and self._pipe.is_ready

    def open(self) -> None:
        """Now, and whenever it is lost from now on."""
        if self._task is None and not self.is_over:
            self._task = asyncio.get_running_loop().create_task(self._connect())

    def ask(self, op: int, body: bytes, answer: Answer) -> None:
        """Only while it is connected."""
        assert self._pipe is not None
        self._pipe.ask(op, body, answer)

    def watch(self, path: bytes) -> None:
        self.watched[path] = None
        if self.is_connected:
            self.ask(GET_DATA, ustring(path) + b"\1", lambda *_: None)

    def pulse(self, now_s: float) -> None:
        """A ping when it is due; away from a member that answers nothing, the first frame of a connection among it."""
        pipe = self._pipe
        if pipe is not None and not pipe.is_ready and now_s - pipe.opened_s > self.timeout_ms / 3000:
            self.cut()
        if not self.is_connected:
            return
        if now_s - self.heard_s > self.timeout_ms / 1500:
            self.cut()
        elif now_s - self.sent_s > self.timeout_ms / 3000:
            assert self._pipe is not None
            self._pipe.write(PING_FRAME)
            self.sent_s = now_s

    def cut(self) -> None:
        """As if the network had done it."""
        if self._pipe is not None:
            self._pipe.abort()

    def close(self) -> None:
        """For good, by request."""
        self.is_over = True
        if self._task is not None:
            self._task.cancel()
        if self.is_connected:
            self.ask(CLOSE, b"", lambda *_: None)

    # --- from its pipe ---

    def on_open(self, pipe: "_Pipe") -> None:
        self._pipe = pipe

    def on_ready(self, body: bytes) -> None:
        _, timeout_ms, session_id, _, password = CONNECTED.unpack_from(body)
        self.heard_s, silent_s = time.monotonic(), time.monotonic() - self.heard_s
        if timeout_ms <= 0:
            self.is_over = True
            self.cut()
            self.owner.on_expired(self, silent_s)
            return
        if self.id:
            self.reconnects += 1
        self.id, self.password, self.timeout_ms = session_id, password, timeout_ms
        assert self._pipe is not None
        self._pipe.is_ready = True
        if self.watched:
            watches = struct.pack(">q", self.zxid) + strings(list(self.watched)) + strings(()) + strings(())
            self._pipe.send(SET_WATCHES_XID, SET_WATCHES, watches)

    def on_event(self, path: bytes) -> None:
        self.watched.pop(path, None)
        self.owner.on_event(self, path)

    def on_lost(self, pipe: "_Pipe") -> None:
        if self._pipe is pipe:
            self._pipe = None
        self.open()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.is_over:
            self.addresses.append(self.addresses.pop(0))
            try:
                async with asyncio.timeout(CONNECT_S):
                    _, pipe = await loop.create_connection(lambda: _Pipe(self), *self.addresses[0])
            except OSError:  # TimeoutError is one
                self.cut()
                await asyncio.sleep(RETRY_S * (1 + self._rng.random()))  # between polls
                continue
            if pipe.transport is not None:
                self._task = None
                return


class _Pipe(asyncio.Protocol):
    """One connection of a session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.transport: asyncio.Transport | None = None
        self.is_ready = False
        self.opened_s = time.monotonic()
        self._pending: deque[Answer] = deque()
        self._input = b""
        self._xid = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is not a subclass
        session = self.session
        session.on_open(self)
        self.write(CONNECT.pack(
            CONNECT.size - 4, 0, session.zxid, session.timeout_ms, session.id, 16, session.password, False))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport, self.is_ready = None, False
        pending, self._pending = self._pending, deque()
        self.session.on_lost(self)
        for answer in pending:
            answer(None, b"")

    def data_received(self, data: bytes) -> None:
        data = self._input + data if self._input else data
        at, end = 0, len(data)
        while end - at >= 4:
            stop = at + 4 + int.from_bytes(data[at:at + 4], "big")
            if stop > end:
                break
            self._on_frame(data[at + 4:stop])
            at = stop
        self._input = data[at:]

    def _on_frame(self, payload: bytes) -> None:
        session = self.session
        if not self.is_ready:
            session.on_ready(payload)
            return
        session.heard_s = time.monotonic()
        xid, zxid, err = REPLY.unpack_from(payload)
        if zxid > session.zxid:
            session.zxid = zxid
        if xid == EVENT_XID:
            session.on_event(payload[REPLY.size + EVENT_HEAD.size:])
        elif xid > 0:
            self._pending.popleft()(err, payload[REPLY.size:])

    def ask(self, op: int, body: bytes, answer: Answer) -> None:
        self._xid += 1
        self._pending.append(answer)
        self.send(self._xid, op, body)
        self.session.sent_s = time.monotonic()

    def send(self, xid: int, op: int, body: bytes) -> None:
        self.write(HEAD.pack(8 + len(body), xid, op) + body)

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            with contextlib.suppress(RuntimeError):  # uvloop's, between a connection's end and the news of it
                self.transport.write(data)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()
