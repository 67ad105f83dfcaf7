"""The table of processes of one member. Supervisor, systemd units and docs follow it."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.config.member import MemberConfig

RESTART_DELAY_MAX_S: Final = 5.0
RESTART_WINDOW_S: Final = 60.0
AUTOGROUP: Final = Path("/proc/self/autogroup")


@dataclass(frozen=True)
class Role:
    """*module* has `run(config: MemberConfig, index: int, notify: Notify = SILENT) -> None`, which returns on SIGTERM.

    *start_order*: lower first, stopped in reverse. *count_key*: MemberConfig field with how many of it run.
    """

    name: str
    module: str
    start_order: int
    count_key: str | None = None
    restart_delay_s: float = 0.2
    nice: int = 0

    def names(self, config: MemberConfig) -> list[str]:
        return [self.name_of(index) for index in range(self.count(config))]

    def name_of(self, index: int) -> str:
        return self.name if self.count_key is None else f"{self.name}-{index}"

    def count(self, config: MemberConfig) -> int:
        return 1 if self.count_key is None else int(getattr(config, self.count_key))

    def restart_pause_s(self, deaths: int) -> float:
        """Before it is started again after so many deaths within RESTART_WINDOW_S: twice as long after each."""
        return min(self.restart_delay_s * 2.0 ** max(deaths - 1, 0), RESTART_DELAY_MAX_S)


ROLES: tuple[Role, ...] = (
    Role("telemetry", "node.processes.telemetry", start_order=0, nice=5),
    Role("broadcast", "node.processes.broadcast", start_order=1),
    Role("election", "node.processes.election", start_order=2),
    Role("processor", "node.processes.processor", start_order=3, count_key="processors"),
    Role("snapshotter", "node.processes.snapshotter", start_order=4, nice=10),
)


def lower_priority(role: Role) -> None:
    """Of this process, a session of its own, to the role's nice value; never raised, if it began with a worse one.

    Of its session too: where the kernel shares the processor out between sessions (sched_autogroup_enabled), the nice
    value of a process counts only within its own.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) >= role.nice:
        return
    os.setpriority(os.PRIO_PROCESS, 0, role.nice)
    with contextlib.suppress(OSError):  # no such kernel, or a unit that may not
        AUTOGROUP.write_text(f"{role.nice}")
