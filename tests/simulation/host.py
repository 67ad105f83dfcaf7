"""A member's machine: disk, clocks, and a supervisor that starts its processes again."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.disk import PowerCutError, SimulatedDisk
from tests.simulation.durable import DurableEnd
from tests.simulation.process import Process
from tests.simulation.scheduler import MS
from tests.simulation.world import World

if TYPE_CHECKING:
    from tests.simulation.ensemble import Ensemble

DATA_DIR = Path("/data/corral")
LOG_DIR = Path("/log/corral")
ROLES = ("broadcast", "election", "processor", "snapshotter")
OPERATIONS_OF_A_CUT = 12
REPLACED_US = 300 * MS
PROCESSORS = ("processor", "processor-1")  # 0 and 1, if there are two


@dataclass(frozen=True)
class HostOptions:
    sync_us: int = 1 * MS  # mean of an fdatasync
    clock_drift: float = 2e-4  # of the monotonic clock, at most, either way
    restart_us: int = 100 * MS  # a supervisor's delay, mean


class Host:
    """*make*: a new life of a role's process on this host."""

    def __init__(
        self, ensemble: "Ensemble", *, member: int, options: HostOptions,
        make: dict[str, Callable[["Host"], Process]],
    ) -> None:
        self.ensemble = ensemble
        self.world: World = ensemble.world
        self.member = member
        self.options = options
        self.make = make
        self.roles = [
            each for role in ROLES
            for each in (PROCESSORS[:ensemble.scale.processors] if role == "processor" else (role,))]
        self.rng = self.world.randomness.of(f"host-{member}")
        self.new_disk()
        self.power_back_us = 0
        self.cuts_power_in_a_sync = self.cuts_power_in_a_cut = False
        self.election_is_wrong = False
        self.lost_zxid = 0  # where its log ended when it lost its disk
        self.is_rotten = False  # a byte of its disk has changed by itself
        self.is_to_be_replaced = False  # and somebody knows
        self.processes: dict[str, Process] = {}
        self.lives = 0
        self.is_powered = True
        self.is_retired = False  # its ensemble is no more
        self.held_down: set[str] = set()  # roles that a fault keeps dead
        self.sync_us = options.sync_us
        self.clock_rate = 1 + self.rng.uniform(-options.clock_drift, options.clock_drift)
        self.clock_offset_us = self.rng.randrange(10**9)
        self.wall_offset_ms = 1_700_000_000_000 + self.rng.randint(-2_000, 2_000)

    def new_disk(self) -> None:
        self.is_rotten = self.is_to_be_replaced = False
        self.disk = SimulatedDisk()
        self.durable = DurableEnd(self.disk, data_dir=DATA_DIR, log_dir=LOG_DIR)

    def initialise(self) -> None:
        """As `corral keys init` does, once."""
        files = self.disk.process()
        files.close(files.open(DATA_DIR / "initialize", create=True))
        files.fsync_dir(DATA_DIR)
        files.crash()

    # --- clocks ---

    def monotonic_us(self) -> int:
        return int(self.world.scheduler.now_us * self.clock_rate) + self.clock_offset_us

    def true_us(self, monotonic_us: int) -> int:
        return int((monotonic_us - self.clock_offset_us) / self.clock_rate)

    def wall_ms(self) -> int:
        return self.world.scheduler.now_us // MS + self.wall_offset_ms

    # --- processes ---

    def process(self, role: str) -> Process | None:
        process = self.processes.get(role)
        return process if process is not None and process.is_alive else None

    def start(self) -> None:
        """Whatever a fault held down."""
        self.held_down.clear()
        for role in self.roles:
            self.start_role(role)

    def start_role(self, role: str) -> None:
        if not self.is_powered or self.is_retired or role in self.held_down or self.process(role) is not None:
            return
        self.lives += 1
        process = self.make[role](self)
        self.processes[role] = process
        process.after(0, process.start)

    def ended(self, process: Process, error: Exception | None = None) -> None:
        """Its supervisor sees the end of a process."""
        if isinstance(error, PowerCutError):
            self.world.occurred["power cut amid a disk operation"] += 1
            self.lose_power()
        if self.processes.get(process.role) is process and self.is_powered:
            delay_us = int(self.rng.expovariate(1 / self.options.restart_us))
            self.world.scheduler.after(delay_us, self.start_role, process.role)

    def kill(self, roles: list[str] | None) -> None:
        for role in roles or self.roles:
            self.held_down.add(role)
            process = self.process(role)
            if process is not None:
                self.count_crash(role)
                process.trace("is killed")
                process.die()

    def end(self) -> None:
        """All its processes end as they were asked to, and are not started again before `start`."""
        for role in self.roles:
            self.held_down.add(role)
            process = self.process(role)
            if process is not None:
                process.trace("ends as asked to")
                process.die()

    def retire(self) -> None:
        """Whatever still comes to it, another machine has its number now."""
        self.end()
        self.is_retired = True
        self.world.network.dark.discard(self.member)

    def holds(self) -> int:
        """Up to where its disk has the log, or had it when it was lost."""
        return max(self.durable.zxid(), self.lost_zxid)

    def count_crash(self, role: str) -> None:
        self.world.occurred[f"crash of {role.removesuffix('-1')}"] += 1

    def pause(self, roles: list[str] | None) -> list[Process]:
        stopped = [p for role in roles or self.roles if (p := self.process(role)) is not None]
        for process in stopped:
            process.pause()
        return stopped

    # --- power and disk ---

    def power_cut(self, *, loses_disk: bool = False) -> None:
        if self.is_retired:
            return
        if self.is_powered:
            self.world.trace(f"host-{self.member}", "loses power")
            self.is_powered = False
            self.world.network.dark.add(self.member)
            for role in self.roles:
                process = self.process(role)
                if process is not None:
                    self.count_crash(role)
                    process.die()
            self.disk.power_cut(self.rng)
            self.durable.forget()
        if loses_disk:
            self.lost_zxid = self.holds()
            self.ensemble.hub.disk_lost(self.member)
            self.new_disk()

    def power_on(self) -> None:
        if self.is_powered or self.is_retired:
            return
        self.world.trace(f"host-{self.member}", "is powered again")
        self.is_powered = True
        self.world.network.dark.discard(self.member)
        self.start()

    def replace_disk(self) -> None:
        """What the refusal of a corrupt log tells the operator to do: start anew, from the leader's snapshot."""
        self.power_cut(loses_disk=True)
        self.world.scheduler.after(REPLACED_US, self.power_on)

    def start_second(self) -> None:
        """A life of broadcast beside the one that there is, as if somebody had started the member twice."""
        self.lives += 1
        process = self.make["broadcast"](self)
        process.after(0, process.start)

    def corruption_found(self) -> None:
        self.world.occurred["corruption refused"] += 1
        if not self.is_to_be_replaced:
            self.is_to_be_replaced = True
            self.world.scheduler.after(self.rng.randrange(REPLACED_US), self.replace_disk)

    def normal_disk(self) -> None:
        self.sync_us = self.options.sync_us

    def cut_power_amid(self, operations: int, *, back_us: int) -> None:
        """At a disk operation from now on, whichever process does it."""
        self.power_back_us = back_us
        self.disk.cut_power_after(operations)

    def cut_power_in_a_sync(self, *, back_us: int) -> None:
        self.power_back_us = back_us
        self.cuts_power_in_a_sync = True

    def cut_power_in_a_cut(self, *, back_us: int) -> None:
        self.power_back_us = back_us
        self.cuts_power_in_a_cut = True

    def cut_began(self) -> None:
        """The log is about to be cut, or to be replaced by a snapshot."""
        if self.cuts_power_in_a_cut:
            self.cuts_power_in_a_cut = False
            self.world.occurred["power cut amid a cut of the log"] += 1
            self.disk.cut_power_after(self.rng.randrange(OPERATIONS_OF_A_CUT))

    def sync_began(self, takes_us: int) -> None:
        if self.cuts_power_in_a_sync:
            self.cuts_power_in_a_sync = False
            self.world.occurred["power cut in a sync"] += 1
            self.world.scheduler.after(self.rng.randrange(takes_us), self.lose_power)

    def lose_power(self) -> None:
        self.power_cut()
        self.world.scheduler.after(self.power_back_us, self.power_on)

    def fail_next_sync(self) -> None:
        self.disk.fail_next("fdatasync", errno.EIO)
