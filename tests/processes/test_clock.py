"""The clock goes on while the machine sleeps: by CLOCK_BOOTTIME, which a time namespace moves on its own."""

import subprocess
import sys

import pytest

SLEPT_S = 86_400
NAMESPACE = ["unshare", "--time", "--boottime", str(SLEPT_S)]


def now_ms(*namespace: str) -> int:
    """As a process of a member sees it."""
    program = "from node.processes.loop import now_ms; print(now_ms())"
    done = subprocess.run([*namespace, sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if namespace and done.returncode:
        pytest.skip(f"no time namespace here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_after_a_suspend_leases_have_run_out() -> None:
    awake = now_ms()

    assert now_ms(*NAMESPACE) >= awake + SLEPT_S * 1000
