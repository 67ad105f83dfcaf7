"""One seed, from an empty ensemble through its faults to agreement."""

import time
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace
from zlib import crc32

from tests.simulation import restoration
from tests.simulation.client import ClientOptions
from tests.simulation.ensemble import Ensemble, Scale
from tests.simulation.faults import Fault, FaultOptions, plan
from tests.simulation.host import HostOptions
from tests.simulation.membership import Operator
from tests.simulation.nemesis import Nemesis
from tests.simulation.network import Network, NetworkOptions
from tests.simulation.scheduler import SECOND
from tests.simulation.seeds import faults_of, is_reconfigured, is_restored, scale_of
from tests.simulation.world import InvariantViolation, World
from transport.opcodes import OpCode

START_US = 30 * SECOND  # for a first leader
FAULTS_US = 60 * SECOND  # for all faults and the clients' work
AGREE_US = 120 * SECOND  # to agree once all is healed
FIRST_HALF_US = 5 * SECOND  # within which a backup is taken, where there is one
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
    ensembles = [Ensemble(world, scale=scale, host_options=options.host, client_options=options.client)]
    if faults is None:
        faults = plan(
            faults_of(seed, options.scale, options.faults), world.randomness.of("faults"),
            members=ensembles[0].members, clients=scale.clients, seed=seed)
    result = Result(seed, faults=faults)
    try:
        play(ensembles, faults, options)
    except InvariantViolation as violation:
        result.finding, result.checker = str(violation), violation.checker
    except LivenessError as error:
        result.finding, result.checker = f"liveness: {error}", "liveness"
    except Exception:  # noqa: BLE001 - whatever a core raises is a finding, and the seed that led to it is worth more
        result.finding, result.checker = traceback.format_exc(), CRASH
    result.occurred = world.occurred
    result.steps = world.scheduler.steps
    result.writes = sum(each.history.writes_acknowledged for each in ensembles)
    result.ordered = sum(each.order.requests for each in ensembles)
    result.unknown = sum(each.history.writes_unknown for each in ensembles)
    result.reads = sum(each.history.reads_answered for each in ensembles)
    result.virtual_us = world.scheduler.now_us
    counts = f"{result.steps} {result.reads} {result.virtual_us}".encode()
    result.fingerprint = crc32(b"".join(ensembles[-1].order.records), crc32(counts))
    result.cpu_s = time.process_time() - began_s
    result.transcript = world.trace.lines() if keep_trace or result.finding else []
    return result


def play(ensembles: list[Ensemble], faults: list[Fault], options: Options) -> None:
    """*ensembles*: the first one, not started; what it is restored to comes behind it."""
    [ensemble] = ensembles
    seed = ensemble.world.seed
    if is_reconfigured(seed, options.scale):
        nemesis = Nemesis(ensemble, faults)
        Operator(ensemble, lambda: nemesis.is_over).begin()
        ensemble.begin()
        drive(ensemble, nemesis, options)
        return
    ensemble.begin()
    if is_restored(seed):
        half_us = options.faults.first_us + options.faults.window_us // 2
        backup = live(ensemble, [fault for fault in faults if fault.at_us < half_us])
        ensemble = restoration.restored(ensemble, backup)
        ensembles.append(ensemble)
        ensemble.world.occurred["restored"] += 1
        restoration.start(ensemble)
        faults = [replace(fault, at_us=fault.at_us - half_us) for fault in faults if fault.at_us >= half_us]
    drive(ensemble, Nemesis(ensemble, faults), options)


def live(ensemble: Ensemble, faults: list[Fault]) -> restoration.Replayed:
    """Until these faults are over. Returns a backup of some time meanwhile; nothing of it runs any more."""
    scheduler = ensemble.world.scheduler
    serve(ensemble)
    nemesis, backup = Nemesis(ensemble, faults), restoration.Backup(ensemble)
    nemesis.begin()
    scheduler.after(backup.rng.randrange(FIRST_HALF_US), backup.take)
    scheduler.run(
        until_us=scheduler.now_us + FAULTS_US, done=lambda: nemesis.is_over and backup.replayed is not None)
    expect(nemesis.is_over, "the faults have not ended")
    restoration.end(ensemble)
    if backup.replayed is None:
        raise LivenessError("no member could be backed up")
    return backup.replayed


def serve(ensemble: Ensemble) -> None:
    scheduler, history = ensemble.world.scheduler, ensemble.history
    expect(
        scheduler.run(until_us=scheduler.now_us + START_US, done=lambda: history.writes_acknowledged > 0),
        "a new ensemble does not serve")


def drive(ensemble: Ensemble, nemesis: Nemesis, options: Options) -> None:
    """It has been started."""
    scheduler, history = ensemble.world.scheduler, ensemble.history
    serve(ensemble)
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
        if client.is_attached:
            client.request(OpCode.SYNC, path=b"/register-0")  # or it may rest on a connection to a host without power
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
