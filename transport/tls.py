"""TLS to clients: between a TCP transport and a ClientSocket, which sees plain bytes and notices nothing.

A plain connection never comes here, save its first byte where one port takes both.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, Protocol, cast

from transport.client_port import ClientSocket

READ_BYTES = 256 << 10
HANDSHAKE = 22  # the type of a TLS client's first record; a plain client's first byte never is


class TlsOwner(Protocol):
    """What is told of connections that speak TLS, besides what a ClientSocket's owner is."""

    def on_secured(self, client: ClientSocket, certificate: bytes, names: tuple[tuple[str, str], ...]) -> None:
        """The handshake is over. *certificate*: the client's, verified, as DER; empty: it showed none. *names*: its
        subject alternative names, by kind."""

    def on_insecure(self, client: ClientSocket, reason: str) -> None:
        """The handshake failed, or what came was not TLS; the connection ends."""


ContextOf = Callable[[], ssl.SSLContext]  # the newest: certificates may have been renewed


class TlsTransport(asyncio.Protocol):
    """The protocol of a TCP transport, and the transport of a ClientSocket."""

    def __init__(self, client: ClientSocket, owner: TlsOwner, context: ssl.SSLContext) -> None:
        self._client, self._owner = client, owner
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._tcp: asyncio.Transport | None = None
        self._is_secured = self._has_ended = False

    # --- of the TCP transport --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.take_over(cast("asyncio.Transport", transport))
        self._client.connection_made(cast("asyncio.BaseTransport", self))

    def take_over(self, tcp: asyncio.Transport) -> None:
        self._tcp = tcp

    def data_received(self, data: bytes) -> None:
        if self._has_ended:
            return
        self._incoming.write(data)
        if not self._is_secured and not self._shake_hands():
            return
        plain, is_over = self._decrypted()
        if plain:
            self._client.data_received(plain)
        if is_over:
            self._has_ended = True
            self.close()

    def pause_writing(self) -> None:
        self._client.pause_writing()

    def resume_writing(self) -> None:
        self._client.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._tcp = None
        self._client.connection_lost(exc)

    # --- TLS -------------------------------------------------------------------------------------------------

    def _shake_hands(self) -> bool:
        """Whether it is over."""
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._fail(error)
            return False
        self._flush()
        self._is_secured = True
        names = (self._ssl.getpeercert() or {}).get("subjectAltName", ())
        self._owner.on_secured(
            self._client, self._ssl.getpeercert(binary_form=True) or b"", cast("tuple[tuple[str, str], ...]", names))
        return True

    def _decrypted(self) -> tuple[bytes, bool]:
        """What has come, and whether nothing more will."""
        pieces: list[bytes] = []
        is_over = False
        try:
            while self._incoming.pending or self._ssl.pending():
                piece = self._ssl.read(READ_BYTES)
                if not piece:
                    is_over = True
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            is_over = True
        except ssl.SSLError as error:
            self._fail(error)
            is_over = True
        self._flush()  # what TLS itself has to say
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), is_over

    def _fail(self, error: ssl.SSLError) -> None:
        self._has_ended = True
        self._flush()  # the alert that tells the client why
        self._owner.on_insecure(self._client, error.reason or str(error))
        if self._tcp is not None:
            self._tcp.close()

    def _flush(self) -> None:
        if self._outgoing.pending and self._tcp is not None:
            self._tcp.write(self._outgoing.read())

    def _say_goodbye(self) -> None:
        if not self._is_secured:
            return
        with contextlib.suppress(ssl.SSLError):  # it wants the client's goodbye, which nobody waits for
            self._ssl.unwrap()
        self._flush()

    # --- as a ClientSocket sees it ---------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if self._tcp is None else self._tcp.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if self._tcp is not None:
            self._tcp.set_write_buffer_limits(high, low)

    def write(self, data: bytes) -> None:
        if not self._is_secured or self._tcp is None or self._tcp.is_closing():
            return
        try:
            written = self._ssl.write(data)
            while written < len(data):
                written += self._ssl.write(memoryview(data)[written:])
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._flush()

    def is_closing(self) -> bool:
        return self._tcp is None or self._tcp.is_closing()

    def is_reading(self) -> bool:
        return self._tcp is not None and self._tcp.is_reading()

    def pause_reading(self) -> None:
        if self._tcp is not None:
            self._tcp.pause_reading()

    def resume_reading(self) -> None:
        if self._tcp is not None:
            self._tcp.resume_reading()

    def write_eof(self) -> None:
        self._say_goodbye()
        if self._tcp is not None and not self._tcp.is_closing():
            self._tcp.write_eof()

    def close(self) -> None:
        if self._tcp is not None and not self._tcp.is_closing():
            self._say_goodbye()
            self._tcp.close()

    def abort(self) -> None:
        if self._tcp is not None:
            self._tcp.abort()


class EitherProtocol(asyncio.Protocol):
    """A connection that has not said yet whether it speaks TLS: its first byte tells, then this is out of the way."""

    def __init__(self, client: ClientSocket, owner: TlsOwner, context_of: ContextOf) -> None:
        self._client, self._owner, self._context_of = client, owner, context_of
        self._tcp: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tcp = cast("asyncio.Transport", transport)
        self._client.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        tcp = self._tcp
        if tcp is None:
            return
        if data[0] != HANDSHAKE:
            tcp.set_protocol(self._client)
            self._client.data_received(data)
            return
        tls = TlsTransport(self._client, self._owner, self._context_of())
        tls.take_over(tcp)
        self._client.transport = cast("asyncio.Transport", tls)
        tcp.set_protocol(tls)
        tls.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._tcp = None
        self._client.connection_lost(exc)
