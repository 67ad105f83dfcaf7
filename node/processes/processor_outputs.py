"""What goes out to clients at the end of a turn, only under a lease; and whose requests are read meanwhile."""

import asyncio
from typing import Final

from node.processes.limited_log import LimitedLog
from node.processes.processor_lease import HeldLease
from node.requests.connection import Connection, Phase
from node.requests.processor import Processor
from transport.client_port import ClientSocket
from transport.clock import clock_ns

JOINED_MAX: Final = 600  # short pieces of output that are written as one
SLICE_BYTES: Final = 1 << 20  # of long ones


def client_of(conn: Connection) -> ClientSocket:
    assert isinstance(conn.shell, ClientSocket)
    return conn.shell


class Outputs:
    """*is_full*: out of credit or lease, nothing is read from clients. *full_ns*: time in which it was; less the
    moment when it began, while it is."""

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop, core: Processor, lease: HeldLease, log: LimitedLog
    ) -> None:
        self._loop, self._core, self._lease, self._log = loop, core, lease, log
        self.is_full = False
        self.full_ns = 0

    def send(self) -> bool:
        """To each connection what it has come to, in one piece. Whether it may: there is a lease."""
        if not self._lease.is_held():
            self._fall_silent()
            return False
        core = self._core
        dirty, core.dirty = core.dirty, {}
        for conn in dirty:
            client = conn.shell
            assert isinstance(client, ClientSocket)
            out = conn.out
            if conn.bulky or len(out) > JOINED_MAX:
                self._send_slices(client, conn)
            elif out:
                conn.out = []
                data = out[0] if len(out) == 1 else b"".join(out)
                core.statistics.sent_bytes += len(data)
                client.send(data)
            if conn.phase is Phase.CLOSED:
                self._finish(client, conn)
            elif conn.phase is Phase.READY:
                if self._may_read(conn):
                    client.resume()
                elif conn.holds and not conn.paused and not conn.parked:
                    self._loop.call_soon(self._feed_held, client, conn)
            elif conn.phase is Phase.UNPROVEN and self._may_read(conn):
                client.resume()
        return True

    def set_full(self, full: bool) -> None:
        """Out of credit or lease: nothing more is read, so nothing piles up."""
        if full == self.is_full:
            return
        self.is_full = full
        self.full_ns += -clock_ns() if full else clock_ns()
        for conn in self._core.connections.values():
            if full:
                if conn.phase is Phase.READY:
                    client_of(conn).pause()
            elif conn.holds and not conn.paused and not conn.parked:
                self._loop.call_soon(self._feed_held, client_of(conn), conn)
            elif self._may_read(conn):
                client_of(conn).resume()

    def _may_read(self, conn: Connection) -> bool:
        return not (conn.paused or conn.holds or self.is_full or conn.phase is Phase.ATTACHING)

    def _fall_silent(self) -> None:
        """What is ready waits. A close needs no lease, and tells the client nothing that may be stale."""
        for conn in list(self._core.dirty):
            if conn.is_read_only:
                del self._core.dirty[conn]
                self._send_read_only(client_of(conn), conn)
            elif conn.phase is Phase.CLOSED and not conn.session_id:
                del self._core.dirty[conn]
                client_of(conn).finish()
        self.set_full(True)

    def _send_read_only(self, client: ClientSocket, conn: Connection) -> None:
        self._send_slices(client, conn)
        if conn.phase is Phase.CLOSED:
            self._finish(client, conn)
        elif conn.holds and not conn.out:
            self._loop.call_soon(self._feed_held, client, conn)

    def _finish(self, client: ClientSocket, conn: Connection) -> None:
        if conn.fault:
            self._log.log_limited("client_closed", address=conn.address, reason=conn.fault)
            conn.fault = ""
        if not conn.out:
            client.finish()

    def _feed_held(self, client: ClientSocket, conn: Connection) -> None:
        """There is room for the answers to requests that came long ago."""
        if client.connection is None:
            return  # it has ended since
        client.owner.on_bytes(client, b"")
        is_free = not (conn.holds or conn.paused) if conn.is_read_only else self._may_read(conn)
        if is_free and conn.phase in (Phase.READY, Phase.READ_ONLY):
            client.resume()

    def _send_slices(self, client: ClientSocket, conn: Connection) -> None:
        """As much as the client takes: the rest are references to values of the tree, which cost next to nothing."""
        out = conn.out
        at = 0
        while at < len(out) and not client.blocked:
            start, size = at, 0
            while at < len(out) and size < SLICE_BYTES:
                size += len(out[at])
                at += 1
            self._core.statistics.sent_bytes += size
            client.send(b"".join(out[start:at]))
        conn.out = out[at:]
        conn.bulky = bool(conn.out)
