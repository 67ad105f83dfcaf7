"""What telemetry asks this member's processors, over broadcast, as they ask each other: connections, watches, sessions.

The stream is opened with the first question: where nobody asks, there is none.
"""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import msgspec

from node.config.member import MemberConfig
from node.processes.calls import Calls, NoAnswerError
from node.processes.loop import now_ms
from node.requests.four_letter import Report, merged
from transport.messages import Answer, Ask, LocalHello, decode_local, encode
from transport.poller import Poller
from transport.sockets import Sockets, Stream, StreamGapError
from transport.wiring import ipc_endpoint

WITHIN_MS = 2000
_GENERATION = 1  # of no meaning for a process that submits nothing


@dataclass
class _Question:
    future: "Future[Report]"
    until_ms: int
    reports: list[Report] = field(default_factory=list)


class MemberQuestions:
    """*report*, *report_now* are for the HTTP threads, the rest for the loop."""

    def __init__(self, config: MemberConfig, sockets: Sockets, poller: Poller, calls: Calls) -> None:
        self._endpoint = ipc_endpoint(str(config.run_dir), "local")
        self._processors = config.processors
        self._sockets, self._poller, self._calls = sockets, poller, calls
        self._stream: Stream | None = None
        self._numbers = itertools.count(1)
        self._open: dict[int, _Question] = {}

    def report(self, word: str) -> Report:
        """Of all processors that answer, as one. Raises NoAnswerError: none does."""
        return self._calls.ask(lambda future: self._ask(word, future))

    def report_now(self, word: str) -> Report | None:
        """None: none does."""
        try:
            return self.report(word)
        except NoAnswerError:
            return None

    def ask(self, word: str, then: Callable[[Report], None]) -> None:
        """*then*: called by the loop, if any processor answers."""
        future: Future[Report] = Future()
        future.add_done_callback(lambda done: None if done.exception() else then(done.result()))
        self._ask(word, future)

    def _ask(self, word: str, future: "Future[Report]") -> None:
        if self._stream is None:
            self._stream = self._sockets.stream(self._endpoint)
            self._poller.add(self._stream)
            self._stream.send(encode(LocalHello("telemetry", 0, os.getpid(), _GENERATION, 0)))
        number = next(self._numbers)
        self._open[number] = _Question(future, now_ms() + WITHIN_MS)
        self._stream.send(encode(Ask(number, word)))

    def receive(self) -> None:
        """At each turn: what has come, and what comes too late."""
        while self._stream is not None:
            try:
                payload = self._stream.receive()
                if payload is None:
                    if self._stream.is_lost:
                        self._close()
                    break
                self._take(decode_local(payload))
            except (StreamGapError, msgspec.MsgspecError):
                self._close()
        for number, question in list(self._open.items()):
            if now_ms() >= question.until_ms:
                self._finish(number, question)

    def timeout_ms(self, timeout_ms: int) -> int:
        due = min((question.until_ms for question in self._open.values()), default=None)
        if due is None:
            return timeout_ms
        left_ms = max(due - now_ms(), 0)
        return left_ms if timeout_ms < 0 else min(left_ms, timeout_ms)

    def _take(self, message: object) -> None:
        question = self._open.get(message.id) if isinstance(message, Answer) else None
        if question is None:
            return
        assert isinstance(message, Answer)
        question.reports.append(message.values)
        if len(question.reports) == self._processors:
            self._finish(message.id, question)

    def _finish(self, number: int, question: _Question) -> None:
        del self._open[number]
        if question.reports:
            question.future.set_result(merged(question.reports))
        else:
            question.future.set_exception(NoAnswerError())

    def _close(self) -> None:
        assert self._stream is not None
        self._poller.remove(self._stream)
        self._stream.close()
        self._stream = None
        for number, question in list(self._open.items()):
            self._finish(number, question)
