"""A run: three members, clients and a nemesis; then everything is mended, read, and checked."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.histories.checks import Finding, check_all
from tests.histories.operation import Operation, save
from tests.machines import aftermath
from tests.machines.ensemble import Ensemble, machines
from tests.machines.faults import Row
from tests.machines.load import load
from tests.machines.nemesis import Nemesis, Strike
from tests.machines.picture import draw
from tests.machines.summary import Figures, progress, say

PACE_S: Final = 0.06
SHOWN: Final = 20

Schedule = Callable[[Nemesis], None]


@dataclass
class Run:
    """*directory*: what is left of it: history.jsonl, report.html, what the members printed."""

    seed: int
    directory: Path
    operations: list[Operation] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    ended_s: float = 0.0
    checked_s: float = 0.0

    @property
    def figures(self) -> Figures:
        return Figures.of(self.operations, self.ended_s)

    def occurred(self) -> Counter[str]:
        return Counter(strike.kind for strike in self.strikes)


def run(rows: Sequence[Row], schedule: Schedule, *, seed: int, directory: Path, pace_s: float = PACE_S) -> Run:
    """*schedule* strikes until it has had enough."""
    done = Run(seed, directory)
    directory.mkdir(parents=True, exist_ok=True)
    with machines(logs=directory) as ensemble:
        say(f"seed {seed}: three members serve; {', '.join(f'{row.kind}' for row in rows)}")
        _work(ensemble, done, rows, schedule, pace_s)
    began_s = time.monotonic()
    save(done.operations, directory / "history.jsonl")
    done.findings += check_all(done.operations)
    done.checked_s = time.monotonic() - began_s
    (directory / "report.html").write_text(draw(done.seed, done.operations, done.strikes, done.findings, done.figures))
    return done


def _work(ensemble: Ensemble, done: Run, rows: Sequence[Row], schedule: Schedule, pace_s: float) -> None:
    with load(ensemble, seed=done.seed, pace_s=pace_s) as clients:
        history = clients.history
        nemesis = Nemesis(ensemble, history, rows, done.seed)
        done.strikes = nemesis.strikes
        try:
            with progress(history, nemesis):
                clients.await_progress()
                schedule(nemesis)
                nemesis.recover()
                clients.await_progress()
                done.ended_s = history.clock_s()
                clients.end()
                done.findings += aftermath.read_all(ensemble, history)
        except AssertionError as error:  # what there is of a history is checked all the same
            done.findings.append(Finding("all is well again after a fault", str(error)))
            done.ended_s = done.ended_s or history.clock_s()
    done.findings += aftermath.alarms(ensemble)
    done.failures = aftermath.failures(ensemble)
    done.operations = history.close()


def for_minutes(minutes: float) -> Schedule:
    """At least as long, and until every kind has been."""
    def schedule(nemesis: Nemesis) -> None:
        until_s = time.monotonic() + 60 * minutes
        while time.monotonic() < until_s or not nemesis.has_done_all():
            nemesis.turn()

    return schedule


def each_once(nemesis: Nemesis) -> None:
    """In the order of the table."""
    for row in nemesis.rows:
        nemesis.strike(row)


def tell(done: Run) -> None:
    say("")
    for kind, count in sorted(done.occurred().items()):
        say(f"  {count:4d}  {kind}")
    say(f"\n{done.figures}")
    for reason, count in sorted(done.failures.items(), key=lambda each: -each[1]):
        say(f"  {count:4d} times a process ended: {reason[:160]}")
    for finding in done.findings[:SHOWN]:
        say(f"\n{finding}")
    for check, count in Counter(finding.check for finding in done.findings).most_common():
        say(f"  {count:4d}  findings of: {check}")
    say(f"\n{len(done.findings)} findings; checked in {done.checked_s:.1f} s; seed {done.seed}")
    say(f"picture: {done.directory / 'report.html'}    history: {done.directory / 'history.jsonl'}")
