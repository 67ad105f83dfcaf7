"""ZeroMQ with its edges rounded; besides curve.py and poller.py the only importer of zmq.

Messages are bytes here; messages.py shapes them.

    Sockets    the context of one process: one I/O thread, the allow-list of CURVE keys, close()
    Listener   ROUTER, bound: many streams, each with the member that its key belongs to
    Stream     DEALER: one connection, one life; a lost one is closed, and its owner opens another
    Push, Pull telemetry: lossy, drops counted

poller.py waits for any of them.

What they promise, and why:
- The messages of a stream are numbered from 1; a gap raises StreamGapError: a stream is whole, or
  it ends.
- Nothing reconnects by itself (but Push): nothing queued for an old life flows into a new one.
- Nothing blocks: `send` says False where the peer takes no more, `receive` None where nothing
  waits.
- Monitor events are hints. A Stream has one connection: its monitor is certain. A Listener's names
  no peer: it probes all its streams then, and ROUTER_MANDATORY tells who is gone.
- ZeroMQ's file descriptor is edge-triggered: who waits on `fileno()` instead of a Poller must
  receive until None after every wake-up and after every send, before it sleeps.
"""

import errno
import os
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import cast

import zmq

from transport.curve import ZAP_DOMAIN, Allowed, AllowList, CurveKeys, Refused
from transport.endpoints import EndpointError, lock_ipc_path

StreamId = bytes

MESSAGE_BYTES_MAX = 64 << 20
HIGH_WATER_MESSAGES = 8192  # the last resort: links have credits in bytes of their own
TELEMETRY_MESSAGES = 64
CONNECT_TIMEOUT_MS = 2000

# Plain integers: an enum's operators cost as much as a send.
_NOBLOCK = int(zmq.NOBLOCK)
_NOBLOCK_MORE = int(zmq.NOBLOCK | zmq.SNDMORE)
_POLLIN = int(zmq.POLLIN)
_EVENTS = int(zmq.EVENTS)
_RCVMORE = int(zmq.RCVMORE)

_NUMBER = struct.Struct("<Q")
_NUMBER_BYTES = _NUMBER.size
_pack_number, _read_number = _NUMBER.pack, _NUMBER.unpack_from
_MONITOR_EVENT = struct.Struct("=HI")
# A DISCONNECTED event comes some microseconds before its pipe is gone: ask again until it must
# have been seen.
_PROBE_DELAYS_MS = (0, 1, 5, 20, 100)
_LOST_EVENTS = (
    zmq.Event.DISCONNECTED | zmq.Event.CLOSED | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL | zmq.Event.HANDSHAKE_FAILED_AUTH
)

_Context = zmq.Context[zmq.Socket[bytes]]
_Socket = zmq.Socket[bytes]


def _sender(socket: _Socket) -> Callable[[bytes, int], object]:
    """send(message, flags) as Cython has it: the method of zmq.Socket looks at options that we do not use first."""
    return cast("Callable[[bytes, int], object]", super(zmq.Socket, socket).send)


def option_of(socket: _Socket) -> Callable[[int], int]:
    """getsockopt, for options that are numbers."""
    return cast("Callable[[int], int]", socket.getsockopt)


class StreamGapError(Exception):
    """The numbers of a stream are not contiguous: it must end."""

    def __init__(self, *, stream: StreamId, expected: int, received: int) -> None:
        super().__init__(f"message {received} came instead of {expected}")
        self.stream, self.expected, self.received = stream, expected, received


