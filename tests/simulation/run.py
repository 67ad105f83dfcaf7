"""One seed, from an empty ensemble through its faults to agreement."""

import time
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace
from zlib import crc32

from tests.simulation.client import ClientOptions
from tests.simulation.ensemble import Ensemble, Scale
from tests.simulation.faults import Fault, FaultOptions, plan
from tests.simulation.host import HostOptions
from tests.simulation.nemesis import Nemesis
from tests.simulation.network import Network, NetworkOptions
from tests.simulation.scheduler import SECOND
from tests.simulation.world import InvariantViolation, World
from transport.opcodes import OpCode

START_US = 30 * SECOND  # for a first leader
FAULTS_US = 60 * SECOND  # for all faults and the clients' work
AGREE_US = 120 * SECOND  # to agree once all is healed
QUIET_US = 1 * SECOND
CRASH = "crash"  # an exception that no rule of the product ends a process with


@dataclass(frozen=True)
class Options:
    scale: Scale = field(default_factory=Scale)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    host: HostOptions = field(default_factory=HostOptions)
    client: ClientOptions = field(default_factory=ClientOptions)
    faults: FaultOptions = field(default_factory=FaultOptions)
    writes_min: int = 100  # acknowledged, in a run


@dataclass
class Result:
    """*finding*: None, or what is wrong and who found it. *fingerprint* tells two runs apart."""

    seed: int
    finding: str | None = None
    checker: str = ""
    occurred: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    writes: int = 0
    ordered: int = 0  # requests that the log has, whoever they are of
    unknown: int = 0
    reads: int = 0
    faults: list[Fault] = field(default_factory=list)
    virtual_us: int = 0
    cpu_s: float = 0.0
    fingerprint: int = 0
    transcript: list[str] = field(default_factory=list)


class LivenessError(Exception):
    """Nothing wrong was done, but what should have been done was not, though nothing was in its way any more."""


def run(
    seed: int, options: Options | None = None, *, keep_trace: bool = False, echo: bool = False,
    faults: list[Fault] | None = None,
) -> Result:
    """*faults*: instead of the plan that the seed makes (to leave some out)."""
    began_s = time.process_time()
    options = options or Options()
    world = World(seed, keep_trace=keep_trace, echo=echo)
    Network(world, options.network)
    scale = scale_of(seed, options.scale)
    ensemble = Ensemble(world, scale=scale, host_options=options.host, client_options=options.client)
    if faults is None:
        faults = plan(
            options.faults, world.randomness.of("faults"), members=ensemble.members, clients=scale.clients,
            seed=seed)
    result = Result(seed, faults=faults)
    try:
        drive(ensemble, Nemesis(ensemble, faults), options)
    except InvariantViolation as violation:
        result.finding, result.checker = str(violation), violation.checker
    except LivenessError as error:
        result.finding, result.checker = f"liveness: {error}", "liveness"
    except Exception:  # noqa: BLE001 - whatever a core raises is a finding, and the seed that led to it is worth more
        result.finding, result.checker = traceback.format_exc(), CRASH
    result.occurred = world.occurred
    result.steps = world.scheduler.steps
    result.writes = ensemble.history.writes_acknowledged
    result.ordered = ensemble.order.requests
    result.unknown = ensemble.history.writes_unknown
    result.reads = ensemble.history.reads_answered
    result.virtual_us = world.scheduler.now_us
    counts = f"{result.steps} {result.reads} {result.virtual_us}".encode()
    result.fingerprint = crc32(b"".join(ensemble.order.records), crc32(counts))
    result.cpu_s = time.process_time() - began_s
    result.transcript = world.trace.lines() if keep_trace or result.finding else []
    return result


def scale_of(seed: int, scale: Scale) -> Scale:
    """Mostly three members; now and then five, or one. In some runs two processors each, local sessions, old snapshots
    kept as in production."""
    members = {17: 5, 33: 1}.get(seed % 40, 3) if scale.members == Scale.members else scale.members
    return replace(
        scale, members=members, processors=2 if seed % 5 == 1 else scale.processors,
        local_sessions=scale.local_sessions or seed % 7 == 2,
        retained_snapshots=3 if seed % 6 == 5 else scale.retained_snapshots)


def drive(ensemble: Ensemble, nemesis: Nemesis, options: Options) -> None:
    scheduler, history = ensemble.world.scheduler, ensemble.history
    ensemble.start()
    for client in ensemble.clients.values():
        client.start()
    expect(
        scheduler.run(until_us=START_US, done=lambda: history.writes_acknowledged > 0),
        "a new ensemble does not serve")
    nemesis.begin()
    deadline_us = scheduler.now_us + FAULTS_US
    scheduler.run(until_us=deadline_us, done=lambda: nemesis.is_over)
    expect(nemesis.is_over, "the faults have not ended")
    deadline_us = scheduler.now_us + AGREE_US
    expect(
        scheduler.run(until_us=deadline_us, done=lambda: history.writes_acknowledged >= options.writes_min),
        f"only {history.writes_acknowledged} writes were acknowledged long after the last fault")
    quieten(ensemble, deadline_us)
    ensemble.hub.finish(ensemble)


def quieten(ensemble: Ensemble, deadline_us: int) -> None:
    """Clients end their work; every one gets its last answers; the members agree."""
    scheduler = ensemble.world.scheduler
    clients = list(ensemble.clients.values())
    for client in clients:
        client.is_idle = True
    expect(
        scheduler.run(
            until_us=deadline_us,
            done=lambda: all(client.is_attached and not client.waiting for client in clients)),
        "not every client gets its answers")
    for client in clients[: len(clients) // 2]:
        client.ends = True
        client.request(OpCode.CLOSE_SESSION, path=b"")
    scheduler.run(until_us=scheduler.now_us + QUIET_US)
    await_agreement(ensemble, deadline_us)
    scheduler.run(until_us=scheduler.now_us + QUIET_US)  # the last events come
    await_agreement(ensemble, deadline_us)


def await_agreement(ensemble: Ensemble, deadline_us: int) -> None:
    clients = ensemble.clients.values()
    expect(
        ensemble.world.scheduler.run(
            until_us=deadline_us,
            done=lambda: ensemble.agrees() and not any(client.waiting for client in clients)),
        "the members do not come to agree")


def expect(held: bool, otherwise: str) -> None:
    if not held:
        raise LivenessError(otherwise)
