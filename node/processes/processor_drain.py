"""Clients are sent elsewhere: because the member is drained, or because this process is about to end.

Four-letter words are answered all the while, so that an operator sees how it goes.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from node.notify import Notify
from node.processes.loop import now_ms
from node.processes.processor_lease import HeldLease
from node.processes.processor_outputs import client_of
from node.processes.processor_turn import Turn
from node.requests.connection import Connection, Phase
from node.requests.drain import Drain
from node.requests.processor import Processor
from transport.client_port import ClientSocket, Owner
from transport.messages import Drain as DrainMessage
from transport.messages import Leaving, Message

TICK_S: Final = 0.01
LINGER_MS: Final = 1000  # for a client to close, once it has been told that nothing more comes
HAND_OVER_MS: Final = 1000  # for leadership to be handed over, before clients are sent away all the same
END_OVER_MS: Final = 800  # clients go within, where the process ends
END_MS: Final = 1300  # and are closed then
SILENT_MS: Final = 300  # without a lease nobody can be answered: the end need not wait for it


class Farewell:
    """The owner of connections that are to go: what they still send is read, and dropped."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def on_open(self, client: ClientSocket) -> None:
        self._owner.on_open(client)

    def on_bytes(self, client: ClientSocket, data: bytes) -> None: ...

    def on_blocked(self, client: ClientSocket, *, blocked: bool) -> None:
        self._owner.on_blocked(client, blocked=blocked)

    def on_close(self, client: ClientSocket) -> None:
        self._owner.on_close(client)


class Drainer:
    """*tell*: have the number of clients told to broadcast."""

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop, core: Processor, owner: Owner, turn: Turn, tell: Callable[[], object],
    ) -> None:
        self._loop, self._core, self._turn, self._tell = loop, core, turn, tell
        self._farewell = Farewell(owner)
        self._drain: Drain | None = None
        self._closing: dict[Connection, int] = {}  # told that nothing more comes -> when
        self._ticks = False

    @property
    def is_done(self) -> bool:
        """Nobody is here any more who should go."""
        return not self._ticks

    @property
    def _has_clients(self) -> bool:
        """With a session, or about to get one."""
        core = self._core
        return bool(core.by_session) or any(
            conn.phase is Phase.ATTACHING for conn in core.connections.values())

    def on_drain(self, message: DrainMessage) -> None:
        """Of broadcast, which repeats it to each new life of this process."""
        if message.on:
            self.begin(message.over_ms)
        else:
            self._core.is_draining = False
            if self._drain is not None:
                self._drain.stop()
        self._tell()

    def begin(self, over_ms: int) -> None:
        self._core.is_draining = True
        leaving = self._drain.leaving if self._drain else {}
        self._drain = Drain(len(self._core.by_session), now_ms=now_ms(), over_ms=over_ms)
        self._drain.leaving = leaving
        self.check()

    def check(self) -> None:
        """Now and then: who was just being attached when the others went."""
        if not self._ticks and self._core.is_draining and self._has_clients:
            self._ticks = True
            self._tick()

    def _tick(self) -> None:
        now, drain = now_ms(), self._drain
        if drain is not None:
            for conn in drain.due(self._core.connections.values(), now):
                self._send_away(conn)
            for conn in drain.answered():
                self._close(conn, now)
        for conn, since_ms in list(self._closing.items()):
            if conn.number not in self._core.connections:
                del self._closing[conn]
            elif now - since_ms > LINGER_MS:
                client_of(conn).abort()
        is_left = bool(drain and drain.leaving) or (self._core.is_draining and self._has_clients)
        self._ticks = is_left or bool(self._closing)
        if self._ticks:
            self._loop.call_later(TICK_S, self._tick)
        else:
            self._tell()

    def _send_away(self, conn: Connection) -> None:
        client = client_of(conn)
        client.owner = self._farewell
        client.lingers = True
        client.resume()  # what comes is dropped

    def _close(self, conn: Connection, now: int) -> None:
        self._core.close(conn, "drained")
        self._closing[conn] = now
        self._turn.end_soon()


class Departure:
    """The end of this process, as asked to: the leader's number 0 hands over first, clients go, then it ends."""

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop, index: int, lease: HeldLease, drainer: Drainer,
        close_port: Callable[[], None], send_local: Callable[[Message], bool], end: Callable[[int], None],
        notify: Notify,
    ) -> None:
        self._loop, self._index, self._lease, self._drainer = loop, index, lease, drainer
        self._close_port, self._send_local, self._end, self._notify = close_port, send_local, end, notify
        self.is_under_way = False
        self._began_ms = 0
        self._leads_on = False

    def begin(self) -> None:
        """A second signal ends the process at once."""
        if self.is_under_way:
            self._end(0)
            return
        self.is_under_way = True
        self._notify.stopping("sends its clients away")
        self._began_ms = now_ms()
        self._close_port()
        self._send_local(Leaving())
        self._await_heir()

    def on_leads_on(self) -> None:
        """Nobody can take over."""
        self._leads_on = True

    def _await_heir(self) -> None:
        """Not longer than HAND_OVER_MS. A follower's processor, and all but number 0, have nothing to wait for."""
        lease = self._lease
        is_over = self._index or self._leads_on or (lease.is_held() and lease.newest.role != "leader")
        if is_over or now_ms() - self._began_ms >= HAND_OVER_MS:
            self._began_ms = now_ms()
            self._drainer.begin(END_OVER_MS)
            self._await_clients()
        else:
            self._loop.call_later(TICK_S, self._await_heir)

    def _await_clients(self) -> None:
        now = now_ms()
        is_mute = not self._lease.is_held() and now - self._lease.lost_ms > SILENT_MS
        if self._drainer.is_done or is_mute or now - self._began_ms >= END_MS:
            self._end(0)
        else:
            self._loop.call_later(TICK_S, self._await_clients)
