"""When a processor tells systemd that it is ready: its tree has what its member had committed when the two met.

That is not yet serving, for which a quorum is needed: the units of a member that starts first, or alone, must not fail
for want of the others (`corral status` tells who serves). But without its own broadcast it is not ready.
"""

from collections.abc import Callable

from node.notify import Notify
from node.processes.processor_port import ClientPort
from transport.zxid import show


class Readiness:
    """*executed*: the zxid that the replica has come to. *listens*: whether the port is open, or need not be yet."""

    def __init__(
        self, notify: Notify, *, port: ClientPort, executed: Callable[[], int], listens: Callable[[], bool],
    ) -> None:
        self._notify, self._port, self._executed, self._listens = notify, port, executed, listens
        self._wanted: int | None = None  # None: broadcast has not said it
        self.is_told = not notify.is_heard

    def on_welcome(self, watermark: int) -> None:
        if self._wanted is None:
            self._wanted = watermark

    def check(self) -> None:
        """After whatever may have brought it nearer, while *is_told* is not set."""
        executed = self._executed()
        if self._wanted is None or executed < self._wanted or not self._listens():
            return
        self.is_told = True
        self._notify.ready(f"clients at port {self._port.number}; started from zxid {show(executed)}")
