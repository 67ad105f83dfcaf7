"""A member that runs on this machine, and what its operator asks of it: the link `control`.

Which member: CONFIG, a zoo.cfg; else one of the last local `corral up`.
"""

import contextlib
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from node.cli.asking import ask_all
from node.cli.errors import Failure
from node.cli.local import LocalEnsemble, default_directory, last_directory, load_ensemble
from node.config.read import load_config
from transport.messages import (
    CONTROL_VERSION,
    ControlHello,
    ControlRefused,
    ControlWelcome,
    Message,
    decode_control,
    encode,
)
from transport.poller import Poller
from transport.sockets import Sockets, StreamGapError
from transport.wiring import ipc_endpoint

HELLO_S: Final = 5.0


def run_dir_of(config: Path) -> Path:
    """Raises ConfigError."""
    return load_config(config).config.run_dir


def local_ensemble(data: Path | None) -> LocalEnsemble:
    return load_ensemble((data or last_directory() or default_directory()).absolute())


def leader_of(ensemble: LocalEnsemble) -> int:
    """The id of the member that leads.  Raises Failure."""
    for member, status in zip(ensemble.members, ask_all(ensemble.client_addresses), strict=True):
        if status.role == "leader" and ensemble.running(member) is not None:
            return member.id
    raise Failure("no member leads: see `corral status`")


class Control:
    """A conversation with one member's broadcast; the only thing that its process waits for."""

    def __init__(self, run_dir: Path) -> None:
        """Raises Failure: nothing runs there, or nothing that understands this command."""
        self._run_dir = run_dir
        self._sockets = Sockets()
        self._stream = self._sockets.stream(ipc_endpoint(str(run_dir), "control"))
        self._poller = Poller()
        self._poller.add(self._stream)
        try:
            self._stream.send(encode(ControlHello(CONTROL_VERSION, version("corral"))))
            welcome = self.receive(HELLO_S)
        except Failure:
            self._sockets.close()
            raise
        assert isinstance(welcome, ControlWelcome)
        self.member = welcome.member

    def __enter__(self) -> "Control":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self._sockets.close()

    def ask(self, message: Message, *, within_s: float) -> Message:
        """Its answer.  Raises Failure: it is refused, or does not come in time."""
        self._stream.send(encode(message))
        return self.receive(within_s)

    def follow(self, message: Message, *, within_s: float) -> Iterator[Message]:
        """Its answers, of which the caller knows the last."""
        self._stream.send(encode(message))
        until_s = time.monotonic() + within_s
        while True:
            yield self.receive(until_s - time.monotonic())

    def receive(self, within_s: float) -> Message:
        until_s = time.monotonic() + within_s
        while True:
            message = self._next()
            if isinstance(message, ControlRefused):
                raise Failure(message.reason)
            if message is not None:
                return message
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise Failure(f"no answer of the member at {self._run_dir} in time: see its log")
            self._poller.poll(int(left_s * 1000) + 1)

    def _next(self) -> Message | None:
        with contextlib.suppress(StreamGapError, msgspec.MsgspecError):
            payload = self._stream.receive()
            if payload is not None:
                message: Message = decode_control(payload)
                return message
            if not self._stream.is_lost:
                return None
        raise Failure(
            f"no member runs at {self._run_dir}, or it ended meanwhile: start it, or give the zoo.cfg of one that "
            "runs on this machine; is this the user that it runs as?")
