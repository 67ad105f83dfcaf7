"""The client port as the kernel has it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.systemd.units import Host
from tests.waiting import wait_until


@pytest.mark.skipif(shutil.which("ss") is None, reason="no ss here (iproute2)")
def test_the_queue_of_accepts_is_as_long_as_the_configuration_says(tmp_path: Path) -> None:
    host = Host(tmp_path, text="clientPortListenBacklog=777\nclientPortAddress=127.0.0.1")
    try:
        processor = host.start("processor")
        line = wait_until(lambda: next(
            (line for line in processor.text.splitlines() if "clients_welcome" in line), ""))
        shown = subprocess.run(
            ["ss", "--listening", "--tcp", "--numeric", "--no-header", f"sport = :{json.loads(line)['port']}"],
            capture_output=True, text=True, check=True).stdout
    finally:
        host.close()

    assert shown.split()[2] == "777"
