"""Clients prove who they are: auth packets, SASL, and connections that must do so before they ask for anything.

ZooKeeper's enforce.auth.enabled and sessionRequireClientSASLAuth (A1.8, 49): the first other request of a connection
without an identity of a required scheme is answered with -124, and the connection closed.
"""

import struct
from typing import TYPE_CHECKING, Final

from node.requests.auth import (
    AuthPacketError,
    AuthRefusedError,
    OtherEnsembleError,
    authenticate,
    certified,
    has_scheme,
    with_sasl_user,
)
from node.requests.connection import Connection, Phase
from node.requests.frames import HEAD, REPLY, REPLY_HEADER_BYTES
from node.requests.sasl import ExchangeOf, SaslRefusedError
from transport.errors import Err
from transport.opcodes import OpCode

if TYPE_CHECKING:
    from node.requests.processor import Processor

_LENGTH: Final = struct.Struct(">i")
_NO_TOKEN: Final = _LENGTH.pack(-1)


class Proofs:
    """*rules*: replaced where the configuration is read again.

    *sasl*: begins an exchange; None: this member has no SASL, and answers every token with none, as ZooKeeper.
    """

    def __init__(self, core: "Processor") -> None:
        self._core = core
        self.rules = core.config.auth
        self.sasl: ExchangeOf | None = None

    def is_proven(self, conn: Connection) -> bool:
        required = self.rules.required
        return not required or has_scheme(conn.identity, required)

    def feed(self, conn: Connection, data: bytes) -> None:
        """Bytes of a connection that is UNPROVEN. Once it is proven, the core takes what is left."""
        at, end = 0, len(data)
        while end - at >= HEAD.size and conn.phase is Phase.UNPROVEN:
            length, xid, op = HEAD.unpack_from(data, at)
            stop = at + 4 + length
            if not 8 <= length <= self._core.config.frame_bytes_max:
                self._core.close(conn, "bad_frame", f"a frame of {length} bytes")
            elif stop > end:
                break
            else:
                self._take(conn, xid, op, data[at + HEAD.size:stop])
                at = stop
        if conn.phase is Phase.UNPROVEN:
            conn.input = data[at:]
        elif conn.phase is Phase.READY and at < end:
            self._core.feed(conn, data[at:], conn.heard_ms)

    def _take(self, conn: Connection, xid: int, op: int, body: bytes) -> None:
        self._core.statistics.received += 1
        conn.frames_in += 1
        if op == OpCode.AUTH:
            self._core.on_auth(conn, xid, body)
        elif op == OpCode.SASL:
            self.on_sasl(conn, xid, body)
        else:
            self.refuse(conn, xid)

    def refuse(self, conn: Connection, xid: int) -> None:
        """A request of somebody who has not said who he is."""
        conn.out.append(REPLY.pack(REPLY_HEADER_BYTES, xid, 0, Err.SESSION_CLOSED_REQUIRE_SASL_AUTH))
        schemes = ", ".join(sorted(self.rules.required))
        self._core.statistics.auth_failed += 1
        self._core.close(conn, "not_authenticated", f"it asked before it authenticated itself by one of: {schemes}")

    def on_packet(self, conn: Connection, xid: int, body: bytes) -> None:
        """An auth packet: answered at once, whatever is on its way, with zxid 0."""
        try:
            identity = authenticate(body, conn.identity, conn.address, self.rules)
        except AuthPacketError as error:
            self._core.close(conn, "bad_frame", str(error))
        except OtherEnsembleError as other:
            self._core.close(conn, "other_ensemble", str(other))
        except AuthRefusedError as refused:  # a name of its own: compiled code has one type for each
            self._fail(conn, xid, Err.AUTH_FAILED, b"", str(refused))
        else:
            self._answer(conn, xid, b"")
            self._take_identity(conn, identity)

    def on_sasl(self, conn: Connection, xid: int, body: bytes) -> None:
        (length,) = _LENGTH.unpack_from(body) if len(body) >= 4 else (-2,)
        if length < -1 or 4 + max(length, 0) > len(body):
            self._core.close(conn, "bad_frame", "truncated SASL token")
            return
        if self.sasl is None:
            self._answer(conn, xid, _NO_TOKEN)
            return
        if conn.sasl is None:
            conn.sasl = self.sasl()
        try:
            answer = conn.sasl.step(body[4:4 + max(length, 0)])
            identity = with_sasl_user(conn.identity, conn.sasl.user, self.rules) if conn.sasl.user else conn.identity
        except SaslRefusedError as error:
            self._on_sasl_refused(conn, xid, str(error))
        except AuthRefusedError as refused:
            self._on_sasl_refused(conn, xid, str(refused))
        else:
            if conn.sasl.user:
                conn.sasl = None
            self._answer(conn, xid, _NO_TOKEN if answer is None else _LENGTH.pack(len(answer)) + answer)
            self._take_identity(conn, identity)

    def _on_sasl_refused(self, conn: Connection, xid: int, reason: str) -> None:
        conn.sasl = None
        if self.rules.keeps_failed_sasl and not self.rules.requires_sasl:
            self._core.statistics.auth_failed += 1
            self._answer(conn, xid, _NO_TOKEN)
            return
        err = Err.SESSION_CLOSED_REQUIRE_SASL_AUTH if self.rules.requires_sasl else Err.AUTH_FAILED
        self._fail(conn, xid, err, _NO_TOKEN, f"SASL: {reason}")

    def on_certificate(self, conn: Connection, name: str) -> bool:
        """Of a verified client, before it has sent anything. False: the connection ends."""
        try:
            conn.identity = certified(conn.identity, name, self.rules)
        except AuthRefusedError as error:
            self._core.statistics.auth_failed += 1
            self._core.close(conn, "auth_failed", str(error))
            return False
        return True

    def _take_identity(self, conn: Connection, identity: bytes) -> None:
        conn.identity = identity
        self._core.watches.identities[conn.number] = identity
        if conn.phase is Phase.UNPROVEN and self.is_proven(conn):
            conn.phase = Phase.READY

    def _answer(self, conn: Connection, xid: int, body: bytes) -> None:
        conn.out.append(REPLY.pack(REPLY_HEADER_BYTES + len(body), xid, 0, 0) + body)
        conn.frames_out += 1
        self._core.statistics.sent += 1
        self._core.dirty[conn] = None

    def _fail(self, conn: Connection, xid: int, err: int, body: bytes, reason: str) -> None:
        conn.out.append(REPLY.pack(REPLY_HEADER_BYTES + len(body), xid, 0, err) + body)
        self._core.statistics.auth_failed += 1
        self._core.close(conn, "auth_failed", reason)
