"""What a server does with bytes that no client should send."""

import struct

from tests.wire import PING_XID, Ping, frame
from tests.wire_connection import Address, Connection

CLOSED = "closed"
OPEN = "open"
JUTE_MAX_BUFFER = 1_048_575
XID = 7

Outcome = tuple[list[tuple[int, int]], str]  # (xid, error) of each reply, and what the connection is then


def request(opcode: int, body: bytes) -> bytes:
    return frame(struct.pack(">ii", XID, opcode) + body)


def outcome(address: Address, attack: bytes, *, in_session: bool = True) -> Outcome:
    """What comes back, until the server closes or answers a ping that follows."""
    with Connection.to(address) as connection:
        if in_session:
            connection.send_handshake()
            assert connection.receive_handshake() is not None
        connection.send_bytes(attack)
        if in_session:
            connection.send(Ping())
        replies: list[tuple[int, int]] = []
        while (payload := connection.receive_frame()) is not None:
            xid, _, err = struct.unpack_from(">iqi", payload)
            if xid == PING_XID:
                return replies, OPEN
            replies.append((xid, err))
        return replies, CLOSED
