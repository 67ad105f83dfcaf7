"""From messages to Timelines: what telemetry does for `/explain`, `corral trace` and traces, without a socket.

    stories.intake(timings)                   notes of the own processes
    stories.want(zxid, now_ns, then)          *then* is called once, with its Story
    stories.step(now_ns)                      returns (member, payload) to send at once; to be called again by `due_ns`
    stories.finish(now_ns)                    after that: calls *then* of those that all have answered, or that are late
    stories.relayed(member, payload, clock)   returns what to send back, if anything

A write's notes come a moment after it, and from a slow member later. So a fresh one waits, and what is wanted at about
the same time goes to the others as one question.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from observability.assembly import Entry, assemble
from observability.clocks import Offset
from observability.fragments import Fragment, errors_of, fragment_of, pick
from observability.peers import ASKED_MAX, Answer, Question, Questions, decode, encode
from observability.ring import Ring, unpack_notes
from observability.timeline import Timeline
from observability.told import Told, told
from observability.verdict import Usual
from transport.messages import Timings
from transport.timings import Note

RIPE_NS = 400_000_000  # after the newest note of a write: the others' have come by then
CLOCK_INTERVAL_NS = 15_000_000_000
CLOCKS_FIRST = 4  # questions about the clock in quick succession: the shortest round trip counts
ASKED_AGAIN_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Story:
    """*timeline*: None where no member knows the zxid; *oldest*, *newest*: which ones this member's notes cover."""

    zxid: int
    timeline: Timeline | None
    oldest: int
    newest: int


Then = Callable[[Story], None]
Find = Callable[[int, int, int], Entry | None]  # zxid, watermark, offset of its end → what the log says
Failed = Callable[[int, Exception], None]  # zxid, what was raised


def _tell_nobody(_zxid: int, _error: Exception) -> None:
    pass


@dataclass(slots=True)
class _Wanted:
    zxid: int
    ripe_ns: int
    then: list[Then]


