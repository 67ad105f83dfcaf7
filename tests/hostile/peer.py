"""Somebody with a member's keys, who says to the others whatever he likes."""

import contextlib
import time
from collections.abc import Iterable, Sequence

from node.config.member import MemberConfig
from node.processes.keyring import Keyring
from node.processes.peers import Peers
from transport.messages import Message, decode_peer, encode
from transport.numbering import StreamGapError, pack_number
from transport.poller import Poller
from transport.sockets import Sockets, Stream

DEADLINE_S = 20.0


class Thief:
    """*config*: of the member whose keys he has."""

    def __init__(self, config: MemberConfig) -> None:
        self.config = config
        self.keyring = Keyring(config, "thief")
        self.sockets = Sockets()
        self.poller = Poller()

    def close(self) -> None:
        self.sockets.close()

    def reach(self, member: int, *, port: str = "quorum") -> "Visit":
        """Connected."""
        peers = Peers(self.config, "election" if port == "election" else "quorum")
        stream = self.sockets.stream(
            peers.endpoint(member), keys=self.keyring.own, server_key=self.keyring.key_of(member))
        self.poller.add(stream)
        visit = Visit(self, stream)
        visit.wait(lambda: stream.is_open, "a connection")
        return visit


class Visit:
    """One stream of his. *answers*: what has come back."""

    def __init__(self, thief: Thief, stream: Stream) -> None:
        self.thief, self.stream = thief, stream
        self.answers: list[Message] = []

    def say(self, *messages: Message | bytes) -> None:
        for each in messages:
            assert self.stream.send(each if isinstance(each, bytes) else encode(each))

    def say_raw(self, frames: Sequence[bytes]) -> None:
        """A message of several frames, numbered as he likes."""
        self.stream.socket.send_multipart(frames)

    def until(self, kind: type[Message]) -> Message:
        """Wait until one of that kind has come."""
        self.wait(lambda: any(isinstance(each, kind) for each in self.answers), kind.__name__)
        return next(each for each in self.answers if isinstance(each, kind))

    def wait(self, condition: object, what: str) -> None:
        assert callable(condition)
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"{what} has not come: {self.answers}"
            self.thief.poller.poll(20)
            self._take_in()

    def leave(self) -> None:
        self.thief.poller.remove(self.stream)
        self.stream.close()

    def _take_in(self) -> None:
        with contextlib.suppress(StreamGapError):  # a stream that was dropped gets probes without their number
            while not self.stream.is_closed and (payload := self.stream.receive()) is not None:
                self.answers.append(decode_peer(payload))


def misnumbered(numbers: Iterable[int]) -> list[bytes]:
    return [pack_number(number) + b"\xc0" for number in numbers]
