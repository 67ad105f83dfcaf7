"""A handshake that never ends."""

import socket
from dataclasses import dataclass
from typing import Self

from tests.wire_connection import Address


@dataclass
class Unfinished:
    sock: socket.socket
    first: bytes  # all that it ever sends

    @classmethod
    def begin(cls, address: Address, first: bytes) -> Self:
        sock = socket.create_connection(address)
        sock.sendall(first)
        sock.setblocking(False)
        return cls(sock, first)

    @property
    def is_closed(self) -> bool:
        """By the server.  Fails the test if it answers."""
        try:
            answer = self.sock.recv(100)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        assert answer == b""
        return True
