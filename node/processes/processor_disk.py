"""When this member's disk is nearly full: its processor 0 orders an alarm, and the end of it."""

import os
from typing import Final

from node.config.member import MemberConfig
from node.requests.processor import Processor
from transport.clock import clock_ns

RESERVE_BYTES: Final = 256 << 20  # what corral.diskReserve is without a value, or
RESERVE_SHARE: Final = 20  # such a part of the file system, if that is less
FREE_AGAIN: Final = 1.25  # of the reserve, for the alarm to end: it must not come and go
LOOK_NS: Final = 1_000_000_000
PATIENCE_NS: Final = 5_000_000_000  # for an order to be executed


class DiskAlarm:
    def __init__(self, config: MemberConfig, core: Processor) -> None:
        self._core, self._member = core, config.id
        self._reserve = config.limits.disk_reserve
        self._places = dict.fromkeys((config.data_dir, config.log_dir))
        self._due_ns = 0

    def check(self) -> None:
        """Under a lease only; cheap where it is not due."""
        now_ns = clock_ns()
        if now_ns < self._due_ns or not self._reserve:
            return
        self._due_ns = now_ns + LOOK_NS
        is_raised = self._core.alarms.is_raised(self._member)
        found = self._lowest(FREE_AGAIN if is_raised else 1.0)
        if bool(found) != is_raised:
            self._core.alarms.order(is_raised=bool(found), text=found)
            self._due_ns = now_ns + PATIENCE_NS

    def _lowest(self, factor: float) -> str:
        """What to say of a place with less free than *factor* times its reserve; empty: there is none."""
        for place in self._places:
            system = os.statvfs(place)
            free, size = system.f_bavail * system.f_frsize, system.f_blocks * system.f_frsize
            reserve = self._reserve if self._reserve > 0 else min(RESERVE_BYTES, size // RESERVE_SHARE)
            if free < reserve * factor:
                return f"{free >> 20} MiB free in {place}, {reserve >> 20} MiB are to stay free (corral.diskReserve)"
        return ""
