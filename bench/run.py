"""Corral against genuine ZooKeeper and etcd, three members each on this machine, in turn: a table of ratios.

    make bench                                   every row, five rounds; says first how long it will take
    make bench ARGS="--rows core,open"           some groups or rows
    python -m bench.run --quick                  one short round: does it run, roughly
    python -m bench.run --rows set,get --rounds 3 --reference zookeeper
    python -m bench.run --reference none         Corral alone, without ratios
    python -m bench.run --subject zookeeper --reference zookeeper      what noise looks like

A full run writes its results to build/bench/results.json, beside those of rows that it did not measure, and the table
and charts of all of them into docs/ (python -m bench.report does that alone).
"""

import argparse
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import figures, machine, report
from bench.ensembles import Ensemble, EnsembleError
from bench.load import BenchError, build
from bench.measure import FULL, GENERATOR, QUICK, Bench, Pace, estimate_s, is_comparable
from bench.references import ENSEMBLES, Maker
from bench.rows import GROUPS, OF_THEIR_OWN, ONCE, ROWS, Kind, Row, chosen
from bench.solitary import Solitary

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "bench"
STARTING_S = 15.0  # of an ensemble, and its warm-up without the load


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Run:
    """samples: of each row and figure, one Round of values after the other."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.pace: Pace = QUICK if args.quick else FULL
        self.rows: list[Row] = args.rows
        again = {name: f"{name}-again" for name in args.references if name == args.subject}
        self.names: list[str] = [args.subject, *(again.get(name, name) for name in args.references)]
        self.rounds: int = args.rounds
        self.folder: Path = args.dir
        self.bench = Bench(build("zkload", BUILD), self.pace)
        self.samples: defaultdict[tuple[str, str], list[figures.Round]] = defaultdict(list)
        self.generators: defaultdict[str, list[float]] = defaultdict(list)
        self.about: dict[str, str] = {}
        self.began = time.monotonic()
        self.left_s = self.estimate_s()

    # --- how long -------------------------------------------------------------------------------------------

    def rounds_of(self, row: Row) -> int:
        return 1 if row.kind in ONCE else self.rounds

    def estimate_s(self) -> float:
        shared = any(row.kind not in OF_THEIR_OWN for row in self.rows)
        starting = len(self.names) * (STARTING_S + 4 * self.pace.jvm_warmup_s) if shared else 0.0
        return starting + sum(
            estimate_s(row, self.pace) * self.rounds_of(row) * len(self.compared(row)) for row in self.rows)

    def compared(self, row: Row) -> list[str]:
        return [name for name in self.names if is_comparable(row, is_etcd=name.startswith("etcd"))]

    # --- one row --------------------------------------------------------------------------------------------

    def round(self, row: Row, turn: int, ensembles: Sequence[Ensemble]) -> None:
        """Who begins changes with the turn: nobody owns a drift."""
        wanted = self.compared(row)
        order = [(name, each) for name, each in zip(self.names, ensembles, strict=True) if name in wanted]
        values = {name: self.attempt(row, each) for name, each in order[:: -1 if turn % 2 else 1]}
        self.take(row, turn, values)

    def attempt(self, row: Row, ensemble: Ensemble) -> dict[str, float]:
        """A failed measurement is told and leaves a hole; an ensemble that is gone ends the run."""
        try:
            return self.bench.measure(row, ensemble)
        except EnsembleError:
            raise
        except BenchError as error:
            say(f"{row.name}: {ensemble.name}: {error}")
            ensemble.wait_serving()
            return {}

    def alone(self, row: Row, turn: int) -> None:
        """With ensembles of its own, one after the other."""
        order = self.compared(row)
        values: dict[str, dict[str, float]] = {}
        for name in order[:: -1 if turn % 2 else 1]:
            solitary = Solitary(self.bench.zkload, self.pace, maker_of(name), self.folder / f"alone-{name}")
            try:
                values[name] = solitary.measure(row)
            except BenchError as error:
                say(f"{row.name}: {name}: {error}")
                values[name] = {}
        self.take(row, turn, values)

    def take(self, row: Row, turn: int, values: dict[str, dict[str, float]]) -> None:
        for figure in row.figures:
            found = {name: each.get(figure.key) for name, each in values.items()}
            self.samples[row.name, figure.key].append(found)
            shown = "".join(
                f"{'failed' if value is None else figures.number(value):>12}" for value in found.values())
            say(f"  {turn + 1}/{self.rounds_of(row)} {row.name:10}{figure.key:26}{shown}")
        if generator := values.get(self.names[0], {}).get(GENERATOR):
            self.generators[row.name].append(generator)
        self.left_s -= estimate_s(row, self.pace) * len(values)

    def tell_time(self) -> None:
        say(f"{(time.monotonic() - self.began) / 60:.0f} minutes gone, about {max(self.left_s, 0) / 60:.0f} to go")

    # --- all rows -------------------------------------------------------------------------------------------

    def run(self) -> bool:
        """Whether it came to its end.  Round by round, not row by row: a machine that changes does so for all rows."""
        say(f"{len(self.rows)} rows, {self.rounds} rounds: about {self.left_s / 60:.0f} minutes")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.about = machine.describe(BUILD, self.folder)
        try:
            for row in self.rows:
                if row.kind in OF_THEIR_OWN:
                    for turn in range(self.rounds_of(row)):
                        self.alone(row, turn)
            self.tell_time()
            if any(row.kind not in OF_THEIR_OWN for row in self.rows):
                self.run_shared()
        except EnsembleError as error:
            say(f"bench: {error}")
            return False
        return True

    def run_shared(self) -> None:
        with ExitStack() as stack:
            ensembles = [
                maker_of(name)(self.folder / f"{number}-{name}") for number, name in enumerate(self.names)]
            for name, ensemble in zip(self.names, ensembles, strict=True):
                say(f"starting {name}")
                stack.enter_context(ensemble.running())
                self.about[name] = ensemble.version()
            for kind in Kind:
                if kind not in OF_THEIR_OWN:
                    self.run_kind(kind, ensembles)

    def run_kind(self, kind: Kind, ensembles: Sequence[Ensemble]) -> None:
        """Memory before anything was written; then warm; load; and the faults last."""
        rows = [row for row in self.rows if row.kind is kind]
        if kind is Kind.IDLE and any(row.kind not in (*OF_THEIR_OWN, Kind.MEMORY) for row in self.rows):
            for ensemble in ensembles:
                say(f"warming up {ensemble.name}")
                self.bench.warm_up(ensemble)
        if rows and kind in (Kind.OPEN, Kind.REJOIN) and not self.bench.rate:
            self.bench.find_rate(next((each for each in ensembles[1:] if each.name != "etcd"), ensembles[0]))
            say(f"open loop: {self.bench.rate:,.0f} requests/s")
        for turn in range(max((self.rounds_of(row) for row in rows), default=0)):
            for row in rows:
                self.round(row, turn, ensembles)
            self.tell_time()

    def results(self) -> list[tuple[Row, figures.Result]]:
        return [
            (row, figures.reduce(
                figure, self.samples[row.name, figure.key], self.names[0], self.names[1:], self.generators[row.name]))
            for row in self.rows for figure in row.figures]


def maker_of(name: str) -> Maker:
    return ENSEMBLES[name.removesuffix("-again")]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, help="default 5; with --quick 1")
    parser.add_argument("--quick", action="store_true", help="short: no figure to rely on")
    parser.add_argument(
        "--rows", default=",".join(GROUPS),
        help=f"groups: {', '.join(GROUPS)}; or rows: {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--subject", choices=ENSEMBLES, default="corral")
    parser.add_argument(
        "--reference", default="zookeeper,etcd", help="some of them, with commas; none. Targets are against the first")
    parser.add_argument("--dir", type=Path, default=BUILD / "data", help="on the disk to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, and not to docs/")
    args = parser.parse_args(arguments)
    args.references = [] if args.reference == "none" else args.reference.split(",")
    if unknown := set(args.references) - set(ENSEMBLES):
        parser.error(f"no ensemble {', '.join(sorted(unknown))}: choose from {', '.join(ENSEMBLES)}, none")
    try:
        args.rows = chosen(args.rows)
    except ValueError as error:
        parser.error(str(error))
    args.rounds = args.rounds or (1 if args.quick else 5)
    args.dir = args.dir.resolve()
    return args


def on_sigterm(*_: object) -> None:
    raise KeyboardInterrupt


def tell(args: argparse.Namespace, run: Run, results: Iterable[tuple[Row, figures.Result]]) -> None:
    """The table, and the files."""
    rows = list(results)
    for name, value in run.about.items():
        print(f"{name:20} {value}")
    print()
    print(figures.table([result for _, result in rows], subject=run.names[0], references=run.names[1:]))
    if args.quick:
        print("\nA quick run: the JVM is cold and the rounds are short. No figure to rely on.")
    stored = report.as_stored(run.about, run.names, rows, is_quick=args.quick)
    if args.json:
        report.write_json(args.json, stored)
    elif not args.quick:
        report.merge(BUILD / "results.json", stored)
        report.write_docs(BUILD / "results.json", ROOT / "docs")


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        run = Run(args)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    try:
        complete = run.run()
    except KeyboardInterrupt:
        say("bench: interrupted; all processes are stopped; this is what was measured")
        complete, args.json = False, args.json or BUILD / "interrupted.json"
    if not run.samples:
        return 1
    results = run.results()
    tell(args, run, results)
    failed = any(result.verdict is figures.Verdict.FAILED for _, result in results)
    return 1 if failed or not complete else 0


if __name__ == "__main__":
    sys.exit(main())