class Stories:
    """*me*: this member; *others*: the rest of the ensemble. *find*: looks a write up in this member's log.

    *failed*: is told of each story that could not be made; nobody gets it.
    """

    def __init__(
        self, *, me: int, others: Iterable[int], ring_writes: int, find: Find, failed: Failed = _tell_nobody,
    ) -> None:
        self.me = me
        self.others = frozenset(others)
        self.rings: dict[str, Ring] = {}
        self.questions = Questions(self.others)
        self.now_ns = 0  # of the last step
        self.wall_ns = 0  # from CLOCK_MONOTONIC to Unix time: the shell sets it
        self._ring_writes = ring_writes
        self._find = find
        self._failed = failed
        self._usual = Usual()
        self._wanted: dict[int, _Wanted] = {}
        self._asked: dict[int, list[_Wanted]] = {}  # by the question's id
        self._clock_due_ns = 0
        self._clocks_asked = 0

    # Notes -------------------------------------------------------------------------------------

    def follow(self, others: Iterable[int]) -> None:
        """The rest of the ensemble after a reconfiguration."""
        self.others = frozenset(others)
        self.questions.follow(self.others)

    def intake(self, timings: Timings) -> None:
        ring = self.rings.get(timings.process)
        if ring is None:
            ring = self.rings[timings.process] = Ring(self._ring_writes)
        ring.take(
            pid=timings.pid, now_ns=timings.now_ns, zxid=timings.zxid, notes=timings.notes, dropped=timings.dropped)

    def fragment(self, zxid: int) -> Fragment:
        return fragment_of(self.rings, zxid, self.others)

    @property
    def oldest(self) -> int:
        broadcast = self.rings.get("broadcast")
        return broadcast.oldest if broadcast is not None else 0

    @property
    def newest(self) -> int:
        broadcast = self.rings.get("broadcast")
        return broadcast.newest if broadcast is not None else 0

    @property
    def writes(self) -> int:
        """How many this member's broadcast has notes of. May be called in other threads, as the next."""
        broadcast = self.rings.get("broadcast")
        return broadcast.writes if broadcast is not None else 0

    def wall_offsets(self) -> dict[int, Offset]:
        """What must be added to each other member's wall clock to get this member's; as of the last answers."""
        return self.questions.wall_offsets(self.now_ns, self.wall_ns)

    def watermark(self) -> tuple[int, int]:
        """The newest (zxid, offset of its end in the log) that broadcast has told its processes; zeros: none."""
        broadcast = self.rings.get("broadcast")
        for notes in broadcast.read_back() if broadcast is not None else ():
            published = [note for note in notes if note.kind == Note.PUBLISHED]
            if published:
                return published[-1].zxid, published[-1].count
        return 0, 0

    def entry(self, zxid: int) -> Entry | None:
        """What the log says of it, as far as this member can tell."""
        return self._entry(zxid, self.fragment(zxid))

    def published(self, zxid: int) -> tuple[int, int] | None:
        """The watermark that first covered it here, and the offset of its end in the log."""
        broadcast = self.rings.get("broadcast")
        notes = pick(broadcast, zxid) if broadcast is not None else []
        return next(((note.zxid, note.count) for note in notes if note.kind == Note.PUBLISHED), None)

    def errors(self, process: str, zxids: range) -> dict[int, int]:
        """Those of a batch that this processor of the member refused: ZooKeeper's codes."""
        ring = self.rings.get(process)
        return {} if ring is None else errors_of(ring, zxids)

    def _entry(self, zxid: int, fragment: Fragment) -> Entry | None:
        place = _published(fragment)
        return None if place is None else self._find(zxid, *place)

    # Asking ------------------------------------------------------------------------------------

    def want(self, zxid: int, now_ns: int, then: Then, *, ripe_ns: int = 0) -> None:
        """*ripe_ns*: when all notes will have come; by default, those of a write that has just been answered."""
        wanted = self._wanted.get(zxid)
        if wanted is None:
            wanted = self._wanted[zxid] = _Wanted(zxid, ripe_ns or now_ns + RIPE_NS, [])
        wanted.then.append(then)

    def ripe_ns(self, zxid: int, now_ns: int) -> int:
        """For `want`: a write that was some time ago need not be waited for."""
        notes = [
            note.at_ns for packed in self.fragment(zxid).processes.values() for note in unpack_notes(packed)]
        return max(notes, default=now_ns) + RIPE_NS

    def step(self, now_ns: int) -> list[tuple[int, bytes]]:
        """Ask about what is ripe: (member, payload) to send."""
        self.now_ns = now_ns
        ripe = [each for each in self._wanted.values() if each.ripe_ns <= now_ns]
        messages: list[tuple[int, bytes]] = []
        for at in range(0, len(ripe), ASKED_MAX):
            messages += self._ask(ripe[at:at + ASKED_MAX], now_ns)
        if now_ns >= self._clock_due_ns and self.others:
            messages += self._ask([], now_ns)
        return messages

    def finish(self, now_ns: int) -> None:
        for question in self.questions.take_finished(now_ns):
            self._finish(question, now_ns)

    def unreachable(self, member: int) -> None:
        """It cannot be asked now: nobody waits for it."""
        self.questions.gone(member)

    def _ask(self, wanted: list[_Wanted], now_ns: int) -> list[tuple[int, bytes]]:
        for each in wanted:
            del self._wanted[each.zxid]
        question = self.questions.ask([each.zxid for each in wanted], now_ns)
        self._asked[question.ask.id] = wanted
        self._clocks_asked += 1
        self._clock_due_ns = now_ns + (
            ASKED_AGAIN_NS if self._clocks_asked < CLOCKS_FIRST else CLOCK_INTERVAL_NS)
        payload = encode(question.ask)
        return [(member, payload) for member in sorted(question.waiting)]

    def relayed(self, member: int, payload: bytes, clock: Callable[[], int]) -> bytes | None:
        """What telemetry of *member* sent; an answer to send back to it at once. Unreadable ones are dropped."""
        now_ns = clock()
        try:
            message = decode(payload)
        except msgspec.MsgspecError:
            self.questions.outcomes["malformed"] += 1
            return None
        if isinstance(message, Answer):
            self.questions.answered(member, message, now_ns)
            return None
        fragments = [self.fragment(zxid) for zxid in message.zxids[:ASKED_MAX]]
        return encode(Answer(message.id, message.sent_ns, now_ns, clock(), self.wall_ns, fragments))

    @property
    def due_ns(self) -> int | None:
        """When `step` wants to be called at the latest; None: not before something comes."""
        times = [each.ripe_ns for each in self._wanted.values()]
        if self.questions.due_ns is not None:
            times.append(self.questions.due_ns)
        if self.others:
            times.append(self._clock_due_ns)
        return min(times, default=None)

    # Telling -----------------------------------------------------------------------------------

    def _finish(self, question: Question, now_ns: int) -> None:
        for wanted in self._asked.pop(question.ask.id):
            try:
                story = self._story(wanted.zxid, question.fragments.get(wanted.zxid, {}), now_ns)
                for then in wanted.then:
                    then(story)
            except Exception as error:  # noqa: BLE001 - what peers, disks and notes say makes no end of all the others
                self._failed(wanted.zxid, error)

    def _story(self, zxid: int, fragments: dict[int, Fragment], now_ns: int) -> Story:
        own = self.fragment(zxid)
        members = {self.me: self._told(self.me, own, Offset(0, 0), self.wall_ns)}
        for member, fragment in fragments.items():
            clock = self.questions.clocks[member]
            offset = clock.offset(now_ns)
            if offset is not None:
                members[member] = self._told(member, fragment, offset, clock.wall_ns)
        entry = self._entry(zxid, own)
        silent = [each for each in self.others if each not in fragments or not fragments[each].processes]
        timeline = None
        if entry is not None or own.processes or len(silent) < len(self.others):
            missing = silent if own.processes else [*silent, self.me]
            timeline = assemble(zxid, entry, members, missing, self._usual)
        return Story(zxid, timeline, own.oldest, own.newest)

    def _told(self, member: int, fragment: Fragment, offset: Offset, wall_ns: int) -> Told:
        processes = {name: unpack_notes(packed) for name, packed in fragment.processes.items()}
        return told(member, dict(processes), fragment.zxid, offset=offset, wall_ns=wall_ns)


def _published(fragment: Fragment) -> tuple[int, int] | None:
    for note in unpack_notes(fragment.processes.get("broadcast", b"")):
        if note.kind == Note.PUBLISHED:
            return note.zxid, note.count
    return None
