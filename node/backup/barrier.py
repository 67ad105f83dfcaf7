"""A sync through the member's own client port: everything acknowledged before it is in its log, below its zxid.

The reply comes from this member's processor, which had executed the sync; so its record, and all before it, is
committed and durable here. It costs three requests: a session comes, syncs and goes; the zxid at which it has gone is
the barrier, so that it is not in what is restored.
"""

import socket
from typing import Final

from node.config.address import Address
from node.config.member import MemberConfig
from node.running import read_running
from transport.errors import Err
from transport.jute import decode, encode
from transport.opcodes import OpCode
from transport.records import ConnectRequest, ConnectResponse, ReplyHeader, RequestHeader, SyncRequest
from transport.zxid import Zxid

_SESSION_TIMEOUT_MS: Final = 10_000
_SYNC_XID: Final = 1
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_CLOSE_XID: Final = 2
_FRAME_BYTES_MAX: Final = 1 << 16


class BarrierError(Exception):
    """The member did not answer, or refused."""


def own_address(config: MemberConfig) -> Address:
    """Of the member's own client port, as far as its files say it."""
    port, host = config.client_port, config.client_addresses[0]
    running = read_running(config.run_dir)
    if not port and running is not None and running.clients:
        port = int(running.clients[0].rpartition(":")[2])
    return Address(_LOOPBACK.get(host, host), port)


def own_tls_address(config: MemberConfig) -> Address:
    """Where the member speaks TLS: secureClientPort, or clientPort where it takes both."""
    tls = config.security.tls
    if tls is None or not tls.port:
        return own_address(config)
    host = tls.addresses[0]
    return Address(_LOOPBACK.get(host, host), tls.port)


def synced_zxid(address: Address, deadline_s: float) -> Zxid:
    """Of a sync, and the end of the session that asked for it.  Raises BarrierError."""
    try:
        with socket.create_connection((address.host, address.port), timeout=deadline_s) as connection:
            _connect(connection)
            connection.sendall(_framed(encode(RequestHeader(_SYNC_XID, OpCode.SYNC)) + encode(SyncRequest(b"/"))))
            reply = _reply_to(connection, _SYNC_XID)
            if reply.err == Err.SESSION_CLOSED_REQUIRE_SASL_AUTH:
                raise BarrierError(f"{address}: clients must prove who they are there: --auth, --sasl or --cert")
            connection.sendall(_framed(encode(RequestHeader(_CLOSE_XID, OpCode.CLOSE_SESSION))))
            closed = _reply_to(connection, _CLOSE_XID)
    except OSError as error:
        raise BarrierError(f"{address}: {error.strerror or 'no answer in time'}") from error
    if reply.err or closed.err:
        raise BarrierError(f"{address}: sync failed with error {reply.err or closed.err}")
    return Zxid(max(reply.zxid, closed.zxid))


def _connect(connection: socket.socket) -> None:
    request = ConnectRequest(0, 0, _SESSION_TIMEOUT_MS, 0, bytes(16))
    connection.sendall(_framed(encode(request) + b"\0"))
    response = decode(ConnectResponse, _frame(connection))
    if response.timeout <= 0:
        raise BarrierError("the member refused the session")


def _reply_to(connection: socket.socket, xid: int) -> ReplyHeader:
    while True:
        header = decode(ReplyHeader, _frame(connection))
        if header.xid == xid:
            return header


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def _frame(connection: socket.socket) -> bytes:
    size = int.from_bytes(_exactly(connection, 4), "big")
    if size > _FRAME_BYTES_MAX:
        raise BarrierError("what listens on the client port is not a member")
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise BarrierError("the member closed the connection: it does not serve, or maxClientCnxns is reached")
        data += piece
    return data
