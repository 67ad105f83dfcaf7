"""Members and single processes die, hang and come back, one after the other, under kazoo writers."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

from tests.corral import Ensemble, fresh_root
from tests.faults.figures import await_all_serving, log_lines, stays
from tests.faults.trees import agreed_tree
from tests.faults.writers import await_progress, check, writing
from tests.waiting import wait_until

CHAOS_S = 100.0 if os.environ.get("CORRAL_TEST_ALL") else 30.0
STRIKES_LEAST = 5
MEMBERS = (1, 2, 3)
PROCESSES = ("broadcast", "processor-0", "election", "snapshotter", "telemetry")
HANG_S = (0.2, 1.0, 3.0)  # shorter than silence, than a lease and syncLimit, and longer than all


class Nemesis:
    """Breaks one thing, and mends it; another member's may be broken meanwhile."""

    def __init__(self, ensemble: Ensemble, seed: int) -> None:
        self.ensemble = ensemble
        self.random = random.Random(seed)
        self.done: list[str] = []

    def strike(self) -> None:
        member = self.random.choice(MEMBERS)
        fault = self.random.choice([self.kill, self.kill, self.hang, self.hang, self.kill_member, self.hang_member])
        fault(member)

    def kill(self, member: int) -> None:
        process = self.random.choice(PROCESSES)
        pid = self.ensemble.pids(member).get(process)
        self.done.append(f"kill {process} of {member}: {pid}")
        if pid:  # else it waits for its restart
            signal_all([pid], signal.SIGKILL)

    def hang(self, member: int) -> None:
        process = self.random.choice(PROCESSES)
        pid = self.ensemble.pids(member).get(process)
        if pid:
            self.hang_all(f"{process} of {member}", [pid])

    def kill_member(self, member: int) -> None:
        self.done.append(f"kill member {member}")
        self.ensemble.kill(member)
        self.ensemble.corral("start", str(member), "--data", str(self.ensemble.data))

    def hang_member(self, member: int) -> None:
        self.hang_all(f"member {member}", list(self.ensemble.pids(member).values()))

    def hang_all(self, what: str, pids: list[int]) -> None:
        hang_s = self.random.choice(HANG_S)
        self.done.append(f"hang {what} for {hang_s} s")
        signal_all(pids, signal.SIGSTOP)
        wait_until(lambda: all(is_still(pid) for pid in pids), what=f"{what} is stopped")
        stays(lambda: all(is_still(pid) for pid in pids), seconds=hang_s)
        signal_all(pids, signal.SIGCONT)


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # killed by the strike before, and its end is not known yet
            os.kill(pid, number)


def is_still(pid: int) -> bool:
    """Stopped, or gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_no_acknowledged_write_is_lost_and_all_members_agree(ensemble: Ensemble) -> None:
    root = fresh_root(ensemble)
    seed = random.SystemRandom().getrandbits(32)
    nemesis = Nemesis(ensemble, seed)
    everywhere = ensemble.addresses
    groups = [everywhere, everywhere, *([address] for address in everywhere)]
    until = time.monotonic() + CHAOS_S

    try:
        with writing(root, *groups) as outcomes:
            while time.monotonic() < until or len(nemesis.done) < STRIKES_LEAST:
                nemesis.strike()
                if nemesis.random.random() < 0.5:
                    await_all_serving(ensemble)
                    await_progress(outcomes, writes=5)
            await_all_serving(ensemble)
            await_progress(outcomes)

        check(agreed_tree(ensemble), root, outcomes)
        for member in MEMBERS:
            assert log_lines(ensemble, member, "digest_differs") == []
            assert log_lines(ensemble, member, "process_failed") == []
    except BaseException as error:
        error.add_note(f"seed {seed}: {nemesis.done}")
        raise


def test_after_all_members_are_killed_at_once_everything_acknowledged_is_there(ensemble: Ensemble) -> None:
    root = fresh_root(ensemble)

    with writing(root, *[ensemble.addresses] * 4) as outcomes:
        await_progress(outcomes, writes=50)
        for pid in [pid for member in MEMBERS for pid in ensemble.pids(member).values()]:
            os.kill(pid, signal.SIGKILL)
        for member in MEMBERS:
            ensemble.corral("start", str(member), "--data", str(ensemble.data))
        await_all_serving(ensemble)
        await_progress(outcomes)

    check(agreed_tree(ensemble, root), root, outcomes)
    # The sessions outlived their ensemble, and so did what they own.
    assert [len(outcome.sessions) for outcome in outcomes] == [1, 1, 1, 1]
