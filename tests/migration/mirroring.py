"""`corral mirror` as a process: it follows in the background, or is done once."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.corral import ROOT, Ensemble


@contextmanager
def mirroring(corral: Ensemble, *arguments: str) -> Iterator[list[dict[str, Any]]]:
    """What `corral mirror` has said so far."""
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(
        [sys.executable, "-m", "node", "mirror", *arguments, "--json"], cwd=ROOT, env=corral.environment,
        stdout=subprocess.PIPE, text=True,
    ) as process:
        assert process.stdout is not None
        output = process.stdout
        reader = threading.Thread(target=lambda: lines.extend(map(json.loads, output)), daemon=True)
        reader.start()
        try:
            yield lines
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
            reader.join()
    assert lines[-1]["event"] == "ended"


def once(corral: Ensemble, *arguments: str) -> dict[str, Any]:
    done = corral.corral("mirror", *arguments, "--once", "--json", check=False)
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert last["same"] == (done.returncode == 0), done.stderr
    return last
