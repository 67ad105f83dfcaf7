"""Requests at a rate, through whatever happens: how long each took since it was due, window by window."""

import asyncio
import random
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.soak.population import CREATE, ROOT, SET_DATA, create_body, node, watched_node
from tests.soak.session import GET_DATA, Session, ustring

DELETE, GET_CHILDREN2 = 2, 12
TICK_S = 0.01
EPHEMERAL = 1


@dataclass
class Window:
    """*lost*: connections went before the answer came, as in a restart. *errors*: answers that must not come."""

    took_s: list[float] = field(default_factory=list)
    lost: int = 0
    errors: Counter[int] = field(default_factory=Counter)

    def at_ms(self, part: float) -> float:
        """A percentile, as p99: 0.99."""
        took = sorted(self.took_s)
        return took[min(int(len(took) * part), len(took) - 1)] * 1000 if took else 0.0


class Load:
    """70 % reads, 18 % writes, 2 % writes to watched nodes, 10 % an ephemeral node that comes and goes."""

    def __init__(self, sessions: Sequence[Session], *, nodes: int, watched: int, rate: int, rng: random.Random) -> None:
        self.sessions, self.nodes, self.watched, self.rate, self.rng = sessions, nodes, watched, rate, rng
        self.window = Window()
        self.answered = 0
        self._numbers = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        await asyncio.sleep(0)  # between polls

    def take(self) -> Window:
        """What was answered since the last time. Raises what has ended the load."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()
        window, self.window = self.window, Window()
        return window

    async def _run(self) -> None:
        due_s = time.monotonic()
        while True:
            now_s = time.monotonic()
            while due_s <= now_s:
                self._one(due_s)
                due_s += 1 / self.rate
            await asyncio.sleep(TICK_S)  # between polls

    def _one(self, due_s: float) -> None:
        session = self.rng.choice(self.sessions)
        if not session.is_connected:
            self.window.lost += 1
            return
        dice, path = self.rng.random(), node(self.rng.randrange(self.nodes))
        if dice < 0.65:
            session.ask(GET_DATA, ustring(path) + b"\0", self._answer(due_s))
        elif dice < 0.70:
            session.ask(GET_CHILDREN2, ustring(ROOT + b"/e") + b"\0", self._answer(due_s))
        elif dice < 0.90:
            if dice > 0.88:
                path = watched_node(self.rng.randrange(self.watched))
            data = ustring(b"%d" % self.answered) + struct.pack(">i", -1)
            session.ask(SET_DATA, ustring(path) + data, self._answer(due_s))
        else:
            self._come_and_go(session, due_s)

    def _come_and_go(self, session: Session, due_s: float) -> None:
        self._numbers += 1
        path = ROOT + b"/e/%d" % self._numbers
        done = self._answer(due_s)

        def made(err: int | None, body: bytes) -> None:
            done(err, body)
            if err == 0 and session.is_connected:
                session.ask(DELETE, ustring(path) + struct.pack(">i", -1), self._answer(time.monotonic()))

        session.ask(CREATE, create_body(path, flags=EPHEMERAL), made)

    def _answer(self, due_s: float) -> Callable[[int | None, bytes], None]:
        def answer(err: int | None, _: bytes) -> None:
            window = self.window
            if err is None:
                window.lost += 1
            elif err:
                window.errors[err] += 1
            else:
                self.answered += 1
                window.took_s.append(time.monotonic() - due_s)

        return answer
