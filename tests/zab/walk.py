"""A random walk: an ensemble in memory under crashes, power cuts, lost disks, cut links, held flushes, any elections.

Elections name whoever the seed likes: ZAB must be safe whoever is named. All that is broadcast and delivered is written
down.
"""

import random
from dataclasses import dataclass, field

from node.zab.effects import Append, Effect, Watermark
from node.zab.events import Draining, Elected, HandOver, TurnEnd
from tests.zab.ensemble import Ensemble, Host
from transport.entry import read_record_header
from transport.zxid import MemberId, Zxid, epoch_of

WEIGHTS = {
    "deliver": 40, "elect_any": 2, "elect_best": 8, "submit": 18, "pass_time": 5, "crash": 0.8, "power_cut": 0.8,
    "start": 5, "hold": 2, "release": 4, "break_stream": 1, "cut": 0.7, "heal": 4, "snapshot": 1.5, "lose_disk": 0.3,
    "hand_over": 2, "drain": 0.7,
}


class Unsafe(AssertionError):  # noqa: N818 - a finding
    pass


@dataclass
class Life:
    """What one life of a member delivered: records in order, after *base* (what a snapshot brought)."""

    member: MemberId
    base: Zxid
    records: list[tuple[Zxid, bytes]] = field(default_factory=list)

    @property
    def end(self) -> Zxid:
        return self.records[-1][0] if self.records else self.base


@dataclass
class Primary:
    """A leader's epoch: what was in its log when it opened it, and what it broadcast, in order."""

    epoch: int
    leader: MemberId
    log_after: Zxid
    log: list[Zxid]
    broadcast: list[tuple[Zxid, bytes]] = field(default_factory=list)


class Watched(Ensemble):
    """Writes down what is broadcast and delivered."""

    def __init__(self, count: int) -> None:
        self.lives: dict[MemberId, Life] = {}
        self.past: list[Life] = []
        self.primaries: dict[int, Primary] = {}
        super().__init__(count)

    @property
    def all_lives(self) -> list[Life]:
        return [*self.past, *self.lives.values()]

    def end_life(self, member: MemberId) -> None:
        if member in self.lives:
            self.past.append(self.lives.pop(member))

    def _perform(self, host: Host, effect: Effect) -> None:
        super()._perform(host, effect)
        if isinstance(effect, Append) and host.member is not None and host.member.role == "leader":
            self._on_broadcast(host, effect.record)
        elif isinstance(effect, Watermark):
            self._on_delivery(host, effect.zxid)

    def _on_broadcast(self, host: Host, record: bytes) -> None:
        zxid = read_record_header(record).first_zxid
        primary = self.primaries.get(epoch_of(zxid))
        if primary is None:
            log = [read_record_header(each).first_zxid for each in host.disk.records[:-1]]
            primary = Primary(epoch_of(zxid), host.id, host.disk.log_after, log)
            self.primaries[primary.epoch] = primary
        if primary.leader != host.id:
            raise Unsafe(f"epoch {primary.epoch} has two leaders: {primary.leader} and {host.id}")
        primary.broadcast.append((zxid, record))

    def _on_delivery(self, host: Host, upto: Zxid) -> None:
        if host.disk.durable < upto:
            raise Unsafe(f"{host.id} delivers {upto:#x}, durable is {host.disk.durable:#x}")
        life = self.lives.get(host.id)
        if life is None or life.end < host.disk.log_after:
            self.end_life(host.id)
            life = self.lives[host.id] = Life(host.id, host.disk.log_after)
        after = life.end
        for record in host.disk.records:
            header = read_record_header(record)
            if after < header.last_zxid <= upto:
                life.records.append((header.first_zxid, record))


