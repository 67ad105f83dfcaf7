"""The story of a run: fill, load, rolling restarts, the storm after the leader's death, and what was seen."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from tests.corral import Ensemble
from tests.soak.load import Load
from tests.soak.members import processes
from tests.soak.population import Population, until
from tests.soak.verdict import Sample, file_growth, memory_growth, socket_leaks

MEMBERS = range(1, 4)
FIRED = 1000  # watched nodes that are set at the end
SERVES_S = 300.0


@dataclass(frozen=True)
class Plan:
    minutes: float = 15
    sessions: int = 10_000
    watches: int = 100_000
    watched: int = 10_000
    znodes: int = 1_000_000
    rate: int = 500
    timeout_ms: int = 10_000
    restart_s: float = 120
    window_s: float = 10
    seed: int = 1
    workers: int = 50

    @property
    def settings(self) -> dict[str, str]:
        return {"maxClientCnxns": "0", "minSessionTimeout": "4000", "maxSessionTimeout": "120000"}


@dataclass
class Result:
    """*broken*: promises that did not hold, in words."""

    plan: Plan
    samples: list[Sample] = field(default_factory=list)
    storm_s: float = 0.0
    restarts: int = 0
    reconnects: int = 0
    answered: int = 0
    expired: int = 0
    client_late_s: float = 0.0
    broken: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        return asdict(self)


class Run:
    def __init__(self, plan: Plan, ensemble: Ensemble, say: Callable[[str], None]) -> None:
        self.plan, self.ensemble, self.say = plan, ensemble, say
        self.result = Result(plan)
        self.population = Population(
            ensemble.addresses, count=plan.sessions, timeout_ms=plan.timeout_ms, seed=plan.seed)
        self.load = Load(
            self.population.sessions[:plan.workers], nodes=plan.znodes, watched=plan.watched, rate=plan.rate,
            rng=random.Random(plan.seed))
        self._began = time.monotonic()
        self._events: list[str] = []

    async def run(self) -> Result:
        plan, people = self.plan, self.population
        await people.open()
        self.say(f"{people.connected:,} sessions in {self._at():.0f} s")
        await people.fill(plan.znodes, plan.watched, self.say)
        await people.watch(plan.watches, plan.watched)
        self.load.start()
        async with asyncio.TaskGroup() as group:  # a failure of one ends the other
            sampling = group.create_task(self._sample())
            with self._named("the leader is killed, and every session reconnects"):
                await self._storm()
            await self._restarts(plan.minutes * 60)
            sampling.cancel()
        await self.load.stop()
        await until(lambda: people.connected + len(people.expired) >= plan.sessions, "all sessions are connected")
        await self._take_sample()
        self._judge(await people.every_watch_fires(min(FIRED, plan.watched)))
        await people.close()
        return self.result

    async def _storm(self) -> None:
        leader = await asyncio.to_thread(self.ensemble.leader)
        await asyncio.to_thread(self.ensemble.kill, leader)
        self.result.storm_s = await self.population.storm()
        self.say(f"storm: all {self.plan.sessions:,} sessions were back after {self.result.storm_s:.1f} s, "
                 f"{len(self.population.expired)} lost")
        await self._start(leader)

    async def _start(self, member: int) -> None:
        """Returns when it serves: with a million nodes on a busy machine that takes its time."""
        ensemble = self.ensemble
        await asyncio.to_thread(ensemble.corral, "start", str(member), "--data", str(ensemble.data))
        deadline = time.monotonic() + SERVES_S
        while not await asyncio.to_thread(ensemble.serves, member):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {SERVES_S:g} s: member {member} serves again")
            await asyncio.sleep(1)  # between polls

    async def _restarts(self, seconds: float) -> None:
        """One member after the other, for so long."""
        ends, member = time.monotonic() + seconds, 0
        while (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(self.plan.restart_s, left))  # between polls
            if ends - time.monotonic() < self.plan.restart_s / 2:
                return
            member = member % len(MEMBERS) + 1
            with self._named(f"member {member} is restarted"):
                await asyncio.to_thread(self.ensemble.stop, member)
                await self._start(member)
            self.result.restarts += 1

    @contextmanager
    def _named(self, event: str) -> Iterator[None]:
        self._events.append(event)
        self.say(event)
        yield
        self._events.remove(event)

    def _at(self) -> float:
        return time.monotonic() - self._began

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(self.plan.window_s)  # between polls
            self.population.check()
            await self._take_sample()

    async def _take_sample(self) -> None:
        window, connected = self.load.take(), self.population.connected
        seen = await asyncio.to_thread(processes, self.ensemble, MEMBERS)
        sample = Sample(
            at_s=round(self._at(), 1), connected=connected, per_s=round(len(window.took_s) / self.plan.window_s, 1),
            p50_ms=round(window.at_ms(0.5), 2), p99_ms=round(window.at_ms(0.99), 2), max_ms=round(window.at_ms(1), 2),
            lost=window.lost, processes=seen, events=list(self._events))
        if window.errors:
            self.result.broken.append(f"answers that must not come: {dict(window.errors)}")
        self.result.samples.append(sample)
        memory = [sum(each.kb for each in seen if each.member == member) // 1024 for member in MEMBERS]
        self.say(
            f"{sample.at_s:7.0f} s  {connected:6,} connected  {sample.per_s:7.0f}/s  p50 {sample.p50_ms:7.2f}  "
            f"p99 {sample.p99_ms:8.2f}  max {sample.max_ms:8.2f} ms  lost {sample.lost:5}  MB {memory}  "
            f"files {sum(each.files for each in seen):6,}  expired {len(self.population.expired)}")

    def _judge(self, unfired: int) -> None:
        result, people, samples = self.result, self.population, self.result.samples
        result.reconnects, result.answered = people.reconnects, self.load.answered
        result.expired, result.client_late_s = len(people.expired), round(people.late_s, 2)
        unjustly = people.unjustly(self.plan.timeout_ms)
        if unjustly:
            result.broken.append(f"{unjustly} sessions ended that were pinging")
        if result.expired > unjustly:
            result.broken.append(
                f"{result.expired - unjustly} sessions could not reach a member within their timeout; this client "
                f"itself was late by {result.client_late_s} s at worst")
        if unfired:
            result.broken.append(f"{unfired} watches were not told of a change")
        result.broken += [
            f"memory grew: {each.process} from {each.before >> 10} to {each.after >> 10} MB"
            for each in memory_growth(samples)]
        result.broken += [
            f"descriptors leak: {each.process} from {each.before} to {each.after}"
            for each in [*file_growth(samples), *socket_leaks(samples, people.connected)]]
