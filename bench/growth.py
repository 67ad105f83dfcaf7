"""How throughput and latency grow with what there is much of: a curve for each, and the exponent that fits it.

    python -m bench.growth                           all curves, to build/bench/growth.json and docs/ (about an hour)
    python -m bench.growth --quick                   the small ends: does it run, is anything plainly too steep
    python -m bench.growth --only connections,members
    python -m bench.growth --subject zookeeper       the same curves of ZooKeeper

The cost of one operation is what is fitted, in microseconds: of all members' and the generator's time for a throughput,
as a client sees it for a latency. 0: the size does not matter; 1: it grows in step. Above 1 and a quarter is a bug: the
exit code is 1. What a replica does by itself grows as python -m bench.growth_core says, without the noise of processes.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import machine, report
from bench.ensembles import MEMBERS, Ensemble
from bench.fit import exponent
from bench.load import BenchError, Load, build, value_at
from bench.references import ENSEMBLES, Maker
from bench.rows import many
from bench.run import BUILD, ROOT, on_sigterm, say

EXPONENT_MAX = 1.25
FILL_S = 1800.0
QUICK_MOST, QUICK_MEMBERS = 1_000, 3
LONG_TIMEOUT = ("--timeout", "60000")


@dataclass(frozen=True)
class Curve:
    """load: zkload's arguments at a size.  key: where its result has the figure; a rate is turned into the time of one.

    settings, members: of the ensemble at a size; None of both: one ensemble serves for all sizes.
    limit: of the exponent; what is in step with the size of an answer or a request may be 1.
    """

    name: str
    title: str
    x: str
    key: str
    sizes: tuple[int, ...]
    load: Callable[[int], tuple[str, ...]]
    settings: Callable[[int], tuple[str, ...]] | None = None
    members: Callable[[int], int] | None = None

    @property
    def is_rate(self) -> bool:
        return self.key.endswith("_per_sec")

    @property
    def has_own_ensembles(self) -> bool:
        return self.settings is not None or self.members is not None


RATE, P50, LAST = "ops_per_sec", "latency_us.p50", "last_notification_us.p50"
TENS = (1, 10, 100, 1_000, 10_000)
SET = many("set")


def keyed(operation: str, size: int) -> tuple[str, ...]:
    return (*many(operation), "--keys", str(size), "--cleanup", *LONG_TIMEOUT)


CURVES = (
    Curve("connections", "set against connections, one in flight on each", "connections", RATE, TENS,
          lambda n: (*many("set", conns=n, window=1), *LONG_TIMEOUT)),
    Curve("connections-p50", "p50 of set at 1,000/s against connections", "connections", P50, TENS[1:],
          lambda n: (*many("set", conns=n), "--rate", "1000", *LONG_TIMEOUT)),
    Curve("in-flight", "set against requests in flight on one connection", "in flight", RATE, TENS,
          lambda n: many("set", conns=1, window=n)),
    Curve("in-flight-get", "get against requests in flight on one connection", "in flight", RATE, TENS,
          lambda n: many("get", conns=1, window=n)),
    Curve("value", "set against the size of the value", "bytes", RATE, (100, 1_000, 10_000, 100_000, 1_000_000),
          lambda n: (*many("set", window=max(1, min(100, 1_000_000 // n)), value=n), "--keys", "20", *LONG_TIMEOUT)),
    Curve("znodes", "set against znodes, all children of one", "znodes", RATE, (1_000, 10_000, 100_000, 1_000_000),
          lambda n: keyed("set", n)),
    Curve("znodes-get", "get against znodes, all children of one", "znodes", RATE, (1_000, 10_000, 100_000, 1_000_000),
          lambda n: keyed("get", n)),
    Curve("children", "list N children", "children", P50, (100, 1_000, 10_000, 100_000, 1_000_000),
          lambda n: (*many("children", conns=1, window=1), "--keys", str(n), "--cleanup", *LONG_TIMEOUT)),
    Curve("watchers", "last of N watchers told", "watchers", LAST, TENS[1:],
          lambda n: ("--watch", "--conns", str(n), *LONG_TIMEOUT)),
    Curve("members", "set, 10 × 100, against members", "members", RATE, (1, 3, 5, 7),
          lambda _: SET, members=lambda n: n),
    Curve("members-p50", "set, one in flight, p50, against members", "members", P50, (1, 3, 5, 7),
          lambda _: many("set", conns=1, window=1), members=lambda n: n),
    Curve("processors", "get, 10 × 100, against processors of a member", "processors", RATE, (1, 2),
          lambda _: many("get"), settings=lambda n: (f"corral.processors={n}",)),
)


def cost_us(curve: Curve, result: dict[str, Any]) -> float:
    """Of one operation.  Raises BenchError: none came to its end."""
    value = value_at(result, curve.key)
    if not value:
        raise BenchError(f"{curve.name}: nothing came to its end while it was measured")
    return 1e6 / value if curve.is_rate else value


class Growth:
    def __init__(self, make: Maker, folder: Path, *, seconds: float, rounds: int) -> None:
        self.make = make
        self.folder = folder
        self.seconds = seconds
        self.rounds = rounds
        self.zkload = build("zkload", BUILD)

    def measure(self, curve: Curve, sizes: Sequence[int], ensemble: Ensemble | None) -> dict[str, Any]:
        points = []
        for size in sizes:
            cost = self.point(curve, size, ensemble)
            points.append((size, cost))
            say(f"  {curve.name:16}{size:>10,}{cost:>14,.2f} µs")
        return {
            "name": curve.name, "title": curve.title, "x": curve.x, "unit": "µs", "points": points,
            "exponent": exponent(points)}

    def point(self, curve: Curve, size: int, ensemble: Ensemble | None) -> float:
        """The least of all rounds: only the machine makes it more."""
        if ensemble is not None:
            return min(self.once(curve, size, ensemble) for _ in range(self.rounds))
        settings = curve.settings(size) if curve.settings else ()
        count = curve.members(size) if curve.members else MEMBERS
        own = self.make(self.folder / f"{curve.name}-{size}", settings, count=count)
        with own.running():
            return min(self.once(curve, size, own) for _ in range(self.rounds))

    def once(self, curve: Curve, size: int, ensemble: Ensemble) -> float:
        arguments = ("--hosts", ensemble.hosts(), *curve.load(size), "--root", f"/{curve.name}-{size}",
                     "--warmup", str(self.seconds / 4), "--duration", str(self.seconds))
        with Load(self.zkload, arguments, seconds=FILL_S) as load:
            return cost_us(curve, load.result())


def sizes_of(curve: Curve, *, is_quick: bool) -> list[int]:
    """The small end has the three smallest sizes at least: two give no fit that could be wrong."""
    if not is_quick:
        return list(curve.sizes)
    if curve.members is not None:
        return [size for size in curve.sizes if size <= QUICK_MEMBERS]
    return [size for at, size in enumerate(curve.sizes) if at < 3 or size <= QUICK_MOST]


def run(args: argparse.Namespace) -> list[dict[str, Any]]:
    growth = Growth(
        ENSEMBLES[args.subject], args.dir, seconds=1.0 if args.quick else 4.0, rounds=1 if args.quick else 3)
    args.dir.mkdir(parents=True, exist_ok=True)
    chosen = [curve for curve in CURVES if curve.name in args.only]
    shared = [curve for curve in chosen if not curve.has_own_ensembles]

    def measured(curves: Sequence[Curve], ensemble: Ensemble | None) -> list[dict[str, Any]]:
        return [growth.measure(curve, sizes_of(curve, is_quick=args.quick), ensemble) for curve in curves]

    found = []
    if shared:
        ensemble = ENSEMBLES[args.subject](args.dir / "shared")
        with ensemble.running():
            found += measured(shared, ensemble)
    return found + measured([curve for curve in chosen if curve.has_own_ensembles], None)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [curve.name for curve in CURVES]
    parser.add_argument("--quick", action="store_true", help="small sizes, short: no figure to rely on")
    parser.add_argument("--only", default=",".join(names), help=f"some of {', '.join(names)}")
    parser.add_argument("--subject", choices=ENSEMBLES, default="corral")
    parser.add_argument("--dir", type=Path, default=BUILD / "growth", help="on the disk to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, and not to docs/")
    args = parser.parse_args(arguments)
    args.only = args.only.split(",")
    if unknown := set(args.only) - set(names):
        parser.error(f"no curve {', '.join(sorted(unknown))}: choose from {', '.join(names)}")
    args.dir = args.dir.resolve()
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        curves = run(args)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; all processes are stopped")
    for name, value in machine.describe(BUILD, args.dir).items():
        print(f"{name:20} {value}")
    for curve in curves:
        print(f"{curve['title']:52}{curve['exponent']:>6.2f}")
    if args.json:
        report.write_json(args.json, curves)
    elif not args.quick:
        report.write_json(report.GROWTH, curves)
        report.write_docs(report.RESULTS, ROOT / "docs")
    too_steep = [curve["name"] for curve in curves if curve["exponent"] > EXPONENT_MAX]
    if too_steep:
        print(f"grows faster than it may: {', '.join(too_steep)}")
    return 1 if too_steep else 0


if __name__ == "__main__":
    sys.exit(main())
