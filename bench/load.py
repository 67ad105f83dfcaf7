"""The C tools of the bench: built when needed, run with a bound on their time."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent
SPARE_S = 60.0  # beyond a run's own time: making its nodes, removing them, last replies


class BenchError(Exception):
    """A measurement or an ensemble failed; the text says which and what to do."""


def build(name: str, folder: Path) -> Path:
    """The program made from NAME.c; made anew only where the source is newer."""
    source, program = SOURCES / f"{name}.c", folder / name
    if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
        return program
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BenchError("no C compiler: apt-get install gcc libc6-dev")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)], check=True
    )
    return program


def result_of(command: Sequence[str], output: str, errors: str, code: int) -> dict[str, Any]:
    """The JSON object that a tool printed.  Raises BenchError: one reply or more was wrong."""
    if code:
        told = errors.strip().splitlines()[:3] or [f"exit code {code}"]
        raise BenchError(f"{Path(command[0]).name}: {'; '.join(told)}")
    result: dict[str, Any] = json.loads(output)
    return result


def value_at(result: dict[str, Any], key: str) -> float:
    """key: names with dots between, as latency_us.p50."""
    value: Any = result
    for name in key.split("."):
        value = value[name]
    return float(value)


class Load:
    """One run of zkload that goes on while the caller does something else."""

    def __init__(self, zkload: Path, arguments: Sequence[str], *, seconds: float) -> None:
        self.command = [str(zkload), *arguments]
        self.seconds = seconds
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def result(self) -> dict[str, Any]:
        """Waits for its end.  Raises BenchError: wrong replies, or it hangs."""
        try:
            output, errors = self.process.communicate(timeout=self.seconds + SPARE_S)
        except subprocess.TimeoutExpired as expired:
            raise BenchError(f"zkload still runs after {expired.timeout:.0f} s") from expired
        return result_of(self.command, output, errors, self.process.returncode)


def fsync_p50_us(programs: Path, folder: Path) -> float:
    """Median of fdatasync on the disk under the folder: the floor under a durable write."""
    program, file = build("fsynclat", programs), folder / "fsynclat.data"
    command = [str(program), str(file), "512", "1", "16"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SPARE_S, check=False)
    return value_at(result_of(command, done.stdout, done.stderr, done.returncode), "p50_us")
