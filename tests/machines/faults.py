"""The table of faults. Each is a context: it yields what was done to whom, and when it ends, that has been mended."""

import contextlib
import errno
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError

from tests.corral import connect_string
from tests.machines.ensemble import Ensemble
from tests.machines.fabric import CLIENTS, both_ways
from tests.machines.load import BALLAST
from tests.machines.member import LIE, signal_if_there

PROCESSES: Final = ("broadcast", "processor-0", "election", "snapshotter", "telemetry")
BALLAST_BYTES: Final = 500_000
BALLAST_WRITES: Final = 280  # more than the largest log segment and one that was prepared
BALLAST_S: Final = 12.0

Fault = Callable[[Ensemble, Random], AbstractContextManager[str]]


def victim(ensemble: Ensemble, rng: Random) -> tuple[int, str]:
    """A member, the leader half of the time if there is one; and what to call it."""
    statuses = ensemble.statuses()
    leader = next((number for number, each in statuses.items() if each.role == "leader"), 0)
    member = leader if leader and rng.random() < 0.5 else rng.choice(list(statuses))
    return member, f"member {member} ({statuses[member].role})"


def others(ensemble: Ensemble, member: int) -> list[int]:
    return [each for each in ensemble.members if each != member]


# Processes -----------------------------------------------------------------------------------------


