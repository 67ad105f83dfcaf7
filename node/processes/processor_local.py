"""A processor's stream to the broadcast of its own member, opened anew whenever broadcast has died."""

import asyncio
from collections.abc import Callable
from typing import Final

from transport.messages import LocalHello, Message, decode_local, encode
from transport.sockets import Sockets, Stream

REOPEN_S: Final = 0.05


def watch(loop: asyncio.AbstractEventLoop, stream: Stream, readable: Callable[[], None]) -> None:
    """Have *readable* called when messages may have come, and when the stream has opened or is lost."""
    def changed() -> None:
        stream.maintain()
        readable()

    loop.add_reader(stream.fileno(), readable)
    loop.add_reader(stream.monitor_fileno(), changed)


def unwatch(loop: asyncio.AbstractEventLoop, stream: Stream) -> None:
    loop.remove_reader(stream.fileno())
    loop.remove_reader(stream.monitor_fileno())


class LocalStream:
    """*on_message* hears of each message, *on_drained* once nothing more waits, *on_lost* when broadcast has died."""

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop, sockets: Sockets, endpoint: str, hello: Callable[[], LocalHello],
        on_message: Callable[[Message], None], on_drained: Callable[[], None], on_lost: Callable[[], None],
    ) -> None:
        self._loop, self._sockets, self._endpoint, self._hello = loop, sockets, endpoint, hello
        self._on_message, self._on_drained, self._on_lost = on_message, on_drained, on_lost
        self._stream = sockets.stream(endpoint)
        self._drain_due = False

    def start(self) -> None:
        self.send(self._hello())
        watch(self._loop, self._stream, self.on_readable)

    def send(self, message: Message) -> bool:
        """Sending may swallow the wake-up of what has come meanwhile: look again before the loop sleeps."""
        if not self._drain_due:
            self._drain_due = True
            self._loop.call_soon(self._drain)
        return self._stream.send(encode(message))

    def on_readable(self) -> None:
        if self._stream.is_closed:
            return  # between two lives of broadcast
        while True:
            payload = self._stream.receive()
            if payload is None:
                break
            self._on_message(decode_local(payload))
        if self._stream.is_lost:
            self._end()
        self._on_drained()

    def _drain(self) -> None:
        self._drain_due = False
        self.on_readable()

    def _end(self) -> None:
        """Broadcast died: it comes back under the same name, and finds us as we were."""
        unwatch(self._loop, self._stream)
        self._stream.close()
        self._on_lost()
        self._loop.call_later(REOPEN_S, self._reopen)

    def _reopen(self) -> None:
        self._stream = self._sockets.stream(self._endpoint)
        watch(self._loop, self._stream, self.on_readable)
        self.send(self._hello())
        self.on_readable()
