"""A wire on which bytes take their time, one way: from the one that is connected to, to the one that connects."""

import contextlib
import queue
import socket
import threading
import time
from typing import Self

from tests.wire_connection import Address

Piece = tuple[float, float, bytes]  # when it came, when to pass it on


class DelayedLink:
    """*delay_s* may be changed at any time, for what comes then. *delays_s*: what each delayed piece really took."""

    def __init__(self, target: Address) -> None:
        self.target = target
        self.delay_s = 0.0
        self.delays_s: list[float] = []
        self._never = threading.Event()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed at the end
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(self.target, timeout=10)
                except OSError:
                    near.close()
                    continue
                far.settimeout(None)
                for sock in (near, far):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += (near, far)
                self._pump(near, far, delayed=False)
                self._pump(far, near, delayed=True)

    def _pump(self, source: socket.socket, sink: socket.socket, *, delayed: bool) -> None:
        pieces: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        threading.Thread(target=self._take, args=(source, pieces, delayed), daemon=True).start()
        threading.Thread(target=self._give, args=(sink, pieces), daemon=True).start()

    def _take(self, source: socket.socket, pieces: "queue.SimpleQueue[Piece]", delayed: bool) -> None:
        piece = b""
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                now_s = time.monotonic()
                pieces.put((now_s, now_s + (self.delay_s if delayed else 0.0), piece))
        pieces.put((0.0, 0.0, b""))

    def _give(self, sink: socket.socket, pieces: "queue.SimpleQueue[Piece]") -> None:
        with contextlib.suppress(OSError):
            while True:
                came_s, due_s, piece = pieces.get()
                if not piece:
                    break
                self._never.wait(max(0.0, due_s - time.monotonic()))
                sink.sendall(piece)
                if due_s > came_s:
                    self.delays_s.append(time.monotonic() - came_s)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
