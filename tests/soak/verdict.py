"""What must hold at the end of a run, from what was sampled on the way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.soak.members import Process

GROWTH_PART = 0.15
GROWTH_KB = 24 << 10
FILES = 48  # segments, snapshots being read, links that are made anew


@dataclass
class Sample:
    """One window of the run."""

    at_s: float
    connected: int
    per_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    lost: int
    processes: list[Process]
    events: list[str] = field(default_factory=list)  # what was done to the ensemble meanwhile


@dataclass(frozen=True)
class Growth:
    """Of one kind of process. *before*, *after*: medians of the second and the last quarter of the run."""

    process: str
    before: int
    after: int


def memory_growth(samples: Sequence[Sample]) -> list[Growth]:
    """Beyond what is allowed: a leak goes on, whoever was restarted meanwhile."""
    return [
        each for each in _quarters(samples, "kb")
        if each.after > each.before * (1 + GROWTH_PART) + GROWTH_KB]


def file_growth(samples: Sequence[Sample]) -> list[Growth]:
    """Of descriptors that are not sockets: those of clients come and go with them."""
    return [each for each in _quarters(samples, "plain") if each.after > each.before + FILES]


def socket_leaks(samples: Sequence[Sample], sessions: int) -> list[Growth]:
    """More sockets at the end than sessions and links explain, of all members together."""
    last = sum(each.sockets for each in samples[-1].processes)
    first = sum(each.sockets for each in samples[0].processes)
    expected = first - samples[0].connected + sessions
    return [Growth("sockets of all", expected, last)] if last > expected + FILES * 3 else []


def _quarters(samples: Sequence[Sample], what: str) -> Iterable[Growth]:
    """Of each kind of process, all members together: sessions wander from one that is restarted to the others."""
    quiet = [sample for sample in samples if not sample.events] or list(samples)
    quarter = max(len(quiet) // 4, 1)
    second, last = quiet[quarter:2 * quarter] or quiet[:1], quiet[-quarter:]
    for name in sorted({each.name for sample in last for each in sample.processes}):
        before, after = (median(_total(sample, name, what) for sample in some) for some in (second, last))
        yield Growth(name, int(before), int(after))


def _total(sample: Sample, name: str, what: str) -> int:
    return sum(
        each.files - each.sockets if what == "plain" else each.kb for each in sample.processes if each.name == name)
