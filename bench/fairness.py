"""What one client that floods costs another: the quiet one's p99, alone and beside the flood, on the same member.

    python -m bench.fairness                          three rounds of each pair, three members on this machine
    python -m bench.fairness --quiet set --flood get  one pair
    python -m bench.fairness --set globalOutstandingLimit=100000   to see what a limit is good for

The quiet client has one request in flight; the flood is one connection with as many as it takes (--window). The ratio
of the p99s is taken within a round, and their median decides: at most 3.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from bench import machine
from bench.ensembles import Corral, PlainCorral
from bench.load import BenchError, Load, build

BUILD = Path(__file__).parent.parent / "build" / "bench"
RATIO_MAX = 3.0
KINDS = ("set", "get")
AHEAD_S = 1.0  # that the flood has before the quiet client, and after it


def p99_us(zkload: Path, host: str, kind: str, seconds: float) -> float:
    arguments = ("--hosts", host, "--op", kind, "--duration", str(seconds), "--root", "/quiet", "--keys", "100")
    with Load(zkload, arguments, seconds=seconds) as load:
        return float(load.result()["latency_us"]["p99"])


def beside(zkload: Path, host: str, quiet: str, flood: str, seconds: float, window: int) -> tuple[float, float]:
    """The quiet client's p99, and the flood's requests per second."""
    length = seconds + 2 + 2 * AHEAD_S  # zkload warms up for 2 s
    arguments = ("--hosts", host, "--op", flood, "--window", str(window), "--duration", str(length),
                 "--warmup", "0", "--root", "/flood")
    with Load(zkload, arguments, seconds=length) as load:
        time.sleep(AHEAD_S)
        found = p99_us(zkload, host, quiet, seconds)
        return found, float(load.result()["ops_per_sec"])


def measure(args: argparse.Namespace, ensemble: Corral, zkload: Path) -> list[dict[str, float | str]]:
    host = ensemble.hosts().partition(",")[0]
    rows: list[dict[str, float | str]] = []
    for quiet in args.quiet:
        for flood in args.flood:
            pairs = []
            for turn in range(args.rounds):
                alone = p99_us(zkload, host, quiet, args.seconds)
                crowded, rate = beside(zkload, host, quiet, flood, args.seconds, args.window)
                pairs.append((alone, crowded, crowded / alone, rate))
                print(f"  {turn + 1}/{args.rounds} {quiet} beside {flood}: {alone:.0f} us, {crowded:.0f} us",
                      file=sys.stderr, flush=True)
            alone, crowded, ratio, rate = (statistics.median(column) for column in zip(*pairs, strict=True))
            rows.append({"quiet": quiet, "flood": flood, "alone_us": alone, "beside_us": crowded, "ratio": ratio,
                         "flood_per_s": rate})
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
    parser.add_argument("--plain", action="store_true", help="as a work tree runs it, not as the wheel")
    parser.add_argument("--dir", type=Path, default=BUILD / "fairness", help="on the disk to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    args = parser.parse_args()
    args.quiet, args.flood = args.quiet or list(KINDS), args.flood or list(KINDS)
    zkload = build("zkload", BUILD)
    args.dir.mkdir(parents=True, exist_ok=True)
    try:
        maker = PlainCorral if args.plain else Corral
        ensemble = maker(args.dir.resolve() / "ensemble", tuple(args.set), count=args.members)
        with ensemble.running():
            rows = measure(args, ensemble, zkload)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    for name, value in machine.describe(BUILD, args.dir).items():
        print(f"{name:20} {value}")
    print(f"{'quiet':6}{'flood':6}{'alone p99':>12}{'beside p99':>12}{'ratio':>8}{'flood/s':>12}")
    for row in rows:
        print(f"{row['quiet']:6}{row['flood']:6}{row['alone_us']:>9.0f} us{row['beside_us']:>9.0f} us"
              f"{row['ratio']:>8.1f}{row['flood_per_s']:>12,.0f}")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2))
    return 0 if all(float(row["ratio"]) <= RATIO_MAX for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
