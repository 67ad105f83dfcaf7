"""Programs that use other clients: compiled where they must be, run against servers through a wire that can be cut,
and what they printed."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.clients.proxy import Proxy
from tests.corral import Servers, fresh_root

FOLDER = Path(__file__).parent
PROGRAM_S = 240
CUT = "> cut"


def require(*tools: str | Path, package: str) -> None:
    """Skip the test where one is missing, or fail it in CI. *package*: Debian's, that brings it."""
    for tool in tools:
        if not (Path(tool).exists() or shutil.which(str(tool))):
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"NOT RUN: no {tool}: apt install {package}")


def compiled(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PROGRAM_S)
    assert done.returncode == 0, done.stderr


def transcript(
    command: Sequence[str | Path], servers: Servers, directory: Path, environment: dict[str, str] | None = None
) -> list[str]:
    """What the program printed, given an address and a root of its own.  *directory*: for what it says of itself.
    Where it prints "> cut" its connections are cut; it may come back at once."""
    root = fresh_root(servers)
    directory.mkdir(parents=True, exist_ok=True)
    lines = []
    with (
        Proxy(servers.addresses[0]) as proxy,
        open(directory / f"{servers.name}.log", "wb") as log,
        subprocess.Popen(
            [*command, f"127.0.0.1:{proxy.address[1]}", root],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            cwd=directory,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line.rstrip().replace(root, "ROOT"))
                if line.startswith(CUT):
                    proxy.cut()
                    proxy.mend()
            code = process.wait(timeout=PROGRAM_S)
        finally:
            process.kill()
    assert code == 0, f"ended with {code}, its last lines: {lines[-10:]}"
    return lines
