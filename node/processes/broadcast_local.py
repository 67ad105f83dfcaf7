"""The processes of this member, as broadcast sees them: welcome, watermark, lease, state, and questions between them.

What only counts in its newest form (watermark, lease, state, what election is to do) is conflated: a process that does
not take it now gets the newest later. Everything else is sent or waits in order.

A processor without connections hears of watermarks at intervals: nobody sees how far it is, and each wake-up takes
time from the processes that a client waits for.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from node.processes.loop import now_ms
from node.zab.events import ProcessorReady, StreamId
from transport.clock import clock_ns
from transport.messages import (
    Answer,
    Ask,
    Counters,
    Differs,
    DigestWanted,
    LocalHello,
    Message,
    Refused,
    Touches,
    Watermark,
    encode,
)
from transport.sockets import Listener

RETRY_MS: Final = 10
UNATTENDED_MS: Final = 50  # between watermarks
WAITING_MAX: Final = 4096  # messages; beyond that the process is left alone until it says hello again
CHECK_MS: Final = 250  # between two looks whether processor 0 has fallen silent
_QUESTIONS_MAX: Final = 1000


@dataclass(slots=True)
class LocalProcess:
    """*told*: what of each conflated kind it has. *counters*: its own figures, as it told them last, at *heard_ms*."""

    stream: StreamId
    hello: LocalHello
    generation: int
    told: dict[str, Message] = field(default_factory=dict)
    waiting: deque[bytes] = field(default_factory=deque)
    counters: dict[str, object] = field(default_factory=dict)
    is_attended: bool = True  # a client is connected to it, or that is not known yet
    watermark_due_ms: int = 0  # of an unattended one
    is_held: bool = False  # the newest watermark is, on purpose
    heard_ms: int = 0
    is_silent: bool = False

    @property
    def name(self) -> str:
        is_one_of_many = self.hello.role == "processor"
        return f"{self.hello.role}-{self.hello.index}" if is_one_of_many else self.hello.role


# Which conflated kinds each role wants, in the order in which they are sent.
_WANTED: Final = {
    "processor": ("watermark", "lease", "state", "drain"),
    "snapshotter": ("mark",),  # the watermark once a second: not woken for every record
    "election": ("election",),
}


class Local:
    """The table of living processes of this member, and what is to be told to them."""

    def __init__(self, listener: Listener, clock_ms: Callable[[], int] = now_ms) -> None:
        self._listener = listener
        self._clock_ms = clock_ms
        self._processes: dict[StreamId, LocalProcess] = {}
        self._newest: dict[str, tuple[Message, bytes]] = {}
        self._is_changed = False
        self._is_held = False  # an unattended processor lacks the newest watermark
        self._unattended_due_ms = 0
        self._questions: dict[int, tuple[StreamId, int]] = {}
        self._question_ids = itertools.count(1)
        self.check_due_ms = 0

    # Who lives ---------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[LocalProcess]:
        return iter(self._processes.values())

    def get(self, stream: StreamId) -> LocalProcess | None:
        return self._processes.get(stream)

    def find(self, role: str, index: int = 0) -> LocalProcess | None:
        for each in self._processes.values():
            if each.hello.role == role and each.hello.index == index:
                return each
        return None

    def add(self, stream: StreamId, hello: LocalHello, generation: int) -> LocalProcess:
        """An earlier life of the same process is forgotten."""
        earlier = self.find(hello.role, hello.index)
        if earlier is not None:
            self.remove(earlier.stream)
            self._listener.drop(earlier.stream)
        process = self._processes[stream] = LocalProcess(stream, hello, generation, heard_ms=self._clock_ms())
        self._is_changed = True
        return process

    def remove(self, stream: StreamId) -> LocalProcess | None:
        return self._processes.pop(stream, None)

    # Telling -----------------------------------------------------------------------------------

    def tell(self, kind: str, message: Message) -> None:
        """The newest of a conflated *kind*; sent at `publish`."""
        self._newest[kind] = (message, encode(message))
        self._is_changed = True

    def tell_again(self, kind: str, original: str) -> None:
        """The newest of *original* as the newest of *kind* too: for who need not hear of every one."""
        found = self._newest.get(original)
        if found is not None and self._newest.get(kind) is not found:
            self._newest[kind] = found
            self._is_changed = True

    def newest(self, kind: str) -> Message | None:
        found = self._newest.get(kind)
        return found[0] if found else None

    def send(self, stream: StreamId, message: Message) -> None:
        process = self._processes.get(stream)
        payload = encode(message)
        if process is None or not process.waiting:
            if self._listener.send(stream, payload) or process is None:
                return
        elif len(process.waiting) >= WAITING_MAX:
            return
        process.waiting.append(payload)
        self._is_changed = True

    def publish(self) -> None:
        """Send what is new, to every process that takes it."""
        if self._is_held and self._clock_ms() >= self._unattended_due_ms:
            self._is_changed = True
        if not self._is_changed:
            return
        self._is_changed = self._is_held = False
        for process in self._processes.values():
            if not self._send_waiting(process) or not self._send_newest(process):
                self._is_changed = self._is_changed or self._listener.is_open(process.stream)

    def timeout_ms(self, timeout_ms: int) -> int:
        if self._is_held:
            timeout_ms = min(timeout_ms, max(self._unattended_due_ms - self._clock_ms(), 0))
        return min(timeout_ms, RETRY_MS) if self._is_changed else timeout_ms

    def _send_waiting(self, process: LocalProcess) -> bool:
        while process.waiting:
            if not self._listener.send(process.stream, process.waiting[0]):
                return False
            process.waiting.popleft()
        return True

    def _send_newest(self, process: LocalProcess) -> bool:
        for kind in _WANTED.get(process.hello.role, ()):
            found = self._newest.get(kind)
            if found is None or process.told.get(kind) is found[0]:
                continue
            if kind == "watermark" and not process.is_attended and self._must_wait(process):
                self._is_held = process.is_held = True
                continue
            if not self._listener.send(process.stream, _payload(process, *found)):
                return False
            process.told[kind] = found[0]
        return True

    def _must_wait(self, process: LocalProcess) -> bool:
        now = self._clock_ms()
        if now < process.watermark_due_ms:
            self._unattended_due_ms = process.watermark_due_ms
            return True
        process.watermark_due_ms = now + UNATTENDED_MS
        return False

    # Between processes -------------------------------------------------------------------------

    def pass_to_processor(self, message: Message) -> None:
        """Touches to processor 0, Differs to the process it names, DigestWanted to every replica."""
        match message:
            case Touches():
                first = self.find("processor")
                targets = [first] if first is not None else []
            case Differs():
                targets = [each for each in self if each.name == message.process]
            case DigestWanted():
                targets = [each for each in self if each.hello.role == "processor"]
            case _:
                targets = []
        for each in targets:
            self.send(each.stream, message)

    def ask(self, stream: StreamId, question: Ask) -> None:
        """Pass a processor's question on to its siblings, under a number of our own."""
        number = next(self._question_ids)
        self._questions[number] = (stream, question.id)
        self._questions.pop(number - _QUESTIONS_MAX, None)
        for each in self:
            if each.hello.role == "processor" and each.stream != stream:
                self.send(each.stream, Ask(number, question.word))

    def answer(self, answer: Answer) -> None:
        asked = self._questions.get(answer.id)
        if asked is not None:
            self.send(asked[0], Answer(asked[1], answer.index, answer.values))

    def on_counters(self, stream: StreamId, counters: Counters) -> None:
        process = self._processes.get(stream)
        if process is not None:
            process.counters = counters.values
            process.heard_ms = self._clock_ms()
            is_attended = counters.values.get("connections", 1) != 0
            self._is_changed = self._is_changed or (is_attended and not process.is_attended)
            process.is_attended = is_attended

    def check_processor(self, silence_ms: int) -> list[ProcessorReady]:
        """After *check_due_ms*: whether processor 0, which tells its figures once a second, hangs, or hangs no more.

        Its connection says nothing about that: it stays while the process is stopped.
        """
        now = self._clock_ms()
        late_ms, self.check_due_ms = now - self.check_due_ms, now + CHECK_MS
        first = self.find("processor")
        if first is None:
            return []
        if late_ms > silence_ms // 2:
            first.heard_ms = now  # it was us who stood still
        silent_ms = now - first.heard_ms
        if (silent_ms >= silence_ms) == first.is_silent:
            return []
        first.is_silent = not first.is_silent
        return [ProcessorReady(alive=not first.is_silent, silent_ms=silent_ms)]

    def refuse(self, stream: StreamId, reason: str, leader: int) -> None:
        """A processor's link ends, not its local stream."""
        self.send(stream, Refused(reason, leader))


def _payload(process: LocalProcess, message: Message, encoded: bytes) -> bytes:
    """A watermark that was held on purpose says when it went out, not when the hold began."""
    if process.is_held and isinstance(message, Watermark):
        process.is_held = False
        if message.at_ns:
            return encode(msgspec.structs.replace(message, at_ns=clock_ns()))
    return encoded
