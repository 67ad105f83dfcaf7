"""What notes and histograms cost: CPU seconds of all processes of an ensemble per 1,000 writes, with and without.

    python -m bench.telemetry_cost [--otlp] [--pairs N] [--seconds S] [--folder DIR]

Two ensembles of three members run at once, one started with CORRAL_TEST_NO_NOTES=1; the same load goes to one and then
to the other, and in the next pair the other way round: what slows the machine for a while slows both. CPU time is that
of the loaded ensemble alone, telemetry processes with it, read from /proc. Wants an otherwise quiet machine: where
processes wait for a CPU, batches and records are of another size in each run, and that is what one sees then.

With --otlp it is what traces cost: both ensembles have notes, and one of them an endpoint, which takes everything and
is not counted (bench/otlp_sink.py).
"""

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import procfs
from bench.ensembles import Corral
from bench.load import BenchError, Load, build
from bench.otlp_sink import sink
from bench.rows import one_in_flight, pipelined

PROGRAMS = Path("build/bench")
SWITCH = "CORRAL_TEST_NO_NOTES"
TARGET = 0.03
LOADS = {
    "set, 10 × 100 in flight": pipelined("set"),
    "set, 100 × 1 in flight": one_in_flight("set", conns=100),
}


@dataclass(frozen=True)
class Cost:
    """Of one run. *cpu_ms*: per 1,000 writes."""

    cpu_ms: float
    writes_per_s: float


class Measured(Corral):
    """One of the two ensembles: with that whose cost is asked for, or without."""

    def __init__(self, folder: Path, name: str, *, has_notes: bool = True, endpoint: str = "") -> None:
        super().__init__(folder)
        self.name = name
        self.environment[SWITCH] = "0" if has_notes else "1"
        if endpoint:
            self.settings = (*self.settings, f"corral.otlpEndpoint={endpoint}")
        key, _, value = self.marker.partition("=")
        self.marker = f"{key}={value}-{self.name}"
        self.environment[key] = f"{value}-{self.name}"

    def lasting(self) -> set[int]:
        """All but those that build a snapshot: they come and go."""
        return {pid for pid in self.pids() if "snapshot_build" not in procfs.command_line(pid)}

    def cost(self, zkload: Path, load: tuple[str, ...], seconds: float) -> Cost:
        """Raises BenchError: a reply was wrong, or a process came or went."""
        hosts, pids = self.hosts(), self.lasting()
        before = procfs.cpu_seconds(pids)
        arguments = ("--hosts", hosts, *load, "--warmup", "0", "--duration", str(seconds))
        with Load(zkload, arguments, seconds=seconds) as running:
            result = running.result()
        used_s = procfs.cpu_seconds(pids) - before
        if self.lasting() != pids:
            raise BenchError(f"{self.name}: processes came or went")
        return Cost(used_s * 1e6 / float(result["ops"]), float(result["ops_per_sec"]))


def measure_pair(
    zkload: Path, ensembles: tuple[Measured, Measured], load: tuple[str, ...], *, seconds: float, reverse: bool,
) -> tuple[Cost, Cost]:
    """(with, without), run in this order or the other way round."""
    costs = {each.name: each.cost(zkload, load, seconds) for each in (reversed(ensembles) if reverse else ensembles)}
    return costs[ensembles[0].name], costs[ensembles[1].name]


def summary(name: str, pairs: list[tuple[Cost, Cost]]) -> str:
    """One line: the median of the ratios within pairs, and their range."""
    ratios = [noted.cpu_ms / silent.cpu_ms - 1 for noted, silent in pairs]
    middle = median(ratios)
    rates = [median(cost.writes_per_s for cost in side) for side in zip(*pairs, strict=True)]
    costs = [median(cost.cpu_ms for cost in side) for side in zip(*pairs, strict=True)]
    return (
        f"{name}: {middle:+.1%} CPU ({min(ratios):+.1%} … {max(ratios):+.1%}, {len(pairs)} pairs), "
        f"{costs[0]:.1f} against {costs[1]:.1f} ms per 1,000 writes, {rates[0]:,.0f} against {rates[1]:,.0f} writes/s: "
        f"target {TARGET:.0%} {'reached' if middle <= TARGET else 'missed'}")


def run(folder: Path, *, pairs: int, seconds: float, has_otlp: bool) -> None:
    zkload = build("zkload", PROGRAMS)
    with ExitStack() as stack:
        if has_otlp:
            endpoint = stack.enter_context(sink())
            ensembles = (Measured(folder / "with", "with", endpoint=endpoint), Measured(folder / "without", "without"))
        else:
            ensembles = (
                Measured(folder / "with", "with"), Measured(folder / "without", "without", has_notes=False))
        for each in ensembles:
            stack.enter_context(each.running())
        for name, load in LOADS.items():
            measure_pair(zkload, ensembles, load, seconds=seconds, reverse=False)  # the first counts for nothing
            found = []
            for number in range(pairs):
                found.append(measure_pair(zkload, ensembles, load, seconds=seconds, reverse=number % 2 == 1))
                noted, silent = found[-1]
                print(f"  {noted.cpu_ms:.1f} {silent.cpu_ms:.1f} ms per 1,000 writes", file=sys.stderr, flush=True)
            print(summary(name, found), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.telemetry_cost", description="What notes cost.")
    parser.add_argument("--otlp", action="store_true", help="what traces cost, instead of notes")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--folder", type=Path, default=None, help="where both ensembles have their data")
    asked = parser.parse_args()
    os.environ.pop(SWITCH, None)
    try:
        with tempfile.TemporaryDirectory(dir=asked.folder, prefix="telemetry-cost-") as folder:
            run(Path(folder), pairs=asked.pairs, seconds=asked.seconds, has_otlp=asked.otlp)
    except BenchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