@contextmanager
def kill(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """SIGKILL to all processes of a member; they are away for a while."""
    member, what = victim(ensemble, rng)
    ensemble.members[member].kill()
    yield what
    ensemble.revive()


@contextmanager
def kill_process(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """SIGKILL to one process, which its supervisor starts again."""
    member, what = victim(ensemble, rng)
    process = rng.choice(PROCESSES)
    ensemble.members[member].signal(signal.SIGKILL, process)
    yield f"{process} of {what}"


@contextmanager
def kill_all(ensemble: Ensemble, _: Random) -> Iterator[str]:
    for member in ensemble.members.values():
        member.signal(signal.SIGKILL)
    for member in ensemble.members.values():
        member.kill()
    ensemble.revive()
    yield "all members"


@contextmanager
def restart(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """As systemd does it."""
    member, what = victim(ensemble, rng)
    ensemble.members[member].terminate()
    ensemble.revive()
    yield what


@contextmanager
def stop(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """SIGSTOP: the kernel still takes what comes over the network."""
    member, what = victim(ensemble, rng)
    ensemble.members[member].signal(signal.SIGSTOP)
    try:
        yield what
    finally:
        ensemble.members[member].signal(signal.SIGCONT)


@contextmanager
def stop_process(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """SIGSTOP to one process: the others have to notice."""
    member, what = victim(ensemble, rng)
    process = rng.choice(PROCESSES)
    pid = ensemble.members[member].pids().get(process, 0)
    signal_if_there(pid, signal.SIGSTOP)
    try:
        yield f"{process} of {what}"
    finally:
        signal_if_there(pid, signal.SIGCONT)


# Network -------------------------------------------------------------------------------------------


@contextmanager
def until_healed(ensemble: Ensemble, what: str) -> Iterator[str]:
    try:
        yield what
    finally:
        ensemble.network.heal()


def partition(ensemble: Ensemble, rng: Random) -> AbstractContextManager[str]:
    """A member is cut off from the other members, and half of the time from the clients."""
    member, what = victim(ensemble, rng)
    away = [*others(ensemble, member), *([CLIENTS] if rng.random() < 0.5 else [])]
    ensemble.network.cut(both_ways(*((member, each) for each in away)))
    return until_healed(ensemble, f"{what}{', and from clients' if CLIENTS in away else ''}")


def one_way(ensemble: Ensemble, rng: Random) -> AbstractContextManager[str]:
    """A member hears the other members, and they do not hear it; or the other way round."""
    (member, what), deaf = victim(ensemble, rng), rng.random() < 0.5
    ensemble.network.cut((each, member) if deaf else (member, each) for each in others(ensemble, member))
    return until_healed(ensemble, f"{what} {'hears nobody' if deaf else 'is not heard'}")


def bridge(ensemble: Ensemble, rng: Random) -> AbstractContextManager[str]:
    """Two members cannot reach each other; the third reaches both."""
    member, what = victim(ensemble, rng)
    other = rng.choice(others(ensemble, member))
    ensemble.network.cut(both_ways((member, other)))
    return until_healed(ensemble, f"{what} and member {other}")


@contextmanager
def delay(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    (member, what), delay_ms = victim(ensemble, rng), rng.choice([10, 40, 150])
    with ensemble.network.delayed(member, delay_ms=delay_ms, jitter_ms=delay_ms / 2):
        yield f"{what}, {delay_ms} ms each way"


def loss(ensemble: Ensemble, rng: Random) -> AbstractContextManager[str]:
    (member, what), percent = victim(ensemble, rng), rng.choice([5, 15, 30])
    ensemble.network.lose(member, percent)
    return until_healed(ensemble, f"{what}, {percent} %")


# Disk and clock ------------------------------------------------------------------------------------


@contextmanager
def disk_full(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """And so much is written that the member needs a new log segment, for which there is no room."""
    member, what = victim(ensemble, rng)
    disk = ensemble.members[member].disk
    disk.fill()
    try:
        died = write_ballast(ensemble, member)
        yield f"{what}{', whose broadcast ended' if died else ''}"
    finally:
        disk.free()
        ensemble.revive()


@contextmanager
def start_on_full_disk(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """It cannot serve, and does so by itself once there is room."""
    member, what = victim(ensemble, rng)
    ensemble.members[member].kill()
    ensemble.members[member].disk.fill()
    try:
        ensemble.revive()
        yield what
    finally:
        ensemble.members[member].disk.free()
    assert ensemble.members[member].runs, f"member {member} has ended, with {ensemble.members[member].exit_code}"


def write_ballast(ensemble: Ensemble, member: int) -> bool:
    """Until the member's broadcast process ends: whether it did."""
    before = ensemble.members[member].pids().get("broadcast")
    client = KazooClient(connect_string(ensemble.addresses()), timeout=10.0)
    with contextlib.suppress(KazooException, KazooTimeoutError):
        client.start(timeout=10)
        until_s = time.monotonic() + BALLAST_S
        for number in range(BALLAST_WRITES):
            if ensemble.members[member].pids().get("broadcast") != before or time.monotonic() > until_s:
                break
            client.set_async(BALLAST, bytes([number % 256]) * BALLAST_BYTES).get(timeout=5)
    with contextlib.suppress(KazooException, KazooTimeoutError):
        client.stop()
        client.close()
    return ensemble.members[member].pids().get("broadcast") != before


@contextmanager
def disk_dies(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """EIO for everything, reads too, while the processes run; then the machine is started again, with a sound disk."""
    member, what = victim(ensemble, rng)
    ensemble.members[member].disk.lose_power()
    yield what
    ensemble.members[member].kill()
    ensemble.members[member].mend_disk()
    ensemble.revive()


@contextmanager
def sync_error(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """EIO from fsync and fdatasync, at any time, and after every restart again; at once, or after a while."""
    (member, what), delay_ms = victim(ensemble, rng), rng.choice([0, 60])
    ensemble.members[member].syncs.be(error=errno.EIO, delay_ms=delay_ms)
    try:
        yield f"{what}, after {delay_ms} ms" if delay_ms else what
    finally:
        ensemble.members[member].syncs.be()
        ensemble.revive()


@contextmanager
def slow_sync(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    (member, what), delay_ms = victim(ensemble, rng), rng.choice([20, 100, 800])
    ensemble.members[member].syncs.be(delay_ms=delay_ms)
    try:
        yield f"{what}, {delay_ms} ms"
    finally:
        ensemble.members[member].syncs.be()


@contextmanager
def clock_skew(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """The wall clock jumps, and back at the end."""
    (member, what), seconds = victim(ensemble, rng), rng.choice([-86_400, -60, 30, 3600])
    ensemble.members[member].clock.be_wrong_by(seconds)
    try:
        yield f"{what}, {seconds:+d} s"
    finally:
        ensemble.members[member].clock.be_wrong_by(0)


# Power ---------------------------------------------------------------------------------------------


@contextmanager
def power_cut(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """A member's machine goes off; what was not synced is lost."""
    member, what = victim(ensemble, rng)
    cut_power(ensemble, [member])
    yield what
    power_up(ensemble, [member])


@contextmanager
def power_cut_after_sync_error(ensemble: Ensemble, rng: Random) -> Iterator[str]:
    """Syncs fail, the member goes on as it can, and then the power goes."""
    member, what = victim(ensemble, rng)
    ensemble.members[member].syncs.be(error=errno.EIO)
    yield what
    ensemble.members[member].syncs.be()
    cut_power(ensemble, [member])
    power_up(ensemble, [member])


@contextmanager
def power_cut_of_all(ensemble: Ensemble, _: Random) -> Iterator[str]:
    members = list(ensemble.members)
    cut_power(ensemble, members)
    power_up(ensemble, members)
    yield "all members"


@contextmanager
def lying_disks(ensemble: Ensemble, _: Random) -> Iterator[str]:
    """All members' syncs do nothing and say that they are done, and then the power goes. No software survives that."""
    for member in ensemble.members.values():
        member.syncs.be(error=LIE)
    yield "all members"
    cut_power(ensemble, list(ensemble.members))
    for member in ensemble.members.values():
        member.syncs.be()
    power_up(ensemble, list(ensemble.members))


def cut_power(ensemble: Ensemble, members: list[int]) -> None:
    """Of all of them at once: the cable first, since a dead machine sends neither FIN nor RST."""
    for member in members:
        ensemble.network.unplug(member)
    for member in members:
        ensemble.members[member].disk.lose_power()
    for member in members:
        ensemble.members[member].kill()
        ensemble.members[member].mend_disk()


def power_up(ensemble: Ensemble, members: list[int]) -> None:
    for member in members:
        ensemble.network.plug(member)
    ensemble.revive()


@dataclass(frozen=True)
class Row:
    """group: of one group there is one at a time.  hold_s: for how long, at least and at most."""

    kind: str
    group: str
    fault: Fault
    hold_s: tuple[float, float]


FAULTS: Final[tuple[Row, ...]] = (
    Row("kill", "processes", kill, (0.5, 6)),
    Row("kill a process", "processes", kill_process, (0.5, 3)),
    Row("kill all", "processes", kill_all, (1, 4)),
    Row("restart", "processes", restart, (1, 4)),
    Row("stop", "processes", stop, (0.3, 8)),
    Row("stop a process", "processes", stop_process, (0.3, 6)),
    Row("partition", "network", partition, (1, 10)),
    Row("one-way partition", "network", one_way, (1, 10)),
    Row("bridge", "network", bridge, (1, 10)),
    Row("delay", "network", delay, (3, 8)),
    Row("loss", "network", loss, (3, 8)),
    Row("disk full", "disk", disk_full, (1, 4)),
    Row("start on a full disk", "processes", start_on_full_disk, (2, 5)),
    Row("disk dies", "processes", disk_dies, (0.5, 5)),
    Row("sync error", "disk", sync_error, (1, 5)),
    Row("slow sync", "disk", slow_sync, (3, 8)),
    Row("clock skew", "clock", clock_skew, (2, 8)),
    Row("power cut", "processes", power_cut, (1, 6)),
    Row("power cut after sync error", "processes", power_cut_after_sync_error, (0.5, 4)),
    Row("power cut of all", "processes", power_cut_of_all, (1, 4)),
)
# To see that a loss would be found: it is no fault that members are to survive.
LYING_DISKS: Final = Row("lying disks", "disk", lying_disks, (3, 3))
KINDS: Final = tuple(row.kind for row in FAULTS)


def row(kind: str) -> Row:
    """Raises ValueError, naming those that there are."""
    for each in (*FAULTS, LYING_DISKS):
        if each.kind == kind:
            return each
    raise ValueError(f"no fault {kind!r}: there are {', '.join(KINDS)}")
