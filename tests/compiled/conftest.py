"""The wheel is compiled beside the tests before these, of CPU that nobody else wants: it takes one a minute or two."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
HAS_COMPILER = shutil.which("gcc") is not None and Path(sysconfig.get_paths()["include"], "Python.h").exists()

builder: "pytest.StashKey[subprocess.Popen[str]]" = pytest.StashKey()


def pytest_collection_finish(session: pytest.Session) -> None:
    wants = any(HERE in item.path.parents and "compiled" in getattr(item, "fixturenames", ()) for item in session.items)
    if wants and HAS_COMPILER and not session.config.option.collectonly:
        session.config.stash[builder] = subprocess.Popen(
            [sys.executable, "-m", "bench.compiled"], cwd=ROOT, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        os.sched_setscheduler(session.config.stash[builder].pid, os.SCHED_IDLE, os.sched_param(0))


def pytest_sessionfinish(session: pytest.Session) -> None:
    process = session.config.stash.get(builder, None)
    if process is not None and process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)  # compilers, too
        process.communicate()


@pytest.fixture(scope="session")
def compiled(pytestconfig: pytest.Config) -> Path:
    """The folder for PYTHONPATH."""
    assert HAS_COMPILER, "no gcc, or no Python.h: .ci/packages"
    process = pytestconfig.stash[builder]
    if process.poll() is None:
        os.sched_setscheduler(process.pid, os.SCHED_OTHER, os.sched_param(0))  # somebody waits now
    out, why = process.communicate()
    assert process.returncode == 0, why
    return Path(out.strip())
