"""A wire between clients and one server that a test can cut and mend."""

import contextlib
import socket
import threading
from typing import Self

from tests.wire_connection import Address


class Proxy:
    """Passes bytes on, both ways.  While it is cut it closes what comes at once."""

    def __init__(self, target: Address) -> None:
        self.target = target
        self.is_cut = False
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address: Address = self.listener.getsockname()
        self.run(self.accept)

    def run(self, target: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self.threads.append(thread)
        thread.start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                client, _ = self.listener.accept()
                with self.lock:
                    if self.is_cut:
                        client.close()
                    else:
                        self.join(client)

    def join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target, timeout=10)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self.pairs.append((client, server))
        self.run(self.pump, client, server)
        self.run(self.pump, server, client)

    def pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                sink.sendall(piece)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End every connection, and let none in."""
        with self.lock:
            self.is_cut = True
            for pair in self.pairs:
                for sock in pair:
                    with contextlib.suppress(OSError):
                        sock.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        with self.lock:
            self.is_cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self.listener.close()
        for thread in self.threads:
            thread.join()
        for pair in self.pairs:
            for sock in pair:
                sock.close()
