"""A range of seeds: progress, a summary, and what a failing one needs to be looked at."""

import multiprocessing
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.occurrences import MUST_OCCUR, RARE, missing
from tests.simulation.run import Result, run
from tests.simulation.say import say

PROGRESS_S = 2.0
TAIL_LINES = 60
ENOUGH_SEEDS = 100  # fewer need not meet everything
MANY_SEEDS = 1000  # these must meet what is rare, too


@dataclass
class Tally:
    """What the runs so far amount to."""

    seeds: int = 0
    steps: int = 0
    writes: int = 0
    ordered: int = 0
    reads: int = 0
    faults: int = 0
    virtual_us: int = 0
    cpu_s: float = 0.0
    occurred: Counter[str] = field(default_factory=Counter)
    failed: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.seeds += 1
        self.steps += result.steps
        self.writes += result.writes
        self.ordered += result.ordered
        self.reads += result.reads
        self.faults += len(result.faults)
        self.virtual_us += result.virtual_us
        self.cpu_s += result.cpu_s
        self.occurred += result.occurred
        if result.finding is not None:
            self.failed.append(result)


def campaign(first: int, after: int, *, jobs: int, keeps_going: bool) -> int:
    """Returns the exit code: 0 where nothing was found, and everything that must occur did."""
    began = said = time.monotonic()
    tally = Tally()
    for result in results(range(first, after), jobs):
        tally.add(result)
        if result.finding is not None:
            report_failure(result)
            if not keeps_going:
                break
        if time.monotonic() - said > PROGRESS_S:
            said = time.monotonic()
            say(progress(tally, after - first, said - began))
    summarise(tally, time.monotonic() - began)
    never = missing(tally.occurred) if tally.seeds >= ENOUGH_SEEDS else []
    if tally.seeds < MANY_SEEDS:
        never = [kind for kind in never if kind not in RARE]
    if never and not tally.failed:
        say(f"never occurred: {', '.join(never)}")
    return 1 if tally.failed or never else 0


def results(seeds: range, jobs: int) -> Iterator[Result]:
    """In the order of the seeds."""
    if jobs == 1:
        yield from map(run, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(run, seeds, chunksize=4)


def progress(tally: Tally, seeds: int, took_s: float) -> str:
    left_s = took_s / tally.seeds * (seeds - tally.seeds)
    return (
        f"  {tally.seeds} of {seeds} seeds, {len(tally.failed)} failed; {tally.faults} faults, {tally.writes} writes "
        f"acknowledged; {took_s:.0f} s, {left_s:.0f} s to go")


def summarise(tally: Tally, took_s: float) -> None:
    cpu_s = max(tally.cpu_s, 1e-9)
    say(f"\n{tally.seeds} seeds, {len(tally.failed)} failed; {took_s:.1f} s for {tally.virtual_us / 1e6:.0f} s of "
        f"virtual time")
    say(f"{tally.steps:,} events: {tally.steps / cpu_s:,.0f} a second of one core; {tally.ordered:,} writes committed: "
        f"{tally.ordered / cpu_s:,.0f} a second; {tally.writes:,} acknowledged, {tally.reads:,} reads answered")
    say(f"{tally.faults:,} faults; what occurred:")
    for kind in sorted(set(tally.occurred) | set(MUST_OCCUR)):
        say(f"  {tally.occurred[kind]:8}  {kind}")
    for result in tally.failed:
        say(f"  seed {result.seed}: {(result.finding or '').strip().splitlines()[-1]}")


def report_failure(result: Result) -> None:
    say("")
    for line in result.transcript[-TAIL_LINES:]:
        say(line)
    say(f"\nseed {result.seed} at commit {commit()}: {result.checker}: {result.finding}")
    for fault in result.faults:
        say(f"    {fault}")
    say(f"replay: python -m tests.simulation --seed {result.seed} --verbose")


def commit() -> str:
    """Of the tree that is tested; empty outside a repository."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parent)
    return done.stdout.strip()
