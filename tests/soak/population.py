"""All sessions of a run: opened, kept alive, cut off all at once; their watches; the nodes that are there."""

import asyncio
import contextlib
import random
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence

from tests.soak.session import Address, Session, ustring

CREATE, SET_DATA, MULTI = 1, 5, 14
ROOT = b"/soak"
WORLD = struct.pack(">ii", 1, 31) + ustring(b"world") + ustring(b"anyone")
MULTI_LAST = struct.pack(">i?i", -1, True, -1)
PULSE_S = 0.5
AT_ONCE = 200  # connections begun together
CREATES = 250  # in one transaction
IN_FLIGHT = 8
CHILDREN = 10_000  # of one node
SETTLE_S = 120.0


def create_body(path: bytes, data: bytes = b"", flags: int = 0) -> bytes:
    return ustring(path) + ustring(data) + WORLD + struct.pack(">i", flags)


def node(number: int) -> bytes:
    return b"%s/n%d/%d" % (ROOT, number // CHILDREN, number)


def watched_node(number: int) -> bytes:
    return b"%s/w/%d" % (ROOT, number)


class Population:
    """*expired*: for how long each session had been silent when it was told its end.

    A session counts as lost if no member can blame it: it was back within its timeout.
    """

    def __init__(self, addresses: Sequence[Address], *, count: int, timeout_ms: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.sessions = [Session(self, addresses, timeout_ms, random.Random(f"{seed} {at}")) for at in range(count)]
        self.expired: list[float] = []
        self.events: Counter[bytes] = Counter()
        self.rewatches = True
        self.late_s = 0.0  # the worst that this process itself was late: then it is no judge of others
        self._pulsing: asyncio.Task[None] | None = None

    def on_event(self, session: Session, path: bytes) -> None:
        self.events[path] += 1
        if self.rewatches:
            session.watch(path)

    def on_expired(self, session: Session, silent_s: float) -> None:
        self.expired.append(silent_s)

    @property
    def connected(self) -> int:
        return sum(session.is_connected for session in self.sessions)

    @property
    def reconnects(self) -> int:
        return sum(session.reconnects for session in self.sessions)

    def unjustly(self, timeout_ms: int) -> int:
        """Sessions that ended although they had been silent for less than their timeout."""
        return sum(silent_s < timeout_ms / 1000 for silent_s in self.expired)

    def check(self) -> None:
        """Raises what has ended the pings: then sessions expire by right."""
        if self._pulsing is not None and self._pulsing.done():
            self._pulsing.result()

    async def open(self) -> None:
        self._pulsing = asyncio.get_running_loop().create_task(self._pulse())
        for start in range(0, len(self.sessions), AT_ONCE):
            some = self.sessions[start:start + AT_ONCE]
            for session in some:
                session.open()
            await until(lambda some=some: all(each.is_connected for each in some), "sessions are open")  # type: ignore[misc]

    async def close(self) -> None:
        for session in self.sessions:
            session.close()
        if self._pulsing is not None:
            self._pulsing.cancel()
        with contextlib.suppress(TimeoutError):  # members close what asked for it
            await until(lambda: all(session.has_ended for session in self.sessions), "sessions are closed", seconds=30)
        for session in self.sessions:
            session.cut()
        await until(lambda: all(session.has_ended for session in self.sessions), "connections are closed")

    async def _pulse(self) -> None:
        while True:
            began = time.monotonic()
            for session in self.sessions:
                session.pulse(began)
            await asyncio.sleep(PULSE_S)  # between polls
            self.late_s = max(self.late_s, time.monotonic() - began - PULSE_S)

    # --- what is there ---

    async def fill(self, count: int, watched: int, say: Callable[[str], None]) -> None:
        """*count* nodes below ROOT, and *watched* more."""
        session = self.sessions[0]
        parents = [ROOT, ROOT + b"/w", ROOT + b"/e", *(
            b"%s/n%d" % (ROOT, number) for number in range((count + CHILDREN - 1) // CHILDREN))]
        await self._create(session, [parents[:1], *([each] for each in parents[1:])])
        leaves = [watched_node(number) for number in range(watched)] + [node(number) for number in range(count)]
        began = time.monotonic()
        await self._create(session, [leaves[at:at + CREATES] for at in range(0, len(leaves), CREATES)])
        say(f"{len(leaves):,} nodes in {time.monotonic() - began:.0f} s")

    async def _create(self, session: Session, transactions: list[list[bytes]]) -> None:
        loop = asyncio.get_running_loop()
        waiting: set[asyncio.Future[int | None]] = set()
        for paths in transactions:
            made: asyncio.Future[int | None] = loop.create_future()
            body = b"".join(struct.pack(">i?i", CREATE, False, -1) + create_body(path, b"x" * 100) for path in paths)
            session.ask(MULTI, body + MULTI_LAST, lambda err, _, made=made: made.set_result(err))  # type: ignore[misc]
            waiting.add(made)
            if len(waiting) >= IN_FLIGHT or len(paths) == 1:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                assert all(each.result() == 0 for each in done), [each.result() for each in done]
        if waiting:
            assert [each.result() for each in (await asyncio.wait(waiting))[0]].count(0) == len(waiting)

    async def watch(self, count: int, nodes: int) -> None:
        """*count* data watches, spread over all sessions and *nodes* nodes."""
        for number in range(count):
            session = self.sessions[number % len(self.sessions)]
            session.watch(watched_node((number * 7919 + number // len(self.sessions)) % nodes))
            if number % 1000 == 999:
                await asyncio.sleep(0)  # between polls

    # --- all at once ---

    async def storm(self) -> float:
        """Every session loses its connection now; seconds until the last one is back."""
        began = time.monotonic()
        for session in self.sessions:
            session.cut()
        living = [session for session in self.sessions if not session.is_over]
        await asyncio.sleep(0)  # between polls
        await until(
            lambda: all(each.is_connected or each.is_over for each in living), "sessions are back after the storm")
        return time.monotonic() - began

    async def every_watch_fires(self, count: int) -> int:
        """Set *count* watched nodes: how many watches that were there have told nobody. They are not renewed."""
        self.rewatches = False
        expected = Counter(path for session in self.sessions for path in session.watched if session.is_connected)
        chosen = [path for path in map(watched_node, range(count)) if path in expected]
        self.events.clear()
        session = next(each for each in self.sessions if each.is_connected)
        for path in chosen:
            session.ask(SET_DATA, ustring(path) + ustring(b"last") + struct.pack(">i", -1), lambda *_: None)
        try:
            await until(lambda: all(self.events[path] >= expected[path] for path in chosen), "watches fire", seconds=60)
        except TimeoutError:
            return sum(max(expected[path] - self.events[path], 0) for path in chosen)
        return 0


async def until(condition: Callable[[], object], what: str, *, seconds: float = SETTLE_S) -> None:
    """Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(0.02)  # between polls
