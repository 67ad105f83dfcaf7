"""Inflicts the faults of a plan upon an ensemble, and takes them back."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.faults import LEADER, Fault
from tests.simulation.host import DATA_DIR, LOG_DIR, PROCESSORS, Host
from tests.simulation.reconfiguration import ChangeOfVoters
from tests.simulation.rot import Place, place_in_log, place_in_snapshot
from tests.simulation.scheduler import MS

if TYPE_CHECKING:
    from tests.simulation.ensemble import Ensemble
    from tests.simulation.shells.processor import Processor


IN_A_SYNC_PROBABILITY = 0.6
IN_A_CUT_PROBABILITY = 0.4
LAG_US = 25 * MS  # of a lagging link, at most: much longer than a ping's interval would be a cut
END_MS = 3_000  # for a member to end as asked to; then it is killed


class Nemesis:
    def __init__(self, ensemble: "Ensemble", faults: list[Fault]) -> None:
        self.ensemble = ensemble
        self.world = ensemble.world
        self.faults = faults
        self.lasting = 0
        self.struck = 0
        self.actions: dict[str, Callable[[Fault, int], None]] = {
            "kill": self.kill, "stop": self.stop, "wrong": self.wrong_election, "power": self.power_cut,
            "isolate": self.isolate, "one-way": self.one_way, "stuck": self.stuck, "reset": self.reset,
            "slow": self.slow_disk, "sync": self.sync_error, "lost": self.lost_disk, "wall": self.clock_jump,
            "silent": self.silent_client, "client": self.client_reset,
            "gone": self.gone_processor, "hung": self.hung_processor,
            "hand": self.hand_over, "drain": self.drain, "planned": self.planned_restart,
            "rolling": self.rolling_restart, "change": self.change_voters, "second": self.second_broadcast,
            "lagging": self.lagging_link, "disk": self.disk_full, "rot": self.rot,
        }

    @property
    def is_over(self) -> bool:
        return self.struck == len(self.faults) and not self.lasting

    def begin(self) -> None:
        for fault in self.faults:
            self.world.scheduler.after(fault.at_us, self.strike, fault)

    def strike(self, fault: Fault) -> None:
        self.struck += 1
        target = fault.target
        if target == LEADER:
            target = self.ensemble.leader() or fault.other
        self.world.trace("nemesis", "%s: %d", fault.kind, target)
        self.world.occurred[fault.kind] += 1
        self.actions[fault.kind.split()[0]](fault, target)

    def until(self, fault: Fault, undo: Callable[[], None]) -> None:
        self.lasting += 1

        def end() -> None:
            self.lasting -= 1
            self.world.trace("nemesis", "%s is over", fault.kind)
            undo()

        self.world.scheduler.after(fault.duration_us, end)

    # --- processes ---

    def roles(self, fault: Fault) -> list[str] | None:
        """None: all of a member's. Of two processors one or the other, or both."""
        role = fault.kind.split()[1]
        if role == "processor" and self.ensemble.scale.processors > 1:
            return [*PROCESSORS[:1], *PROCESSORS][fault.duration_us // MS % 3:][:2]
        return None if role == "member" else [role]

    def kill(self, fault: Fault, target: int) -> None:
        self.kill_roles(fault, target, self.roles(fault))

    def kill_roles(self, fault: Fault, target: int, roles: list[str] | None) -> None:
        host = self.ensemble.hosts[target]
        host.kill(roles)
        self.until(fault, host.start)

    def gone_processor(self, fault: Fault, target: int) -> None:
        self.kill_roles(fault, target, [PROCESSORS[0]])

    def stop(self, fault: Fault, target: int) -> None:
        self.stop_roles(fault, target, self.roles(fault))

    def stop_roles(self, fault: Fault, target: int, roles: list[str] | None) -> None:
        stopped = self.ensemble.hosts[target].pause(roles)

        def resume() -> None:
            for process in stopped:
                process.resume()

        self.until(fault, resume)

    def hung_processor(self, fault: Fault, target: int) -> None:
        """Now and then that of every member: then who leads leads on."""
        targets = self.ensemble.members if fault.duration_us // MS % 4 == 0 else [target]
        for each in targets:
            self.stop_roles(fault, each, [PROCESSORS[0]])

    def wrong_election(self, fault: Fault, target: int) -> None:
        """At one member, or at all of them."""
        hosts = list(self.ensemble.hosts.values())
        if fault.duration_us // MS % 2:
            hosts = [self.ensemble.hosts[target]]
        for host in hosts:
            host.election_is_wrong = True

        def correct() -> None:
            for host in hosts:
                host.election_is_wrong = False

        self.until(fault, correct)

    def power_cut(self, fault: Fault, target: int) -> None:
        """At once, in a sync (where tails are torn), at a disk operation of whatever process, or amid the next cut or
        replacement of the log.
        """
        rng = self.world.randomness.of("nemesis")
        hosts = list(self.ensemble.hosts.values()) if "all" in fault.kind else [self.ensemble.hosts[target]]
        for host in hosts:
            if "amid" in fault.kind and rng.random() < IN_A_CUT_PROBABILITY:
                host.cut_power_in_a_cut(back_us=fault.duration_us)
            elif "amid" in fault.kind:
                host.cut_power_amid(rng.randrange(30), back_us=fault.duration_us)
            elif rng.random() < IN_A_SYNC_PROBABILITY:
                host.cut_power_in_a_sync(back_us=fault.duration_us)
            else:
                host.power_cut()
                self.until(fault, self.powering_on(host, rng.randrange(500) * MS))

    def powering_on(self, host: Host, delay_us: int) -> Callable[[], None]:
        return lambda: self.world.scheduler.after(delay_us, host.power_on)

    # --- what operators do ---

    def hand_over(self, fault: Fault, target: int) -> None:
        """To whoever can at once, or to a certain member."""
        broadcast = self.ensemble.broadcast(self.ensemble.leader() or target)
        if broadcast is not None:
            broadcast.deliver(broadcast.hand_over, fault.other if fault.other % 2 else 0)

    def drain(self, fault: Fault, target: int) -> None:
        """Its broadcast may die meanwhile, and with it the drain."""
        def tell(*, on: bool) -> None:
            broadcast = self.ensemble.broadcast(target)
            if broadcast is not None:
                broadcast.deliver(lambda: broadcast.drain(on=on))

        tell(on=True)
        self.until(fault, lambda: tell(on=False))

    def planned_restart(self, fault: Fault, target: int) -> None:
        """As `corral stop` and `corral start`: its processors leave, then all ends."""
        self.restart(fault, target, lambda: None)

    def rolling_restart(self, fault: Fault, target: int) -> None:
        """One member after the other, the target first: each once the one before it is up."""
        members = self.ensemble.members
        at = members.index(target)
        self.roll(fault, members[at:] + members[:at])

    def roll(self, fault: Fault, members: list[int]) -> None:
        if members:
            self.restart(fault, members[0], lambda: self.roll(fault, members[1:]))

    def change_voters(self, fault: Fault, target: int) -> None:
        """The target is taken out of everybody's zoo.cfg, and comes back."""
        if len(self.ensemble.members) < 3:
            return
        self.lasting += 1
        ChangeOfVoters(self.ensemble, target, apart_us=fault.duration_us, done=self.ended).begin()

    def ended(self) -> None:
        self.lasting -= 1

    def second_broadcast(self, fault: Fault, target: int) -> None:
        if self.ensemble.broadcast(target) is not None:
            self.ensemble.hosts[target].start_second()

    def restart(self, fault: Fault, target: int, then: Callable[[], None]) -> None:
        leaving = [each for each in self.ensemble.processors() if each.member == target]
        for processor in leaving:
            processor.deliver(processor.leave)
        self.lasting += 1
        self.end_when_left(fault, target, leaving, END_MS, then)

    def end_when_left(
        self, fault: Fault, target: int, leaving: list["Processor"], left_ms: int, then: Callable[[], None],
    ) -> None:
        if left_ms > 0 and any(each.is_alive and not each.has_left for each in leaving):
            self.world.scheduler.after(10 * MS, self.end_when_left, fault, target, leaving, left_ms - 10, then)
            return
        self.lasting -= 1
        host = self.ensemble.hosts[target]
        host.end()

        def start() -> None:
            host.start()
            then()

        self.until(fault, start)

    # --- links ---

    def others(self, member: int) -> list[int]:
        return [other for other in self.ensemble.hosts if other != member]

    def cut(self, fault: Fault, pairs: list[tuple[int, int]]) -> None:
        network = self.world.network
        for sender, receiver in pairs:
            network.cut(sender, receiver)

        def heal() -> None:
            for sender, receiver in pairs:
                network.heal(sender, receiver)

        self.until(fault, heal)

    def isolate(self, fault: Fault, target: int) -> None:
        """At times the connections break first, so that everybody knows at once."""
        if fault.duration_us // MS % 3:
            self.isolate_silently(fault, target)
            return
        for other in self.others(target):
            self.world.network.reset(target, other)
        self.world.scheduler.after(2 * MS, self.isolate_silently, fault, target)

    def isolate_silently(self, fault: Fault, target: int) -> None:
        self.cut(fault, [pair for o in self.others(target) for pair in ((target, o), (o, target))])

    def one_way(self, fault: Fault, target: int) -> None:
        """Deaf or mute towards one or all others, as the length of the fault decides."""
        others = self.others(target)
        if fault.duration_us // MS % 2 and others:
            others = [self.other_than(target, fault)]
        pairs = [(target, other) for other in others]
        self.cut(fault, pairs if fault.duration_us // MS % 4 < 2 else [(b, a) for a, b in pairs])

    def other_than(self, target: int, fault: Fault) -> int:
        return fault.other if fault.other != target else self.others(target)[0]

    def stuck(self, fault: Fault, target: int) -> None:
        if len(self.ensemble.members) > 1:
            other = self.other_than(target, fault)
            self.cut(fault, [(target, other), (other, target)])

    def reset(self, fault: Fault, target: int) -> None:
        if len(self.ensemble.members) > 1:
            self.world.network.reset(target, self.other_than(target, fault))

    def lagging_link(self, fault: Fault, target: int) -> None:
        """All links of a member, slower and less regular."""
        lagging = self.world.network.lagging
        lagging[target] = LAG_US
        self.until(fault, lambda: lagging.pop(target, None))

    # --- disks and clocks ---

    def disk_full(self, fault: Fault, target: int) -> None:
        """One member's, or all of them."""
        hosts = [self.ensemble.hosts[target]]
        if fault.duration_us // MS % 4 == 0:
            hosts = list(self.ensemble.hosts.values())
        disks = [host.disk for host in hosts]
        for disk in disks:
            disk.is_full = True

        def free() -> None:
            for disk in disks:
                disk.is_full = False
                self.world.occurred["no space left"] += disk.refused_for_space

        self.until(fault, free)

    def rot(self, fault: Fault, target: int) -> None:
        """One byte of what its processes have read. Whoever operates it sees it in the end."""
        host, rng = self.ensemble.hosts[target], self.world.randomness.of("nemesis")
        executed = [each.view.zxid for each in self.ensemble.processors() if each.member == target]
        place: Place | None
        if "snapshot" in fault.kind:
            place = place_in_snapshot(host.disk, DATA_DIR, rng=rng)
        else:
            place = place_in_log(host.disk, LOG_DIR, executed=min(executed, default=0), rng=rng)
        if place is None:
            return
        self.world.trace("nemesis", "byte %d of %s rots", place[1], str(place[0]))
        self.world.occurred[f"{fault.kind}: a byte"] += 1
        disk = host.disk
        disk.rot(*place)
        if fault.duration_us // MS % 2:
            host.kill(None)  # so that it is read soon
            self.world.scheduler.after(fault.duration_us // 4, host.start)
        if "snapshot" in fault.kind and self.ensemble.scale.retained_snapshots > 1:
            return  # an older one and the log behind it make up for it
        host.is_rotten = True

        def replace() -> None:
            if host.disk is disk and not host.is_to_be_replaced:
                host.replace_disk()

        self.until(fault, replace)

    def slow_disk(self, fault: Fault, target: int) -> None:
        """One member's, which costs nothing; or all members', where whatever is on its way stays there for long."""
        is_of_all = fault.duration_us // MS % 2
        for host in list(self.ensemble.hosts.values()) if is_of_all else [self.ensemble.hosts[target]]:
            host.sync_us = 60 * MS
            self.until(fault, host.normal_disk)

    def sync_error(self, fault: Fault, target: int) -> None:
        self.ensemble.hosts[target].fail_next_sync()

    def lost_disk(self, fault: Fault, target: int) -> None:
        host = self.ensemble.hosts[target]
        host.power_cut(loses_disk=True)
        self.until(fault, host.power_on)

    def clock_jump(self, fault: Fault, target: int) -> None:
        rng = self.world.randomness.of("nemesis")
        self.ensemble.hosts[target].wall_offset_ms += rng.choice((-3_600_000, -500, 500, 86_400_000))

    # --- clients ---

    def silent_client(self, fault: Fault, target: int) -> None:
        client = self.ensemble.clients[target]
        client.pause()
        self.until(fault, client.resume)

    def client_reset(self, fault: Fault, target: int) -> None:
        for member in self.ensemble.hosts:
            self.world.network.reset(-target, member)
