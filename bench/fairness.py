"""What one client that floods costs another: the quiet one's p99, alone and beside the flood, on the same member.

    python -m bench.fairness                          three rounds of each pair, three members on this machine
    python -m bench.fairness --quiet set --flood get  one pair
    python -m bench.fairness --peer zookeeper         the same of genuine ZooKeeper
    python -m bench.fairness --set globalOutstandingLimit=100000   to see what a limit is good for

The quiet client has one request in flight; the flood is one connection with as many as it takes (--window). The ratio
of the p99s is taken within a round, and their median decides: at most 3.

*elsewhere*: the same flood at another member. What the quiet client pays then is the machine's share: processes that
wait for a core (and for writes the leader, whom all have in common). Where every process has a core of its own, that
part is not there.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

from bench import machine
from bench.ensembles import Ensemble
from bench.load import BenchError, Load, build
from bench.references import ENSEMBLES

BUILD = Path(__file__).parent.parent / "build" / "bench"
RATIO_MAX = 3.0
KINDS = ("set", "get")
AHEAD_S = 1.0  # that the flood has before the quiet client, and after it


def p99_us(zkload: Path, host: str, kind: str, seconds: float) -> float:
    arguments = ("--hosts", host, "--op", kind, "--duration", str(seconds), "--root", "/quiet", "--keys", "100")
    with Load(zkload, arguments, seconds=seconds) as load:
        return float(load.result()["latency_us"]["p99"])


def beside(
    zkload: Path, host: str, quiet: str, flooded: str, flood: str, seconds: float, window: int,
) -> tuple[float, float]:
    """The quiet client's p99 at *host*, and the requests per second of the flood at *flooded*."""
    length = seconds + 2 + 2 * AHEAD_S  # zkload warms up for 2 s
    arguments = ("--hosts", flooded, "--op", flood, "--window", str(window), "--duration", str(length),
                 "--warmup", "0", "--root", "/flood")
    with Load(zkload, arguments, seconds=length) as load:
        time.sleep(AHEAD_S)
        found = p99_us(zkload, host, quiet, seconds)
        return found, float(load.result()["ops_per_sec"])


class Round(NamedTuple):
    """p99s in microseconds; the flood's requests per second."""

    alone: float
    elsewhere: float
    beside: float
    rate: float


def measure_round(args: argparse.Namespace, hosts: list[str], zkload: Path, quiet: str, flood: str) -> Round:
    alone = p99_us(zkload, hosts[0], quiet, args.seconds)
    elsewhere = alone
    if len(hosts) > 1:
        elsewhere, _ = beside(zkload, hosts[0], quiet, hosts[1], flood, args.seconds, args.window)
    crowded, rate = beside(zkload, hosts[0], quiet, hosts[0], flood, args.seconds, args.window)
    return Round(alone, elsewhere, crowded, rate)


def measure(args: argparse.Namespace, ensemble: Ensemble, zkload: Path) -> list[dict[str, float | str]]:
    hosts = ensemble.hosts().split(",")  # the leader last
    rows: list[dict[str, float | str]] = []
    for quiet in args.quiet:
        for flood in args.flood:
            rounds = []
            for turn in range(args.rounds):
                found = measure_round(args, hosts, zkload, quiet, flood)
                rounds.append(found)
                print(f"  {turn + 1}/{args.rounds} {quiet} beside {flood}: {found.alone:.0f} us, elsewhere "
                      f"{found.elsewhere:.0f} us, {found.beside:.0f} us", file=sys.stderr, flush=True)
            rows.append({
                "quiet": quiet, "flood": flood,
                **{f"{name}_us": statistics.median(getattr(each, name) for each in rounds)
                   for name in ("alone", "elsewhere", "beside")},
                "machine": statistics.median(each.elsewhere / each.alone for each in rounds),
                "ratio": statistics.median(each.beside / each.alone for each in rounds),
                "flood_per_s": statistics.median(each.rate for each in rounds)})
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bench.fairness", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--window", type=int, default=5000, help="requests that the flood has in flight")
    parser.add_argument("--quiet", choices=KINDS, action="append")
    parser.add_argument("--flood", choices=KINDS, action="append")
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a line of each zoo.cfg")
    parser.add_argument("--peer", choices=("corral", "corral-plain", "zookeeper", "zookeeper39"), default="corral",
                        help="whose; corral-plain: as a work tree runs it, not as the wheel")
    parser.add_argument("--dir", type=Path, default=BUILD / "fairness", help="on the disk to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    args = parser.parse_args()
    args.quiet, args.flood = args.quiet or list(KINDS), args.flood or list(KINDS)
    zkload = build("zkload", BUILD)
    args.dir.mkdir(parents=True, exist_ok=True)
    try:
        ensemble = ENSEMBLES[args.peer](args.dir.resolve() / "ensemble", tuple(args.set), count=args.members)
        with ensemble.running():
            rows = measure(args, ensemble, zkload)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    for name, value in machine.describe(BUILD, args.dir).items():
        print(f"{name:20} {value}")
    print(f"{'quiet':6}{'flood':6}{'alone p99':>12}{'elsewhere':>12}{'beside':>12}{'machine':>9}{'ratio':>7}"
          f"{'flood/s':>12}")
    for row in rows:
        print(f"{row['quiet']:6}{row['flood']:6}{row['alone_us']:>9.0f} us{row['elsewhere_us']:>9.0f} us"
              f"{row['beside_us']:>9.0f} us{row['machine']:>8.1f}x{row['ratio']:>6.1f}x{row['flood_per_s']:>12,.0f}")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2))
    return 0 if all(float(row["ratio"]) <= RATIO_MAX for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
