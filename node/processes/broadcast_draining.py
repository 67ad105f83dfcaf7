"""Why this member is not to lead: its operator drains it, or its processor 0 is about to end."""

from collections.abc import Callable

from node.processes.broadcast_local import Local
from node.zab import events
from node.zab.events import Event, StreamId
from transport.messages import Drain, LeadsOn


class Draining:
    """*is_drained*: by the operator, until that is undone or broadcast starts anew. *step*: hands an event to the core.

    *is_refused*: nobody can take over from this leader, which leads on.
    """

    def __init__(self, local: Local, step: Callable[[Event], None]) -> None:
        self._local, self._step = local, step
        self.is_drained = False
        self.is_refused = False
        self._leaving: StreamId | None = None  # processor 0, while it is

    def drain(self, *, on: bool, over_ms: int) -> None:
        self.is_drained = on
        self._local.tell("drain", Drain(on, over_ms))
        self._tell()

    def end(self) -> None:
        """Broadcast itself is about to end."""
        self.is_refused = False
        self._step(events.Draining(on=True))

    def on_leaving(self, stream: StreamId) -> None:
        """Processor 0 is about to end."""
        self._leaving = stream
        self._tell()

    def on_processor(self) -> None:
        """A new processor 0 has said hello."""
        self._leaving = None
        self._tell()

    def on_refused(self) -> None:
        self.is_refused = True
        if self._leaving is not None:
            self._local.send(self._leaving, LeadsOn())

    def _tell(self) -> None:
        self.is_refused = False
        self._step(events.Draining(on=self.is_drained or self._leaving is not None))