class Sockets:
    """The ZeroMQ context of one process; to be used by one thread."""

    def __init__(self) -> None:
        self._context = _Context(io_threads=1)
        self._allow_list: AllowList | None = None
        self._opened: list[Listener | Stream | Push | Pull] = []

    def authorise(self, allowed: Allowed, refused: Refused) -> None:
        """Ask *allowed* about every key that connects from now on. Before any tcp listener."""
        self._allow_list = AllowList(self._context, allowed, refused)

    def listener(self, endpoints: Iterable[str], *, keys: CurveKeys | None = None) -> "Listener":
        """Bind all *endpoints*; those of tcp need *keys*, and `authorise` before.

        Raises EndpointError: in use, or not an address of this host.
        """
        listener = Listener(self._context)
        self._opened.append(listener)
        for endpoint in endpoints:
            if endpoint.startswith("tcp:"):
                assert self._allow_list is not None, "without ZAP any key would be let in"
                assert keys is not None
            listener.bind(endpoint, keys)
        return listener

    def stream(
        self, endpoint: str, *, keys: CurveKeys | None = None, server_key: str = "",
    ) -> "Stream":
        """Begin to connect. One that cannot connect is lost soon; nothing is raised for that."""
        stream = Stream(self._context, endpoint, keys, server_key)
        self._opened = [each for each in self._opened if not each.is_closed]
        self._opened.append(stream)
        return stream

    def push(self, endpoint: str) -> "Push":
        push = Push(self._context, endpoint)
        self._opened.append(push)
        return push

    def pull(self, endpoint: str) -> "Pull":
        """Raises EndpointError."""
        pull = Pull(self._context, endpoint)
        self._opened.append(pull)
        return pull

    def close(self) -> None:
        """Close everything that this context opened, at once: nothing unsent is waited for."""
        for each in self._opened:
            each.close()
        self._context.term()
        if self._allow_list is not None:
            self._allow_list.join()


class Monitor:
    """The monitor of one socket: which events came since the last look."""

    def __init__(self, watched: _Socket, events: int) -> None:
        self._watched = watched
        self.socket = watched.get_monitor_socket(events)
        # Its descriptor tells of what comes after the socket has been seen empty, and of nothing before.
        self.drain()

    def drain(self) -> int:
        """All events that wait, or-ed."""
        seen = 0
        while int(self.socket.getsockopt(_EVENTS)) & _POLLIN:
            seen |= _MONITOR_EVENT.unpack(self.socket.recv_multipart(_NOBLOCK)[0])[0]
        return seen

    def close(self) -> None:
        self._watched.disable_monitor()
        self.socket.close(0)


class _Peer:
    __slots__ = ("is_dropped", "member", "received", "sent")

    def __init__(self, member: int) -> None:
        self.member = member
        self.received = self.sent = 0
        self.is_dropped = False


