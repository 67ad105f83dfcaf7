"""Questions of one member's telemetry to the others': what did you note about these zxids, what does your clock show?

They travel as the payload of Relay (transport/messages.py), some a second. An answer that is late or lost makes its
member `missing` in a Timeline, and nothing else.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from observability.clocks import ClockEstimate, Offset
from observability.fragments import Fragment
from transport.timings import NOTE
from transport.unpacking import unpacker

ANSWER_NS = 500_000_000
ASKED_MAX = 32  # zxids in one question
PROCESSES_MAX = 128  # of a member
NOTES_BYTES_MAX = 256 << 10  # of one process about one zxid
_PROCESS = re.compile("processor-[0-9]{1,4}|(?!processor)[a-z_-]{1,32}")  # later versions may have further ones
TimeNs = Annotated[int, msgspec.Meta(ge=-(1 << 61), le=1 << 61)]  # sums of some of them can be written as JSON
Zxid = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Ask(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """*sent_ns*: by the asking one's CLOCK_MONOTONIC. Without zxids it asks for the clock alone."""

    id: int
    zxids: list[Zxid]
    sent_ns: TimeNs


class Answer(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """*sent_ns*: of the question. The others by the answering one's; *wall_ns*: from that to its wall clock."""

    id: int
    sent_ns: TimeNs
    received_ns: TimeNs
    answered_ns: TimeNs
    wall_ns: TimeNs
    fragments: list[Fragment]

    @property
    def is_well_formed(self) -> bool:
        """Whether stories can be made of it: a peer's word is not taken for it."""
        return len(self.fragments) <= ASKED_MAX and all(map(_is_well_formed, self.fragments))


def _is_well_formed(fragment: Fragment) -> bool:
    return len(fragment.processes) <= PROCESSES_MAX and all(
        _PROCESS.fullmatch(name) and len(notes) % NOTE.size == 0 and len(notes) <= NOTES_BYTES_MAX
        for name, notes in fragment.processes.items())


_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
decode: Callable[[bytes | memoryview], Ask | Answer] = unpacker(Ask | Answer)


@dataclass(slots=True)
class Question:
    """*waiting*: who has not answered yet."""

    ask: Ask
    due_ns: int
    waiting: set[int]
    fragments: dict[int, dict[int, Fragment]] = field(default_factory=dict)  # zxid → member → what it told

    @property
    def is_answered(self) -> bool:
        return not self.waiting


class Questions:
    """Open questions, and what is known of the others' clocks. Times are this member's CLOCK_MONOTONIC."""

    def __init__(self, members: Iterable[int]) -> None:
        """*members*: the others."""
        self.clocks: dict[int, ClockEstimate] = {}
        self.follow(members)
        self.outcomes = {"answered": 0, "missing": 0, "unreachable": 0, "malformed": 0}
        self._open: dict[int, Question] = {}
        self._last_id = 0

    def follow(self, members: Iterable[int]) -> None:
        """Others. What those have told who are none any more still counts."""
        self._members = frozenset(members)
        known = self.clocks
        self.clocks = known | {member: ClockEstimate() for member in sorted(self._members - known.keys())}

    def ask(self, zxids: list[int], now_ns: int) -> Question:
        """To be sent to every one of *waiting*; who cannot be reached is to be discarded from it."""
        self._last_id += 1
        question = Question(Ask(self._last_id, zxids, now_ns), now_ns + ANSWER_NS, set(self._members))
        self._open[question.ask.id] = question
        return question

    def answered(self, member: int, answer: Answer, now_ns: int) -> None:
        """One that comes too late still tells what the clock shows."""
        clock = self.clocks.get(member)
        if clock is None:
            return
        if not answer.is_well_formed:
            self._malformed(member, answer.id)
            return
        clock.observe(
            asked_ns=answer.sent_ns, received_ns=answer.received_ns, answered_ns=answer.answered_ns, now_ns=now_ns,
            wall_ns=answer.wall_ns)
        question = self._open.get(answer.id)
        if question is None or member not in question.waiting:
            return
        question.waiting.discard(member)
        self.outcomes["answered"] += 1
        for fragment in answer.fragments:
            if fragment.zxid in question.ask.zxids:
                question.fragments.setdefault(fragment.zxid, {})[member] = fragment

    def _malformed(self, member: int, question_id: int) -> None:
        """It will not get better by waiting."""
        self.outcomes["malformed"] += 1
        question = self._open.get(question_id)
        if question is not None:
            question.waiting.discard(member)

    def gone(self, member: int) -> None:
        """Nobody waits for it any more."""
        for question in self._open.values():
            self.outcomes["unreachable"] += member in question.waiting
            question.waiting.discard(member)

    def take_finished(self, now_ns: int) -> list[Question]:
        """Those that are answered, or that have waited long enough."""
        finished = [each for each in self._open.values() if each.is_answered or each.due_ns <= now_ns]
        for each in finished:
            del self._open[each.ask.id]
            self.outcomes["missing"] += len(each.waiting)
        return finished

    @property
    def due_ns(self) -> int | None:
        """When `take_finished` wants to be called at the latest."""
        return min((each.due_ns for each in self._open.values()), default=None)

    def wall_offsets(self, now_ns: int, own_wall_ns: int) -> dict[int, Offset]:
        """What must be added to each one's wall clock to get ours, as far as known. May be called in other threads."""
        found = {}
        for member, clock in self.clocks.items():
            offset = clock.offset(now_ns)
            if offset is not None:
                found[member] = Offset(offset.offset_ns + own_wall_ns - clock.wall_ns, offset.uncertainty_ns)
        return found
