"""The bound end of many streams: of other members, with the member that each key belongs to, or of own processes."""

import errno
import os
import time
from typing import Final

import zmq

from transport.curve import ZAP_DOMAIN, CurveKeys
from transport.endpoints import lock_ipc_path
from transport.numbering import Peer, StreamId, check_number, pack_number
from transport.zmq_socket import (
    EVENTS,
    NOBLOCK,
    NOBLOCK_MORE,
    POLLIN,
    RCVMORE,
    Context,
    Monitor,
    ZmqSocket,
    bind,
    option_of,
    sender,
    set_common_options,
)

# A DISCONNECTED event comes some microseconds before its pipe is gone: ask again until it must
# have been seen.
_PROBE_DELAYS_MS: Final = (0, 1, 5, 20, 100)


class Listener:
    """ROUTER: the bound end of many streams."""

    def __init__(self, context: Context) -> None:
        self.socket = context.socket(zmq.ROUTER)
        set_common_options(self.socket)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        # Bound once: looking a method up in a zmq socket takes as long as calling it.
        self._recv, self._send, self._option = self.socket.recv, sender(self.socket), option_of(self.socket)
        self.monitor = Monitor(self.socket, zmq.Event.DISCONNECTED)
        self.endpoints: list[str] = []  # as bound: with the real port where 0 was asked for
        self.is_closed = False
        self.is_touched = True  # used since it was last found empty: see Poller
        self._burst = 0  # messages received since it was last found empty
        self.is_uneasy = False  # it has lost streams, or looks for some: has_lost, deadline_ns
        self._peers: dict[StreamId, Peer] = {}
        self._lost: list[StreamId] = []
        self._probes_ns: list[int] = []  # when to probe, latest first
        self._locks: list[int] = []

    @property
    def has_lost(self) -> bool:
        """Whether `take_lost` would return any."""
        return bool(self._lost)

    def fileno(self) -> int:
        """Edge-triggered: see the head of sockets.py."""
        return int(self.socket.fd)

    def bind(self, endpoint: str, keys: CurveKeys | None) -> None:
        if endpoint.startswith("ipc:"):
            self._locks.append(lock_ipc_path(endpoint))
        if keys is not None:
            self.socket.setsockopt(zmq.CURVE_SERVER, 1)
            self.socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret.encode())
            self.socket.setsockopt(zmq.ZAP_DOMAIN, ZAP_DOMAIN)
            self.socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        bind(self.socket, endpoint)
        self.endpoints.append(self.socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0"))

    def receive(self) -> tuple[StreamId, int, memoryview] | None:
        """(stream, member of its key or 0 on ipc, payload); None: nothing waits.

        Raises StreamGapError: drop that stream.
        """
        while True:
            # Mostly there is one: to look whether there are more costs less than zmq.Again. In a burst it does not.
            if self._burst == 1 and not self._option(EVENTS) & POLLIN:
                self._burst, self.is_touched = 0, False
                return None
            try:
                stream = self._recv(NOBLOCK)
            except zmq.Again:
                self._burst, self.is_touched = 0, False
                return None
            self._burst += 1
            self.is_touched = True
            peer = self._peers.get(stream)
            if peer is None:
                peer, message = self._meet(stream)
            else:
                message = self._recv(NOBLOCK)
            if self._option(RCVMORE):
                _skip_frames(self.socket)
                message = b""
            if peer.is_dropped:
                continue
            payload = check_number(stream, peer, message)
            if payload:  # else a probe
                return stream, peer.member, payload

    def _meet(self, stream: StreamId) -> tuple[Peer, bytes]:
        """A stream's first message: only its frame tells whose key the connection has proved."""
        frame = self.socket.recv(NOBLOCK, copy=False)
        try:
            member = int(frame.get("User-Id"))
        except zmq.ZMQError:
            member = 0
        peer = self._peers[stream] = Peer(member)
        return peer, frame.bytes

    def send(self, stream: StreamId, payload: bytes) -> bool:
        """False: not sent. Either it is gone (`is_open` tells), or it takes no more for now."""
        peer = self._peers.get(stream)
        if peer is None or peer.is_dropped:
            return False
        self.is_touched = True
        try:
            self._send(stream, NOBLOCK_MORE)
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
        self._send(pack_number(peer.sent) + payload, NOBLOCK)
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
        self.socket.getsockopt(EVENTS)
        for stream, peer in list(self._peers.items()):
            if not peer.is_dropped:
                self.send(stream, b"")
            elif not self._accepts(stream):
                del self._peers[stream]

    def _accepts(self, stream: StreamId) -> bool:
        """Whether a dropped stream is still connected (its numbers matter to nobody any more)."""
        try:
            self.socket.send(stream, NOBLOCK_MORE)
        except zmq.ZMQError as error:
            return error.errno != errno.EHOSTUNREACH
        self.socket.send(pack_number(0), NOBLOCK)
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


def _skip_frames(socket: ZmqSocket) -> None:
    """We send one frame per message; a peer that sends more breaks the protocol: it is a gap."""
    while socket.getsockopt(RCVMORE):
        socket.recv(NOBLOCK)
