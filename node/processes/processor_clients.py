"""The connections of clients: taken in within limits, fed to the core, closed when they keep silent or take nothing."""

import resource
from collections.abc import Callable
from typing import Final

from node.config.member import MemberConfig
from node.processes.address_counts import EVERYBODY, AddressCounts, prefix_of
from node.processes.limited_log import LimitedLog
from node.processes.loop import now_ms
from node.processes.processor_idle import IdleSessions
from node.processes.processor_lease import HeldLease
from node.processes.processor_outputs import client_of
from node.processes.processor_timings import ProcessorTimings
from node.processes.processor_turn import Turn
from node.processes.processor_words import HANDSHAKE_MS, Words
from node.requests.connection import Connection, Phase
from node.requests.processor import Processor
from transport.client_port import ClientSocket
from transport.clock import clock_ns

FILES_KEPT: Final = 256  # open files that clients leave to the process's own needs


class Clients:
    """What a ClientSocket reports to. *blocked*: connections that do not take their answers.

    *on_first* is called when there was no connection before.
    """

    def __init__(
        self, config: MemberConfig, index: int, *, core: Processor, turn: Turn, lease: HeldLease, idle: IdleSessions,
        words: Words, timings: ProcessorTimings, log: LimitedLog, on_first: Callable[[], object],
    ) -> None:
        self.config, self._core, self._turn, self._lease, self._idle = config, core, turn, lease, idle
        self._words, self._timings, self._log, self._on_first = words, timings, log, on_first
        self._per_address = AddressCounts(config.run_dir, index=index, processors=config.processors)
        self._connections_max = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - FILES_KEPT
        self.blocked = 0

    # --- transport.client_port.Owner -------------------------------------------------------------------------

    def on_open(self, client: ClientSocket) -> None:
        address = client.received_address
        held = self._per_address.opened(address)
        conn = self._core.opened(address, now_ms(), client)
        client.connection = conn
        if len(self._core.connections) == 1:
            self._on_first()
        limits = self.config.limits
        limit = self.config.max_client_cnxns
        in_all, of_prefix = self._counted(address)
        if limit and held > limit:
            self._refuse(client, conn, "limit_per_address", address, limit, "maxClientCnxns")
        elif limits.connections_max and in_all > limits.connections_max:
            self._refuse(client, conn, "limit_of_connections", "", limits.connections_max, "maxCnxns")
        elif limits.per_prefix and of_prefix > limits.per_prefix:
            prefix = self._prefix(address)
            self._refuse(client, conn, "limit_per_prefix", prefix, limits.per_prefix, "corral.maxClientCnxnsPerPrefix")
        elif len(self._core.connections) > self._connections_max:
            self._log.log_limited("out_of_open_files", connections=self._connections_max,
                                  cure="raise the limit of open files (ulimit -Hn, LimitNOFILE=)")
            self._core.close(conn, "out_of_files")
            client.abort()

    def _counted(self, address: str) -> tuple[int, int]:
        """Connections of the member in all, and of the address's prefix, with the new one; 0 where nobody asks."""
        limits, counts = self.config.limits, self._per_address
        in_all = counts.opened(EVERYBODY) if limits.connections_max else 0
        of_prefix = counts.opened(self._prefix(address)) if limits.per_prefix else 0
        return in_all, of_prefix

    def _uncount(self, address: str) -> None:
        if self.config.limits.connections_max:
            self._per_address.closed(EVERYBODY)
        if self.config.limits.per_prefix:
            self._per_address.closed(self._prefix(address))

    def _prefix(self, address: str) -> str:
        limits = self.config.limits
        return prefix_of(address, v4_bits=limits.prefix_v4, v6_bits=limits.prefix_v6)

    def _refuse(
        self, client: ClientSocket, conn: Connection, outcome: str, address: str, limit: int, key: str
    ) -> None:
        self._log.log_limited("too_many_connections", address=address, limit=limit,
                              cure=f"raise {key}, or find the client that does not close")
        self._core.close(conn, outcome)
        client.abort()

    def on_bytes(self, client: ClientSocket, data: bytes) -> None:
        conn = client.connection
        assert isinstance(conn, Connection)
        now_ns = clock_ns()
        core, turn = self._core, self._turn
        if not core.submissions.count:
            core.submissions.read_ns = now_ns
        core.now_ns = now_ns
        core.feed(conn, data, now_ns // 1_000_000)
        if conn.phase is not Phase.READY:
            self._after_early_bytes(client, conn)
        elif conn.holds:
            client.pause()
        if not turn.is_due:
            self._timings.on_turn(now_ns)
            turn.end_soon()

    def on_blocked(self, client: ClientSocket, *, blocked: bool) -> None:
        conn = client.connection
        assert isinstance(conn, Connection)
        self.blocked += blocked - conn.paused
        conn.paused = blocked
        if blocked:
            client.pause()
        else:
            conn.heard_ms = now_ms()  # taking is a sign of life
            self._core.dirty[conn] = None  # what is left of its output goes on
            self._turn.end_soon()

    def on_close(self, client: ClientSocket) -> None:
        conn = client.connection
        assert isinstance(conn, Connection)
        self._per_address.closed(client.received_address)
        self._uncount(client.received_address)
        self.blocked -= conn.paused
        self._idle.on_lost(conn)
        self._core.lost(conn)
        client.connection = None  # they hold each other, and nobody collects garbage here

    def _after_early_bytes(self, client: ClientSocket, conn: Connection) -> None:
        if conn.phase in (Phase.ATTACHING, Phase.RECONFIGURING) or conn.holds:
            client.pause()
        while self._core.words:
            self._words.answer(self._core.words.pop())

    # --- ends ------------------------------------------------------------------------------------------------

    def close_idle(self, now: int) -> None:
        """Now and then: those that nothing can be said to any more, or that have said nothing."""
        if self._lease.is_held():
            self._lease.lost_ms = now
        elif now - self._lease.lost_ms > self.config.sync_limit * self.config.tick_ms:
            for conn in list(self._core.connections.values()):
                if conn.phase is not Phase.CLOSED and not conn.is_read_only:
                    conn.outcome = "lease_lost"
                    client_of(conn).abort()
        for conn in list(self._core.connections.values()):
            if conn.phase is Phase.NEW and now - conn.created_ms > HANDSHAKE_MS:
                reason = "too busy for new sessions for 10 s" if conn.holds else "no handshake within 10 s"
                self._log.log_limited("client_closed", address=conn.address, reason=reason)
                conn.outcome = "not_serving" if conn.holds else "no_handshake"
                client_of(conn).abort()
            elif conn.is_read_only and now - conn.heard_ms > conn.timeout_ms:
                conn.outcome = conn.outcome or "session_expired"
                client_of(conn).abort()
            elif (conn.paused or conn.phase is Phase.CLOSED) and now - conn.heard_ms > max(
                    conn.timeout_ms, HANDSHAKE_MS):
                # It sends and never takes: after its session's timeout it has had its chance.
                self._log.log_limited("client_closed", address=conn.address, reason="it does not take its answers")
                conn.outcome = conn.outcome or "slow_reader"
                client_of(conn).abort()

    def finish(self) -> None:
        """The process ends."""
        for conn in list(self._core.connections.values()):
            client_of(conn).finish()
