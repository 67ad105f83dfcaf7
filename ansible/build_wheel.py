#!/usr/bin/env python3
"""Builds Corral's wheel; its hot modules are compiled by mypyc where there is a C compiler, else it is Python alone.

    python ansible/build_wheel.py                       into dist/, compiled if this machine can; says which
    python ansible/build_wheel.py --compiled            or it fails
    python ansible/build_wheel.py --pure --output DIR   for any Python and machine

What is compiled stands in pyproject.toml. A compiled wheel is for the version of Python that builds it, and takes a
minute or two. The work tree stays as it is: a copy is built.
"""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("node", "transport", "observability", "dashboards/alerts", "README.md", "pyproject.toml")
BUILDER = ("hatchling>=1.27",)
COMPILER = ("hatch-mypyc>=0.16", "mypy[mypyc]>=1.14", "setuptools")
ENABLED = "HATCH_BUILD_HOOK_ENABLE_MYPYC"


class WheelError(Exception):
    """The text names the cure."""


def missing() -> str:
    """What a compiled wheel needs and this machine has not; "" if it has all."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        return f"the headers of Python {version} (python3-dev)"
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    return "" if shutil.which(compiler) else f"a C compiler ({compiler}: gcc libc6-dev)"


def build(output: Path, *, compiled: bool) -> Path:
    """The wheel.  Raises WheelError."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        tree, made, venv = (Path(temporary, name) for name in ("tree", "made", "venv"))
        _copy_sources(tree)
        # Not `pip wheel`: it has the wheel built twice, once for its metadata.
        _run(sys.executable, "-m", "venv", str(venv))
        _run(str(venv / "bin/pip"), "--disable-pip-version-check", "--no-input", "install", "--quiet",
             *BUILDER, *((*COMPILER, *_dependencies()) if compiled else ()))
        _run(str(venv / "bin/hatchling"), "build", "--target", "wheel", "--directory", str(made),
             folder=tree, environment={**os.environ, ENABLED: "1" if compiled else "0"})
        wheel, = made.glob("*.whl")
        return Path(shutil.move(wheel, output / wheel.name))


def _dependencies() -> list[str]:
    """What Corral imports: the compiler reads its types."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [str(each) for each in project["dependencies"]]


def _run(*command: str, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        told = done.stdout.decode(errors="replace")[-4000:]
        raise WheelError(f"{' '.join(command[:4])} … ended with {done.returncode}:\n{told}")


def _copy_sources(tree: Path) -> None:
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copyfile(source, tree / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--compiled", action="store_true", help="fail where it cannot be compiled")
    which.add_argument("--pure", action="store_true", help="Python alone, for any machine")
    asked = parser.parse_args()
    lacks = "" if asked.pure else missing()
    if lacks and asked.compiled:
        sys.exit(f"wheel: not compiled for want of {lacks}")
    if lacks:
        sys.stderr.write(f"wheel: Python alone, for want of {lacks}\n")
    try:
        wheel = build(asked.output, compiled=not asked.pure and not lacks)
    except WheelError as error:
        sys.exit(f"wheel: {error}")
    sys.stdout.write(f"{wheel}\n")


if __name__ == "__main__":
    main()
