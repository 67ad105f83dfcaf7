"""python -m tests.fuzz: the long run. Inputs that do harm are kept, and named with the way to run them again.

With --engine atheris (pip install --group fuzz) inputs are led by the code that they reach, each target in a process of
its own; without it they are changed at random. What atheris found to reach something new is kept from run to run.
Exits with 1 if any input did harm.
"""

import argparse
import hashlib
import importlib.util
import random
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.edits import INPUT_BYTES_MAX, edited, random_edits

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

PACKAGES = ["node", "transport", "observability"]
FOUND = Path("build/fuzz")
POOL_MAX = 400
LED = "--led"
HARM = 77  # libFuzzer's exit code
TAIL = 4000  # characters of what libFuzzer said last
EXAMPLES = """examples:
  python -m tests.fuzz --minutes 10
  python -m tests.fuzz --minutes 2 --targets client,batch --seed 7
  python -m tests.fuzz --input build/fuzz/client-1a2b3c --targets client
  python -m tests.fuzz --engine atheris --minutes 60
"""


def main() -> int:
    if LED in sys.argv:
        import atheris

        with atheris.instrument_imports(include=PACKAGES):
            import tests.fuzz.targets  # noqa: F401
    from tests.fuzz.targets import TARGETS, target_of

    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5, help="in all (default: 5)")
    parser.add_argument("--targets", default=",".join(each.name for each in TARGETS), help="some of them, with commas")
    parser.add_argument("--seed", type=int, default=None, help="of the changes; any by default, and printed")
    parser.add_argument("--input", type=Path, help="run this file alone")
    parser.add_argument("--engine", choices=["random", "atheris"], default="random", help="how inputs are changed")
    parser.add_argument(LED, metavar="TARGET", help=argparse.SUPPRESS)  # what --engine atheris runs for each
    options = parser.parse_args()
    targets = [target_of(name) for name in options.targets.split(",")]
    if options.input:
        for target in targets:
            target.run(options.input.read_bytes())
        return 0
    if options.led:
        return led_by_coverage(target_of(options.led), options.minutes)
    if options.engine == "atheris":
        return with_atheris(targets, options.minutes / len(targets))
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    say(f"seed {seed}, {options.minutes:g} minutes, {len(targets)} targets")
    harmful = [fuzz(target, random.Random(f"{seed} {target.name}"), options.minutes * 60 / len(targets))
               for target in targets]
    say(f"{sum(harmful)} harmful inputs" if any(harmful) else "no input did harm")
    return int(any(harmful))


def fuzz(target: "Target", rng: random.Random, seconds: float) -> int:
    """How many harmful inputs were found; of one kind of failure, one is kept."""
    seeds = target.seeds()
    pool, told = list(seeds), set[str]()
    ends = time.monotonic() + seconds
    runs = 0
    while time.monotonic() < ends:
        data = edited(rng.choice(pool), random_edits(rng), pool)
        runs += 1
        try:
            target.run(data)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what we look for
            where = "".join(traceback.format_tb(error.__traceback__)[-1:])
            if f"{type(error)}{where}" not in told:
                told.add(f"{type(error)}{where}")
                keep(target, data)
        # An input that did no harm is the start of later ones: changes add up.
        if rng.random() < 0.05:
            if len(pool) < POOL_MAX:
                pool.append(data)
            else:
                pool[rng.randrange(len(seeds), POOL_MAX)] = data
    say(f"{target.name:10} {runs:9,} inputs, {runs / seconds:8,.0f}/s, {len(told)} harmful")
    return len(told)


def keep(target: "Target", data: bytes) -> None:
    FOUND.mkdir(parents=True, exist_ok=True)
    path = FOUND / f"{target.name}-{hashlib.sha256(data).hexdigest()[:8]}"
    path.write_bytes(data)
    say(traceback.format_exc())
    say(f"HARM: python -m tests.fuzz --targets {target.name} --input {path}")


def with_atheris(targets: Sequence["Target"], minutes: float) -> int:
    """*minutes* for each; libFuzzer ends the process where an input did harm."""
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is missing: pip install --group fuzz")
    harmful = 0
    for target in targets:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz", LED, target.name, "--minutes", str(minutes)],
            stderr=subprocess.PIPE, text=True, check=False)
        runs = re.findall(r"^#(\d+)\s+\w+\s+cov: (\d+)", done.stderr, re.MULTILINE)
        count, covered = runs[-1] if runs else (0, 0)
        outcome = {0: "", HARM: ", HARM:"}.get(done.returncode, ", FAILED:")
        say(f"{target.name:10} {int(count):9,} inputs, {covered} places reached{outcome}")
        if outcome:
            harmful += 1
            say(done.stderr[-TAIL:])
    say(f"{harmful} targets were harmed, or failed; inputs in {FOUND}" if harmful else "no input did harm")
    return int(bool(harmful))


def led_by_coverage(target: "Target", minutes: float) -> int:
    """Does not come back: libFuzzer ends the process, with 77 where an input did harm."""
    import atheris

    seeds = FOUND / "seeds" / target.name
    seeds.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        (seeds / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    atheris.Setup([
        sys.argv[0], f"-max_total_time={int(minutes * 60)}", f"-max_len={INPUT_BYTES_MAX}", "-timeout=60",
        f"-artifact_prefix={FOUND}/{target.name}-", str(seeds)], target.run)
    atheris.Fuzz()
    return 0


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
