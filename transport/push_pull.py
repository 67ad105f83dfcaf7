"""The way to telemetry: lossy, drops counted."""

import os
from typing import Final

import zmq

from transport.endpoints import lock_ipc_path
from transport.zmq_socket import MESSAGE_BYTES_MAX, NOBLOCK, Context, bind

TELEMETRY_MESSAGES: Final = 64


class Push:
    """PUSH to telemetry: what it does not take is dropped and counted. Reconnects by itself.

    TELEMETRY_MESSAGES wait while it starts: the notes of a member's first writes.
    """

    def __init__(self, context: Context, endpoint: str) -> None:
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
            self.socket.send(payload, NOBLOCK)
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

    def __init__(self, context: Context, endpoint: str) -> None:
        self.is_closed = False
        self.socket = context.socket(zmq.PULL)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, TELEMETRY_MESSAGES)
        self.socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        self.is_touched = True
        self._lock = lock_ipc_path(endpoint)
        bind(self.socket, endpoint)

    def fileno(self) -> int:
        """Edge-triggered: see the head of sockets.py."""
        return int(self.socket.fd)

    def receive(self) -> bytes | None:
        try:
            payload = self.socket.recv(NOBLOCK)
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
