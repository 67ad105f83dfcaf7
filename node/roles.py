"""The table of processes of one member. Supervisor, systemd units and docs follow it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """*module* has `run(config: MemberConfig, index: int) -> None`, which returns on SIGTERM.

    *start_order*: lower first, stopped in reverse. *count_key*: MemberConfig field with how many of it run.
    """

    name: str
    module: str
    start_order: int
    count_key: str | None = None
    restart_delay_s: float = 0.2  # doubled at each death within a minute, 5 s at most
    nice: int = 0

    def names(self, count: int) -> list[str]:
        return [self.name] if self.count_key is None else [f"{self.name}-{i}" for i in range(count)]


ROLES: tuple[Role, ...] = (
    Role("telemetry", "node.processes.telemetry", start_order=0, nice=5),
    Role("broadcast", "node.processes.broadcast", start_order=1),
    Role("election", "node.processes.election", start_order=2),
    Role("processor", "node.processes.processor", start_order=3, count_key="processors"),
    Role("snapshotter", "node.processes.snapshotter", start_order=4, nice=10),
)
