"""Which processes belong to an ensemble, and what they use."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench import procfs

MARKER = f"PROCFS_TEST={os.getpid()}"
PARENT_AND_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=sys.stdin)
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | dict([MARKER.split("=")])
    with subprocess.Popen(
        [sys.executable, "-c", PARENT_AND_CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        yield process
        procfs.end(MARKER)


def child_of(parent: subprocess.Popen[str]) -> int:
    assert parent.stdout
    return int(parent.stdout.readline())


def test_the_mark_of_an_ensemble_reaches_the_processes_of_its_processes(
    parent: subprocess.Popen[str],
) -> None:
    child = child_of(parent)

    assert procfs.with_environment(MARKER) == {parent.pid, child}
    assert procfs.descendants([parent.pid]) == {parent.pid, child}


def test_none_of_an_ensemble_is_left_after_its_end(parent: subprocess.Popen[str]) -> None:
    child = child_of(parent)

    procfs.end(MARKER)

    assert not procfs.is_alive(parent.pid)
    assert not procfs.is_alive(child)
    assert procfs.with_environment(MARKER) == set()


def test_memory_and_cpu_are_those_of_the_living_processes() -> None:
    assert 5 < procfs.pss_mb([os.getpid()]) < 2000
    assert procfs.cpu_seconds([os.getpid()]) > 0
    assert "pytest" in procfs.command_line(os.getpid())
    no_such_process = 2**22 + 1  # above the kernel's largest pid
    assert procfs.pss_mb([no_such_process]) == procfs.cpu_seconds([no_such_process]) == 0
