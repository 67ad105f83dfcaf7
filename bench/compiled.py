"""Corral as its wheel has it, hot modules compiled: what a host runs, while a work tree runs plain Python.

    python -m bench.compiled        builds it, if the sources have changed since; prints the folder for PYTHONPATH

build/compiled/SUM/lib is the wheel, installed; SUM is that of all the sources that went into it.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.load import BenchError

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "compiled"
PARTS = ("node", "transport", "observability")
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")


def library() -> Path:
    """The folder, built now unless it is there.  Raises BenchError: it cannot be, and why."""
    folder = BUILD / _sum() / "lib"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    builder = str(ROOT / "ansible" / "build_wheel.py")
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        wheel = _run(sys.executable, builder, "--compiled", "--output", temporary).strip()
        made = Path(temporary, "lib")
        _run(*PIP, "install", "--no-deps", "--target", str(made), wheel)
        if not folder.exists():  # else another one was as quick
            made.rename(folder)
    for other in BUILD.glob("*/lib"):
        if other != folder:
            shutil.rmtree(other.parent, ignore_errors=True)
    return folder


def _sum() -> str:
    sources = [path for part in PARTS for path in (ROOT / part).rglob("*.py")]
    found = hashlib.sha256(f"{sys.implementation.cache_tag}".encode())
    for path in sorted([*sources, ROOT / "pyproject.toml", ROOT / "ansible" / "build_wheel.py"]):
        found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(command[:4])} …: {done.stderr.strip() or done.returncode}")
    return done.stdout


def main() -> None:
    try:
        print(library())
    except BenchError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
