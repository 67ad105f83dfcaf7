"""A small synchronous client of the ZooKeeper protocol (tests/wire.py): what arrives is handed out in that order."""

import contextlib
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self

from tests.wire import (
    EVENT_XID,
    Event,
    Handshake,
    ProtocolViolationError,
    Reader,
    Reply,
    Request,
    buffer,
    decode_handshake,
    frame,
)

DEADLINE_S = 10.0
NO_PASSWORD = bytes(16)

Address = tuple[str, int]


@dataclass
class Connection:
    """One TCP connection to one server.  Every wait ends at DEADLINE_S with TimeoutError."""

    sock: socket.socket
    xid: int = 0
    zxid_seen: int = 0  # the highest of any reply: what a client gives as lastZxidSeen
    session_id: int = 0
    password: bytes = NO_PASSWORD
    pending: deque[tuple[int, int]] = field(default_factory=deque)  # (xid, opcode), in order
    received: bytearray = field(default_factory=bytearray)

    @classmethod
    def to(cls, address: Address) -> Self:
        sock = socket.create_connection(address, timeout=DEADLINE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(sock)

    @classmethod
    def open(cls, address: Address, timeout_ms: int = 10_000) -> Self:
        """A connection with a new session."""
        connection = cls.to(address)
        connection.send_handshake(timeout_ms=timeout_ms)
        if connection.receive_handshake() is None:
            raise ConnectionError(f"{address} closed the connection in the handshake")
        return connection

    def send_handshake(
        self,
        *,
        timeout_ms: int = 10_000,
        session_id: int = 0,
        password: bytes | None = NO_PASSWORD,
        zxid_seen: int = 0,
        read_only: bool | None = False,
    ) -> None:
        """Send a ConnectRequest.  read_only: None leaves the byte out, as the oldest clients do."""
        payload = struct.pack(">iqiq", 0, zxid_seen, timeout_ms, session_id) + buffer(password)
        self.send_bytes(frame(payload + (b"" if read_only is None else bytes([read_only]))))

    def receive_handshake(self) -> Handshake | None:
        """The ConnectResponse; None when the server closed instead of answering."""
        payload = self.receive_frame()
        if payload is None:
            return None
        handshake = decode_handshake(payload)
        self.session_id, self.password = handshake.session_id, handshake.password
        return handshake

    def send(self, *requests: Request) -> None:
        """Send the requests in one piece, without waiting."""
        frames = bytearray()
        for request in requests:
            xid = request.xid
            if xid is None:
                self.xid += 1
                xid = self.xid
            self.pending.append((xid, request.opcode))
            frames += frame(struct.pack(">ii", xid, request.opcode) + request.body())
        self.send_bytes(frames)

    def send_bytes(self, data: bytes | bytearray) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # receiving tells it
            self.sock.sendall(data)

    def receive(self) -> Reply | Event | None:
        """The next thing that the server sent; None at the end of the connection."""
        payload = self.receive_frame()
        if payload is None:
            return None
        reader = Reader(payload)
        xid, zxid, err = reader.unpack(">iqi")
        if xid == EVENT_XID:
            event_type, state = reader.unpack(">ii")
            event = Event(event_type, state, reader.ustring(), zxid)
            reader.end()
            return event
        opcode = self.opcode_of(xid)
        body: tuple[Any, ...] = ()
        if err == 0:  # ZooKeeper sends a body with a failed multi, which no client reads
            body = reader.of(opcode)
            reader.end()
        self.zxid_seen = max(self.zxid_seen, zxid)
        return Reply(xid, zxid, err, opcode, body)

    def opcode_of(self, xid: int) -> int:
        """Of the oldest unanswered request with this xid: replies out of order are seen as such."""
        for index, (sent, opcode) in enumerate(self.pending):
            if sent == xid:
                del self.pending[index]
                return opcode
        raise ProtocolViolationError(f"a reply to xid {xid}, which is not waiting for one")

    def receive_frame(self) -> bytes | None:
        while True:
            if len(self.received) >= 4:
                end = 4 + int.from_bytes(self.received[:4])
                if len(self.received) >= end:
                    payload = bytes(self.received[4:end])
                    del self.received[:end]
                    return payload
            try:
                chunk = self.sock.recv(65536)
            except ConnectionResetError:  # closed with bytes of ours unread
                chunk = b""
            if not chunk:
                return None
            self.received += chunk

    def call(self, request: Request) -> Reply:
        """Send one request and return its reply; events on the way are dropped."""
        self.send(request)
        while (answer := self.receive()) is not None:
            if isinstance(answer, Reply):
                return answer
        raise ConnectionError("closed before the reply")

    def close(self) -> None:
        """Close the connection; the session stays."""
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def four_letter(address: Address, word: str) -> str:
    """What the server answers to a four-letter word; empty when there is none."""
    try:
        with socket.create_connection(address, timeout=5) as sock:
            sock.sendall(word.encode())
            chunks = iter(lambda: sock.recv(65536), b"")
            return b"".join(chunks).decode()
    except OSError:
        return ""
