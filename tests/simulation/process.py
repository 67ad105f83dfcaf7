"""An OS process in virtual time: it runs, is stopped (SIGSTOP), or is dead. One object is one life of it."""

from collections import deque
from typing import Any

from tests.simulation.scheduler import Action
from tests.simulation.world import World


class Process:
    """Whatever happens to a process comes through `deliver`: late while it is stopped, never once it is dead."""

    role = "process"

    def __init__(self, world: World, *, member: int, name: str) -> None:
        self.world = world
        self.member = member  # also the host in the network
        self.name = name
        self.is_alive = True
        self.is_paused = False
        self.backlog: deque[tuple[Action, tuple[Any, ...]]] = deque()
        world.network.add_host(member)

    def start(self) -> None:
        """The first thing it does."""

    def deliver(self, action: Action, *arguments: Any) -> None:
        if self.is_paused:
            self.backlog.append((action, arguments))
        elif self.is_alive:
            try:
                action(*arguments)
            except self.world.process_ending as error:
                self.trace("ends: %s: %s", type(error).__name__, str(error))
                self.die(error)

    def after(self, delay_us: int, action: Action, *arguments: Any) -> None:
        self.world.scheduler.after(delay_us, self.deliver, action, *arguments)

    def trace(self, text: str, *values: Any) -> None:
        self.world.trace(self.name, text, *values)

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        """All that came in the meantime is there at once, in order; the clock has jumped."""
        if not self.is_paused:
            return
        self.is_paused = False
        backlog, self.backlog = self.backlog, deque()
        for action, arguments in backlog:
            self.deliver(action, *arguments)

    def die(self, error: Exception | None = None) -> None:
        """SIGKILL, or the end of its own making (*error*): the kernel closes what it had open."""
        if not self.is_alive:
            return
        self.is_alive = False
        self.backlog.clear()
        self.world.network.process_died(self)
        self.on_death(error)

    def on_death(self, error: Exception | None) -> None:
        """For its supervisor."""
