"""For how long sessions have been silent: told to the leader; and, at the leader's processor 0, what has expired."""

import struct
from typing import Final

from node.config.member import MemberConfig
from node.processes.loop import now_ms
from node.processes.processor_link import LeaderLink
from node.processes.processor_outputs import Outputs
from node.requests.connection import Connection, Phase
from node.requests.processor import Processor
from node.sessions.expiry import Expiry
from transport.messages import Touches

_TOUCH: Final = struct.Struct("<qI")


class IdleSessions:
    """*expiry*: while this is the leader's processor 0, and holds its lease."""

    def __init__(
        self, config: MemberConfig, index: int, *, core: Processor, link: LeaderLink, outputs: Outputs
    ) -> None:
        self._config, self._index = config, index
        self._core, self._link, self._outputs = core, link, outputs
        self._heard: dict[int, int] = {}  # sessions whose sockets went since the last report, and when last heard of
        self.expiry: Expiry | None = None

    def on_lost(self, conn: Connection) -> None:
        """Before the core is told."""
        if conn.session_id in self._core.by_session:
            self._heard[conn.session_id] = conn.heard_ms

    # --- here ------------------------------------------------------------------------------------------------

    def report(self, now: int) -> None:
        """Idle ages of the sessions heard of since the last report; of all of them on a new link."""
        if not self._core.submissions.linked:
            return
        complete = self._link.touch_complete
        entries = self._pack(now, complete=complete)
        if complete or entries:
            sent = self._link.touches(Touches(
                self._config.id, self._index, self._core.submissions.generation, complete, entries))
            if sent:
                self._link.touch_complete = False

    def _pack(self, now: int, *, complete: bool) -> bytes:
        """(session, idle ms) of those heard of since the last report, or of all; and of those whose socket went."""
        since = now - self._config.tick_ms
        heard, self._heard = self._heard, {}
        pack = _TOUCH.pack
        entries = [pack(sid, max(now - heard_ms, 0)) for sid, heard_ms in heard.items()]
        stopped = self._outputs.is_full
        for sid, conn in self._core.by_session.items():
            heard_ms = conn.heard_ms
            if stopped or conn.paused or conn.phase is Phase.RECONFIGURING:
                # We do not read it, so it counts as alive; but not for longer than its own timeout.
                heard_ms = min(now, heard_ms + conn.timeout_ms)
            if complete or heard_ms >= since:
                entries.append(pack(sid, max(now - heard_ms, 0)))
        return b"".join(entries)

    # --- everywhere: the leader's processor 0 ----------------------------------------------------------------

    def lead(self, leads: bool) -> None:
        if leads and self.expiry is None:
            self.expiry = Expiry(self._core.replica.state.sessions, now_ms=now_ms(), tick_ms=self._config.tick_ms)
        elif not leads and self.expiry is not None:
            self.expiry.stop()
            self.expiry = None

    def on_touches(self, touches: Touches) -> None:
        if self.expiry is not None:
            self.expiry.touched(touches, now_ms())

    def expire_due(self, now: int) -> None:
        """Under a lease only."""
        if self.expiry is not None:
            for session_id, source, connection in self.expiry.due(now):
                self._core.expire(session_id, source, connection)
