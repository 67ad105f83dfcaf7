"""Who the members are by the log, which a reconfiguration changes: this member's processors are asked now and then."""

from collections.abc import Callable, Mapping
from typing import Final

from node.processes.processor_words import MEMBERS
from node.processes.telemetry_member import MemberQuestions
from node.requests.four_letter import Report

ASK_EVERY_S: Final = 5.0


class MembersNow:
    """For the loop."""

    def __init__(self, questions: MemberQuestions, tell: Callable[[Mapping[int, str]], None]) -> None:
        """*tell*: gets their server lines, where these have changed."""
        self._questions, self._tell = questions, tell
        self._servers: dict[int, str] = {}
        self._due_s = 0.0

    def step(self, now_s: float) -> None:
        """At each turn."""
        if now_s >= self._due_s:
            self._due_s = now_s + ASK_EVERY_S
            self._questions.ask(MEMBERS, self._take)

    def _take(self, report: Report) -> None:
        servers = dict(report["members"])
        if servers and servers != self._servers:
            self._servers = servers
            self._tell(servers)
