"""The compiled wheel does what the Python that it is made of does: the tests of that, run with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.compiled import ROOT
from tests.compiled.conftest import HAS_COMPILER

SEEN_BY_TESTS = (
    "README.md", "ansible", "bench", "dashboards", "docs", "examples", "pyproject.toml", "systemd", "tests")
HOT = {"execute", "set_data", "leader", "proposals", "follower", "processor", "broadcast", "log", "histogram"}
IS_WHOLE = bool(os.environ.get("CORRAL_TEST_ALL"))
CORES = ("tests/tree", "tests/zab", "tests/requests", "tests/sessions", *(["tests/processes"] if IS_WHOLE else ()))
PATCHES = "tests/zab/test_paper_broken.py"  # methods, which compiled classes do not let it
CLIENTS = ("tests/clients/test_kazoo_nodes.py", "tests/clients/test_kazoo_watches.py",
           "tests/clients/test_kazoo_transactions.py", *(["tests/clients/test_kazoo_sessions.py"] if IS_WHOLE else ()))
KINDS = "not genuine" if IS_WHOLE else "not genuine and not processors"

pytestmark = [
    pytest.mark.skipif(
        not HAS_COMPILER and os.environ.get("CI") != "true",
        reason="NOT COMPILED: no gcc, or no Python.h: .ci/packages"),
    pytest.mark.timeout(1200),  # the first one waits for the compiler
]


def run(compiled: Path, folder: Path, *tests: str) -> "subprocess.CompletedProcess[str]":
    """pytest in a folder that has everything but Corral itself, which comes from *compiled*."""
    for name in SEEN_BY_TESTS:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    environment = {**os.environ, "PYTHONPATH": str(compiled)}
    command = [sys.executable, "-P", "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "--timeout=300", *tests]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_hot_modules_are_compiled(compiled: Path) -> None:
    compiled_modules = {path.name.partition(".")[0] for path in compiled.rglob("*.so")}

    assert compiled_modules >= HOT


def test_the_cores_pass_their_tests(compiled: Path, tmp_path: Path) -> None:
    done = run(compiled, tmp_path, *CORES, f"--ignore={PATCHES}")

    assert done.returncode == 0, done.stdout[-5000:]
    where = subprocess.run(
        [sys.executable, "-P", "-c", "import node.tree.execute as it; print(it.__file__)"], cwd=tmp_path, text=True,
        env={**os.environ, "PYTHONPATH": str(compiled)}, capture_output=True, check=True)
    assert where.stdout.strip().endswith(".so")


def test_stock_clients_see_no_difference(compiled: Path, tmp_path: Path) -> None:
    done = run(compiled, tmp_path, *CLIENTS, "-k", KINDS)

    assert done.returncode == 0, done.stdout[-5000:]
