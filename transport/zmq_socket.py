"""What all our ZeroMQ sockets share: options, binding, and the monitor. sockets.py has the promises."""

import errno
import struct
from collections.abc import Callable
from typing import Final, cast

import zmq

from transport.endpoints import EndpointError

MESSAGE_BYTES_MAX: Final = 64 << 20
HIGH_WATER_MESSAGES: Final = 8192  # the last resort: links have credits in bytes of their own
CONNECT_TIMEOUT_MS: Final = 2000

# Plain integers: an enum's operators cost as much as a send.
NOBLOCK: Final = int(zmq.NOBLOCK)
NOBLOCK_MORE: Final = int(zmq.NOBLOCK | zmq.SNDMORE)
POLLIN: Final = int(zmq.POLLIN)
EVENTS: Final = int(zmq.EVENTS)
RCVMORE: Final = int(zmq.RCVMORE)

_MONITOR_EVENT: Final = struct.Struct("=HI")

Context = zmq.Context[zmq.Socket[bytes]]
ZmqSocket = zmq.Socket[bytes]


def sender(socket: ZmqSocket) -> Callable[[bytes, int], object]:
    """send(message, flags) as Cython has it: the method of zmq.Socket looks at options that we do not use first."""
    return cast("Callable[[bytes, int], object]", super(zmq.Socket, socket).send)


def option_of(socket: ZmqSocket) -> Callable[[int], int]:
    """getsockopt, for options that are numbers."""
    return cast("Callable[[int], int]", socket.getsockopt)


def set_common_options(socket: ZmqSocket) -> None:
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


def bind(socket: ZmqSocket, endpoint: str) -> None:
    if endpoint.startswith("tcp:"):
        socket.setsockopt(zmq.IPV6, 1 if "[" in endpoint else 0)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        if error.errno == errno.EADDRINUSE:
            raise EndpointError(
                f"{endpoint} is in use by another process: stop it, or change the port") from None
        raise EndpointError(f"cannot bind {endpoint}: {error.strerror}") from None


class Monitor:
    """The monitor of one socket: which events came since the last look."""

    def __init__(self, watched: ZmqSocket, events: int) -> None:
        self._watched = watched
        self.socket = watched.get_monitor_socket(events)
        # Its descriptor tells of what comes after the socket has been seen empty, and of nothing before.
        self.drain()

    def drain(self) -> int:
        """All events that wait, or-ed."""
        seen = 0
        while int(self.socket.getsockopt(EVENTS)) & POLLIN:
            seen |= _MONITOR_EVENT.unpack(self.socket.recv_multipart(NOBLOCK)[0])[0]
        return seen

    def close(self) -> None:
        self._watched.disable_monitor()
        self.socket.close(0)