class Listener:
    """ROUTER: the bound end of many streams."""

    def __init__(self, context: _Context) -> None:
        self.socket = context.socket(zmq.ROUTER)
        _set_common_options(self.socket)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        # Bound once: looking a method up in a zmq socket takes as long as calling it.
        self._recv, self._send, self._option = self.socket.recv, _sender(self.socket), option_of(self.socket)
        self.monitor = Monitor(self.socket, zmq.Event.DISCONNECTED)
        self.endpoints: list[str] = []  # as bound: with the real port where 0 was asked for
        self.is_closed = False
        self.is_touched = True  # used since it was last found empty: see Poller
        self._burst = 0  # messages received since it was last found empty
        self.is_uneasy = False  # it has lost streams, or looks for some: has_lost, deadline_ns
        self._peers: dict[StreamId, _Peer] = {}
        self._lost: list[StreamId] = []
        self._probes_ns: list[int] = []  # when to probe, latest first
        self._locks: list[int] = []

    @property
    def has_lost(self) -> bool:
        """Whether `take_lost` would return any."""
        return bool(self._lost)

    def fileno(self) -> int:
        """Edge-triggered: see the head of this file."""
        return int(self.socket.fd)

    def bind(self, endpoint: str, keys: CurveKeys | None) -> None:
        if endpoint.startswith("ipc:"):
            self._locks.append(lock_ipc_path(endpoint))
        if keys is not None:
            self.socket.setsockopt(zmq.CURVE_SERVER, 1)
            self.socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret.encode())
            self.socket.setsockopt(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
            self.socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        _bind(self.socket, endpoint)
        self.endpoints.append(self.socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"))

    def receive(self) -> tuple[StreamId, int, memoryview] | None:
        """(stream, member of its key or 0 on ipc, payload); None: nothing waits.

        Raises StreamGapError: drop that stream.
        """
        while True:
            # Mostly there is one: to look whether there are more costs less than zmq.Again. In a burst it does not.
            if self._burst == 1 and not self._option(_EVENTS) & _POLLIN:
                self._burst, self.is_touched = 0, False
                return None
            try:
                stream = self._recv(_NOBLOCK)
            except zmq.Again:
                self._burst, self.is_touched = 0, False
                return None
            self._burst += 1
            self.is_touched = True
            peer = self._peers.get(stream)
            if peer is None:
                peer, message = self._meet(stream)
            else:
                message = self._recv(_NOBLOCK)
            if self._option(_RCVMORE):
                _skip_frames(self.socket)
                message = b""
            if peer.is_dropped:
                continue
            payload = _check_number(stream, peer, message)
            if payload:  # else a probe
                return stream, peer.member, payload

    def _meet(self, stream: StreamId) -> tuple[_Peer, bytes]:
        """A stream's first message: only its frame tells whose key the connection has proved."""
        frame = self.socket.recv(_NOBLOCK, copy=False)
        try:
            member = int(frame.get("User-Id"))
        except zmq.ZMQError:
            member = 0
        peer = self._peers[stream] = _Peer(member)
        return peer, frame.bytes

    def send(self, stream: StreamId, payload: bytes) -> bool:
        """False: not sent. Either it is gone (`is_open` tells), or it takes no more for now."""
        peer = self._peers.get(stream)
        if peer is None or peer.is_dropped:
            return False
        self.is_touched = True
        try:
            self._send(stream, _NOBLOCK_MORE)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno != errno.EHOSTUNREACH:
                raise
            del self._peers[stream]
            self._lost.append(stream)
            self.is_uneasy = True
            return False
        peer.sent += 1
        self._send(_pack_number(peer.sent) + payload, _NOBLOCK)
        return True

    def is_open(self, stream: StreamId) -> bool:
        peer = self._peers.get(stream)
        return peer is not None and not peer.is_dropped

    def drop(self, stream: StreamId) -> None:
        """Neither send to it nor receive from it any more.

        ROUTER cannot close one connection; its peer closes it, having been told.
        """
        peer = self._peers.get(stream)
        if peer is not None:
            peer.is_dropped = True

    def take_lost(self) -> list[StreamId]:
        """Streams found gone since the last call, save dropped ones. Receive until None first."""
        if not self.is_uneasy:
            return []
        lost, self._lost = self._lost, []
        self.is_uneasy = bool(self._probes_ns)
        return lost

    def probe(self) -> None:
        """Find out which streams are gone; the others get an empty message, which nobody sees."""
        # Takes in what the I/O thread has to tell; sending alone may skip that.
        self.is_touched = True
        self.socket.getsockopt(_EVENTS)
        for stream, peer in list(self._peers.items()):
            if not peer.is_dropped:
                self.send(stream, b"")
            elif not self._accepts(stream):
                del self._peers[stream]

    def _accepts(self, stream: StreamId) -> bool:
        """Whether a dropped stream is still connected (its numbers matter to nobody any more)."""
        try:
            self.socket.send(stream, _NOBLOCK_MORE)
        except zmq.ZMQError as error:
            return error.errno != errno.EHOSTUNREACH
        self.socket.send(_NUMBER.pack(0), _NOBLOCK)
        return True

    @property
    def deadline_ns(self) -> int:
        """When `maintain` wants to be called (CLOCK_MONOTONIC); 0: not at all."""
        return self._probes_ns[-1] if self._probes_ns else 0

    def maintain(self) -> None:
        """After its monitor woke us, or at its deadline."""
        now_ns = time.monotonic_ns()
        if self.monitor.drain():
            self._probes_ns = [now_ns + delay * 1_000_000 for delay in reversed(_PROBE_DELAYS_MS)]
        due = False
        while self._probes_ns and self._probes_ns[-1] <= now_ns:
            self._probes_ns.pop()
            due = True
        if due:
            self.probe()
        self.is_uneasy = bool(self._lost or self._probes_ns)

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.monitor.close()
            self.socket.close(0)
            for lock in self._locks:
                os.close(lock)


class Stream:
    """DEALER: the connecting end of one stream, for one life of it."""

    def __init__(
        self, context: _Context, endpoint: str, keys: CurveKeys | None, server_key: str,
    ) -> None:
        self.endpoint = endpoint
        self.is_open = self.is_lost = self.is_closed = False
        self.is_touched = True  # used since it was last found empty: see Poller
        self.socket = context.socket(zmq.DEALER)
        _set_common_options(self.socket)
        self.socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS)
        self._recv, self._send, self._option = self.socket.recv, _sender(self.socket), option_of(self.socket)
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
        self._peer = _Peer(0)

    def fileno(self) -> int:
        """Readable after messages. Edge-triggered: see the head of this file."""
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
        message = _pack_number(self._peer.sent) + payload
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
            self._send(message, _NOBLOCK)
        except zmq.Again:
            return False
        return True

    def receive(self) -> memoryview | None:
        """None: nothing waits; then look at `is_lost`. Raises StreamGapError."""
        while True:
            if self._burst == 1 and not self.has_message():
                return None
            try:
                message = self._recv(_NOBLOCK)
            except zmq.Again:
                self._on_empty()
                return None
            self._burst += 1
            self.is_touched = True
            # More frames than one come as messages without the next number.
            payload = _check_number(b"", self._peer, message)
            if payload:
                return payload

    def has_message(self) -> bool:
        """As `receive`, but only looks: cheaper where there is mostly nothing."""
        if self._option(_EVENTS) & _POLLIN:
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


class Push:
    """PUSH to telemetry: what it does not take is dropped and counted. Reconnects by itself.

    TELEMETRY_MESSAGES wait while it starts: the notes of a member's first writes.
    """

    def __init__(self, context: _Context, endpoint: str) -> None:
        self.dropped = 0
        self.is_closed = False
        self.socket = context.socket(zmq.PUSH)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, TELEMETRY_MESSAGES)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 500)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        self.socket.connect(endpoint)

    def send(self, payload: bytes) -> bool:
        try:
            self.socket.send(payload, _NOBLOCK)
        except zmq.Again:
            self.dropped += 1
            return False
        return True

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.socket.close(0)


