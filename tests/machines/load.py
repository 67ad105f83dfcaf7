"""All clients of a run, at work until it ends."""

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.corral import kazoo_client
from tests.histories.operation import History
from tests.machines.ensemble import Ensemble
from tests.machines.session import Session
from tests.machines.workloads import counters, ephemerals, locks, registers, sets, watches
from tests.machines.workloads.worker import Shift, Work, Worker
from tests.waiting import wait_until
from tests.wire_connection import Address

BALLAST: Final = "/ballast"  # what the nemesis writes where a disk is to fill up
PATHS: Final = (registers.ROOT, sets.ROOT, counters.ROOT, counters.FIRST, counters.SECOND, counters.MARKS, locks.ROOT,
                ephemerals.ROOT, watches.PATH, BALLAST)
PROGRESS_S: Final = 60.0


@dataclass(frozen=True)
class Load:
    shift: Shift
    workers: Sequence[Worker]

    @property
    def history(self) -> History:
        return self.shift.history

    def await_progress(self, turns: int = 1) -> None:
        """Until each client has had so many more turns go well: at least a lock held, or a session lived."""
        goals = {worker: worker.turns + turns for worker in self.workers}

        def behind() -> list[str]:
            return [worker.name for worker, goal in goals.items() if worker.turns < goal and worker.is_alive]

        try:
            wait_until(lambda: not behind(), seconds=PROGRESS_S)
        except AssertionError:
            raise AssertionError(f"nothing goes well for {', '.join(behind())} within {PROGRESS_S:g} s") from None

    def end(self) -> None:
        """Raises what a client failed with."""
        self.shift.stopping.set()
        for worker in self.workers:
            worker.join()


@contextmanager
def load(ensemble: Ensemble, *, seed: int, pace_s: float) -> Iterator[Load]:
    """Clients at work; they end with the block at the latest."""
    with kazoo_client(ensemble.addresses()) as client:
        for path in PATHS:
            client.create(path)
    shift = Shift(History(), threading.Event(), pace_s)
    made = Load(shift, [Worker(name, shift, work, seed) for name, work in clients(ensemble, shift, seed).items()])
    for worker in made.workers:
        worker.start()
    try:
        yield made
    finally:
        shift.stopping.set()
    made.end()


def clients(ensemble: Ensemble, shift: Shift, seed: int) -> dict[str, Work]:
    """By name: some of one member alone, some of all, over IPv4 or IPv6."""
    v4, v6 = ensemble.addresses_v4(), ensemble.addresses_v6()
    made: dict[str, Work] = {}

    def rng(name: str) -> random.Random:
        return random.Random(f"{seed} {name}")

    def session(name: str, addresses: list[Address]) -> Session:
        return Session(name, shift.history, addresses)

    for number, member in enumerate(ensemble.members):
        name = f"register-of-{member}"
        one = [(v6 if number % 2 else v4)[number]]
        made[name] = registers.Registers(session(name, one), shift, rng(name))
    for family, addresses in (("v4", v4), ("v6", v6)):
        made |= {
            (name := f"register-{family}"): registers.Registers(session(name, addresses), shift, rng(name)),
            (name := f"add-{family}"): sets.Adds(session(name, addresses), shift),
            (name := f"count-{family}"): counters.Counters(session(name, addresses), shift, rng(name)),
            (name := f"lock-{family}"): locks.Locks(session(name, addresses), shift, rng(name)),
        }
    name = "lock-mixed"
    made[name] = locks.Locks(session(name, ensemble.addresses()), shift, rng(name))
    owners = [ephemerals.Owners(name, addresses, shift, rng(name))
              for name, addresses in (("owner-v4", v4), ("owner-v6", v6))]
    made |= {owner.name: owner for owner in owners}
    name = "observer"
    made[name] = ephemerals.Observer(session(name, v6), shift, rng(name),
                                     lambda: [path for owner in owners for path in owner.paths[-3:]])
    made["changer"] = watches.Changes(session("changer", v4), shift)
    for number, addresses in enumerate((v4, v6)):
        name = f"watcher-{number}"
        made[name] = watches.Watcher(name, addresses, shift, rng(name))
    return made
