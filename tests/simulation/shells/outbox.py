"""What goes out on a ROUTER: most of it at once, a snapshot piece by piece, with other messages in between."""

from collections.abc import Callable, Iterator

from tests.simulation.process import Process
from transport.messages import Message, encode

PIECE_US = 300  # between two pieces of a snapshot: the loop of the real shell does other things in between


class Outbox:
    """*lost* is called with a stream that ROUTER_MANDATORY reports gone."""

    def __init__(self, owner: Process, lost: Callable[[bytes], None]) -> None:
        self.owner = owner
        self.lost = lost
        self.pieces: dict[bytes, Iterator[Message]] = {}

    def send(self, stream: bytes, message: Message) -> None:
        if not self.owner.world.network.router_send(stream, encode(message)):
            self.forget(stream)
            self.owner.after(0, self.lost, stream)

    def stream(self, stream: bytes, pieces: Iterator[Message]) -> None:
        """The first at once."""
        self.pieces[stream] = pieces
        self.pump(stream, pieces)

    def pump(self, stream: bytes, pieces: Iterator[Message]) -> None:
        if self.pieces.get(stream) is not pieces:
            return
        piece = next(pieces, None)
        if piece is None:
            del self.pieces[stream]
        else:
            self.send(stream, piece)
            self.owner.after(PIECE_US, self.pump, stream, pieces)

    def forget(self, stream: bytes) -> None:
        self.pieces.pop(stream, None)