class Pull:
    """PULL, bound: telemetry's end."""

    def __init__(self, context: _Context, endpoint: str) -> None:
        self.is_closed = False
        self.socket = context.socket(zmq.PULL)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, TELEMETRY_MESSAGES)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        self.is_touched = True
        self._lock = lock_ipc_path(endpoint)
        _bind(self.socket, endpoint)

    def fileno(self) -> int:
        """Edge-triggered: see the head of this file."""
        return int(self.socket.fd)

    def receive(self) -> bytes | None:
        try:
            payload = self.socket.recv(_NOBLOCK)
        except zmq.Again:
            self.is_touched = False
            return None
        self.is_touched = True
        return payload

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.socket.close(0)
            os.close(self._lock)


def _set_common_options(socket: _Socket) -> None:
    """No HEARTBEAT: it says that a process lives whose main thread is stuck; applications ping."""
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, HIGH_WATER_MESSAGES)
    socket.setsockopt(zmq.RCVHWM, HIGH_WATER_MESSAGES)
    socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
    socket.setsockopt(zmq.HANDSHAKE_IVL, CONNECT_TIMEOUT_MS)
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 5)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 2)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 3)
    socket.setsockopt(zmq.TCP_MAXRT, 10_000)


def _bind(socket: _Socket, endpoint: str) -> None:
    if endpoint.startswith("tcp:"):
        socket.setsockopt(zmq.IPV6, 1 if "[" in endpoint else 0)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        if error.errno == errno.EADDRINUSE:
            raise EndpointError(
                f"{endpoint} is in use by another process: stop it, or change the port") from None
        raise EndpointError(f"cannot bind {endpoint}: {error.strerror}") from None


def _check_number(stream: StreamId, peer: _Peer, message: bytes) -> memoryview:
    """The payload, without its number."""
    number = _read_number(message)[0] if len(message) >= _NUMBER_BYTES else 0
    peer.received = expected = peer.received + 1
    if number != expected:
        raise StreamGapError(stream=stream, expected=expected, received=number)
    return memoryview(message)[_NUMBER_BYTES:]


def _skip_frames(socket: _Socket) -> None:
    """We send one frame per message; a peer that sends more breaks the protocol: it is a gap."""
    while socket.getsockopt(_RCVMORE):
        socket.recv(_NOBLOCK)
