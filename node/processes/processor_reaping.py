"""Containers and TTL nodes whose time is over: at the leader's processor 0, under a lease."""

import time

from node.config.member import MemberConfig
from node.processes.loop import now_ms
from node.requests.processor import Processor
from node.tree.reaping import Reaper


class Reaping:
    def __init__(self, config: MemberConfig, core: Processor) -> None:
        self._config, self._core = config, core
        self._reaper: Reaper | None = None

    def lead(self, leads: bool) -> None:
        if not leads:
            self._reaper = None
        elif self._reaper is None:
            rules = self._config.rules
            self._reaper = Reaper(
                self._core.replica.tree, interval_ms=rules.check_interval_ms, per_minute=rules.reaped_per_minute,
                never_used_ms=rules.never_used_ms, now_ms=now_ms())

    def reap_due(self, now: int) -> None:
        """Under a lease only. By this machine's wall clock, which stamps the records too while it leads."""
        if self._reaper is None or self._core.submissions.is_full:
            return
        for node in self._reaper.due(now_ms=now, wall_ms=time.time_ns() // 1_000_000):
            self._core.reap(node)
