"""Corral against genuine ZooKeeper, three members each on this machine, in turn: a table of ratios.

    make bench                                   five rounds of every row (about 20 minutes)
    python -m bench.run --quick                  one short round: does it run, roughly
    python -m bench.run --rows set,get --rounds 3
    python -m bench.run --reference none         Corral alone, without ratios
    python -m bench.run --subject zookeeper      ZooKeeper against itself: what noise looks like
"""

import argparse
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import figures, machine
from bench.ensembles import ENSEMBLES, Ensemble, EnsembleError
from bench.load import BenchError, build
from bench.measure import FULL, QUICK, Bench
from bench.rows import ROWS, Kind, Row

BUILD = Path(__file__).parent.parent / "build" / "bench"

Samples = dict[tuple[str, str], list[tuple[float | None, float | None]]]


def attempt(bench: Bench, row: Row, ensemble: Ensemble) -> dict[str, float]:
    """A failed measurement is told and leaves a hole; an ensemble that is gone ends the run."""
    try:
        return bench.measure(row, ensemble)
    except EnsembleError:
        raise
    except BenchError as error:
        say(f"{row.name}: {ensemble.name}: {error}")
        ensemble.wait_serving()
        return {}


def run_round(
    bench: Bench, row: Row, turn: int, subject: Ensemble, reference: Ensemble | None
) -> dict[str, tuple[float | None, float | None]]:
    """(subject, reference) by figure.  Who begins changes with the turn: neither owns a drift."""
    order = [subject] if reference is None else [subject, reference]
    values = {
        ensemble: attempt(bench, row, ensemble) for ensemble in order[:: -1 if turn % 2 else 1]
    }
    theirs = {} if reference is None else values[reference]
    return {f.key: (values[subject].get(f.key), theirs.get(f.key)) for f in row.figures}


def run_rows(
    bench: Bench,
    rows: Sequence[Row],
    rounds: int,
    subject: Ensemble,
    reference: Ensemble | None,
    samples: Samples,
) -> None:
    """Round by round, not row by row: a machine that changes in time touches all rows alike."""
    for turn in range(rounds):
        for row in rows:
            for key, pair in run_round(bench, row, turn, subject, reference).items():
                samples[row.name, key].append(pair)
                shown = [
                    f"{'failed' if value is None else figures.number(value):>12}"
                    for value in (pair if reference else pair[:1])
                ]
                say(f"  {turn + 1}/{rounds} {row.name:8}{key:16}" + "".join(shown))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def results_of(rows: Iterable[Row], samples: Samples) -> list[tuple[Row, figures.Result]]:
    return [
        (row, figures.reduce(figure, samples[row.name, figure.key]))
        for row in rows
        for figure in row.figures
    ]


def run_kinds(
    bench: Bench,
    args: argparse.Namespace,
    subject: Ensemble,
    reference: Ensemble | None,
    samples: Samples,
) -> None:
    """Memory before anything was written; then warm; load; and the faults last."""
    for kind in Kind:
        rows = [row for row in args.rows if row.kind is kind]
        if kind is Kind.IDLE and any(row.kind is not Kind.MEMORY for row in args.rows):
            for ensemble in filter(None, (subject, reference)):
                say(f"warming up {ensemble.name}")
                bench.warm_up(ensemble)
        rounds = 1 if kind is Kind.MEMORY else args.rounds
        run_rows(bench, rows, rounds, subject, reference, samples)


def measure_all(args: argparse.Namespace, samples: Samples) -> tuple[dict[str, str], bool]:
    """Machine and versions, and whether the run came to its end; samples hold what was measured."""
    bench = Bench(build("zkload", BUILD), QUICK if args.quick else FULL)
    args.dir.mkdir(parents=True, exist_ok=True)
    about = machine.describe(BUILD, args.dir)
    subject = ENSEMBLES[args.subject](args.dir / "subject")
    reference = None
    if args.reference != "none":
        reference = ENSEMBLES[args.reference](args.dir / "reference")
    try:
        with ExitStack() as stack:
            for ensemble in filter(None, (subject, reference)):
                say(f"starting {ensemble.name}")
                stack.enter_context(ensemble.running())
                about[ensemble.folder.name] = ensemble.version()
            run_kinds(bench, args, subject, reference, samples)
    except EnsembleError as error:
        say(f"bench: {error}")
        return about, False
    return about, True


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ",".join(row.name for row in ROWS)
    parser.add_argument("--rounds", type=int, help="default 5; with --quick 1")
    parser.add_argument("--quick", action="store_true", help="short: no figure to rely on")
    parser.add_argument("--rows", default=names, help=f"some of {names}")
    parser.add_argument("--subject", choices=ENSEMBLES, default="corral")
    parser.add_argument("--reference", choices=[*ENSEMBLES, "none"], default="zookeeper")
    parser.add_argument("--dir", type=Path, default=BUILD / "data", help="on the disk to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    args = parser.parse_args(arguments)
    chosen = args.rows.split(",")
    if unknown := set(chosen) - {row.name for row in ROWS}:
        parser.error(f"no row {', '.join(sorted(unknown))}: choose from {names}")
    args.rows = [row for row in ROWS if row.name in chosen]
    args.rounds = args.rounds or (1 if args.quick else 5)
    args.dir = args.dir.resolve()
    return args


def on_sigterm(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    signal.signal(signal.SIGTERM, on_sigterm)
    samples: Samples = defaultdict(list)
    try:
        about, complete = measure_all(args, samples)
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; all processes are stopped")
    if not samples:
        return 1
    results = results_of(args.rows, samples)
    for name, value in about.items():
        print(f"{name:20} {value}")
    reference = None if args.reference == "none" else args.reference
    print()
    print(
        figures.table([result for _, result in results], subject=args.subject, reference=reference)
    )
    if args.quick:
        print("\nA quick run: the JVM is cold and the rounds are short. No figure to rely on.")
    if args.json:
        told = [{"row": row.name, **figures.as_json(result)} for row, result in results]
        args.json.write_text(json.dumps({"about": about, "results": told}, indent=2) + os.linesep)
    failed = any(result.verdict is figures.Verdict.FAILED for _, result in results)
    return 1 if failed or not complete else 0


if __name__ == "__main__":
    sys.exit(main())
