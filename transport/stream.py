"""The connecting end of a stream."""

from collections import deque
from typing import Final

import zmq

from transport.curve import CurveKeys
from transport.numbering import Peer, check_number, pack_number
from transport.zmq_socket import (
    CONNECT_TIMEOUT_MS,
    EVENTS,
    HIGH_WATER_MESSAGES,
    NOBLOCK,
    POLLIN,
    Context,
    Monitor,
    option_of,
    sender,
    set_common_options,
)

_LOST_EVENTS: Final = (
    zmq.Event.DISCONNECTED | zmq.Event.CLOSED | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL | zmq.Event.HANDSHAKE_FAILED_AUTH
)


class Stream:
    """DEALER: the connecting end of one stream, for one life of it."""

    def __init__(
        self, context: Context, endpoint: str, keys: CurveKeys | None, server_key: str,
    ) -> None:
        self.endpoint = endpoint
        self.is_open = self.is_lost = self.is_closed = False
        self.is_touched = True  # used since it was last found empty: see Poller
        self.socket = context.socket(zmq.DEALER)
        set_common_options(self.socket)
        self.socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS)
        self._recv, self._send, self._option = self.socket.recv, sender(self.socket), option_of(self.socket)
        self._burst = 0  # messages received since it was last found empty
        self.monitor = Monitor(self.socket, zmq.Event.HANDSHAKE_SUCCEEDED | _LOST_EVENTS)
        if endpoint.startswith("tcp:"):
            assert keys is not None
            self.socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.public.encode())
            self.socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret.encode())
            self.socket.setsockopt(zmq.CURVE_SERVERKEY, server_key.encode())
            self.socket.setsockopt(zmq.IPV6, 1 if "[" in endpoint else 0)
        self.socket.connect(endpoint)
        self._unsent: deque[bytes] = deque()  # numbered; waits for the connection
        self._peer = Peer(0)

    def fileno(self) -> int:
        """Readable after messages. Edge-triggered: see the head of sockets.py."""
        return int(self.socket.fd)

    def monitor_fileno(self) -> int:
        """Readable when the stream opens or is lost: call `maintain`, then `receive`."""
        return int(self.monitor.socket.fd)

    @property
    def wants_out(self) -> bool:
        return bool(self._unsent)

    def send(self, payload: bytes) -> bool:
        """False: the stream is lost, or too much waits. Until it is open, messages wait here."""
        if self.is_lost or len(self._unsent) >= HIGH_WATER_MESSAGES:
            return False
        self._peer.sent += 1
        message = pack_number(self._peer.sent) + payload
        if self._unsent or not self._put(message):
            self._unsent.append(message)
        return True

    def flush(self) -> None:
        """Send what waited for the connection."""
        while self._unsent and self._put(self._unsent[0]):
            self._unsent.popleft()

    def _put(self, message: bytes) -> bool:
        self.is_touched = True
        try:
            self._send(message, NOBLOCK)
        except zmq.Again:
            return False
        return True

    def receive(self) -> memoryview | None:
        """None: nothing waits; then look at `is_lost`. Raises StreamGapError."""
        while True:
            if self._burst == 1 and not self.has_message():
                return None
            try:
                message = self._recv(NOBLOCK)
            except zmq.Again:
                self._on_empty()
                return None
            self._burst += 1
            self.is_touched = True
            # More frames than one come as messages without the next number.
            payload = check_number(b"", self._peer, message)
            if payload:
                return payload

    def has_message(self) -> bool:
        """As `receive`, but only looks: cheaper where there is mostly nothing."""
        if self._option(EVENTS) & POLLIN:
            return True
        self._on_empty()
        return False

    def _on_empty(self) -> None:
        self._burst, self.is_touched = 0, False
        if self._unsent:  # this look may have swallowed the news that it is open now
            self.flush()

    def maintain(self) -> None:
        """After its monitor woke us: learn whether it is open or lost, and send what waited."""
        if self.is_closed:
            return
        events = self.monitor.drain()
        if events & zmq.Event.HANDSHAKE_SUCCEEDED:
            self.is_open = True
        if events & _LOST_EVENTS:
            self.is_open, self.is_lost = False, True
        if self._unsent:
            self.flush()

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = self.is_lost = True
            self.monitor.close()
            self.socket.close(0)