class Walk:
    def __init__(self, seed: int, count: int) -> None:
        self.rng = random.Random(seed)
        self.ensemble = Watched(count)
        self.count = count
        self.submitted = 0

    def run(self, steps: int) -> None:
        """Raises Unsafe."""
        names, weights = list(WEIGHTS), list(WEIGHTS.values())
        for name in self.rng.choices(names, weights, k=steps):
            getattr(self, f"_{name}")()
            self.check_leases()

    def converge(self) -> None:
        """All comes back; every member must come to serve the same history.  Raises Unsafe."""
        ensemble = self.ensemble
        self._heal()
        for host in ensemble.hosts.values():
            if host.held:
                ensemble.release(host.id)
            if host.member is None:
                self._start_host(host)
        for _ in range(600):
            ensemble.advance(50)
            self.check_leases()
            self._elect_best()
            ensemble.run()
            if self._agrees():
                return
        raise Unsafe(f"no agreement: {[(h.id, h.member and h.member.role) for h in ensemble.hosts.values()]}")

    def check_leases(self) -> None:
        """Rule 6."""
        leading = [
            host.id for host in self.ensemble.hosts.values()
            if host.lease_role == "leader" and host.lease_ms > self.ensemble.now_ms]
        if len(leading) > 1:
            raise Unsafe(f"{leading} lead at once")

    def _agrees(self) -> bool:
        hosts = self.ensemble.hosts.values()
        return all(host.member is not None and host.member.is_serving for host in hosts) and len(
            {host.watermark for host in hosts} | {host.disk.last_zxid() for host in hosts}) == 1

    # --- what may happen ---

    @property
    def _up(self) -> list[Host]:
        return [host for host in self.ensemble.hosts.values() if host.member is not None]

    @property
    def _looking(self) -> list[Host]:
        return [host for host in self._up if host.member is not None and host.member.role == "looking"]

    def _deliver(self) -> None:
        for _ in range(self.rng.randint(1, 6)):
            self.ensemble.deliver()

    def _elect_any(self) -> None:
        if looking := self._looking:
            self._elect(self.rng.choice(looking), self.rng.sample(looking, self.rng.randint(1, len(looking))))

    def _elect_best(self) -> None:
        looking = [host for host in self._looking if host.member is not None]
        leaders = [host for host in self._up if host.member is not None and host.member.role == "leader"]
        voting = [host for host in looking if host.member is not None and host.member.votes]
        if leaders or voting:
            self._elect(leaders[0] if leaders else max(voting, key=_position), looking)

    def _elect(self, leader: Host, followers: list[Host]) -> None:
        for host in [*(each for each in followers if each is not leader), leader]:
            if host.member is not None and host.member.role == "looking":
                self.ensemble.step(host.id, Elected(host.round, leader.id), TurnEnd())

    def _submit(self) -> None:
        for host in self._up:
            if host.member is not None and host.member.may_propose:
                self.submitted += 1
                self.ensemble.submit(host.id, str(self.submitted).encode())

    def _pass_time(self) -> None:
        self.ensemble.now_ms += self.rng.choice([10, 50, 300, 300, 1700])
        self.ensemble.tick()

    def _hand_over(self) -> None:
        heir = MemberId(self.rng.randint(0, self.count))
        for host in self._up:
            if host.member is not None and host.member.role == "leader":
                self.ensemble.step(host.id, HandOver(heir, self.rng.choice([10, 300, 2000])), TurnEnd())

    def _drain(self) -> None:
        if self._up:
            self.ensemble.step(self.rng.choice(self._up).id, Draining(on=self.rng.random() < 0.5), TurnEnd())

    def _crash(self, *, power: bool = False) -> None:
        if self._up:
            host = self.rng.choice(self._up)
            self.ensemble.end_life(host.id)
            self.ensemble.crash(host.id, power=power)

    def _power_cut(self) -> None:
        self._crash(power=True)

    def _start(self) -> None:
        down = [host for host in self.ensemble.hosts.values() if host.member is None]
        if down:
            self._start_host(down[0])

    def _start_host(self, host: Host) -> None:
        host.held = False
        host.watermark = Zxid(0)
        self.ensemble.start(host.id)

    def _hold(self) -> None:
        if self._up:
            self.ensemble.hold(self.rng.choice(self._up).id)

    def _release(self) -> None:
        held = [host for host in self.ensemble.hosts.values() if host.held]
        if held:
            self.ensemble.release(held[0].id)

    def _break_stream(self) -> None:
        self.ensemble.break_stream(self.rng.randint(1, self.count))

    def _cut(self) -> None:
        if self.count > 1:
            one, other = self.rng.sample(range(1, self.count + 1), 2)
            self.ensemble.cut.add((one, other))
            if self.rng.random() < 0.5:
                self.ensemble.cut.add((other, one))

    def _heal(self) -> None:
        self.ensemble.cut.clear()

    def _snapshot(self) -> None:
        able = [host for host in self._up if host.watermark > host.disk.log_after]
        if able:
            self.ensemble.snapshot(self.rng.choice(able).id)

    def _lose_disk(self) -> None:
        """Once, of a member that is down: a quorum keeps its disks."""
        down = [host for host in self.ensemble.hosts.values() if host.member is None]
        if self.count > 2 and down and self.ensemble.primaries and not any(
                host.disk.incarnation.endswith("second") for host in self.ensemble.hosts.values()):
            self.ensemble.wipe(down[0].id)


def _position(host: Host) -> tuple[int, int, int]:
    assert host.member is not None
    return host.member.current_epoch, host.member.last_zxid, host.id
