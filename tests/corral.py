"""A Corral ensemble on loopback for a test, started as a user starts one: by `corral up`."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import wait_until
from tests.wire import Address, four_letter

ROOT = Path(__file__).parent.parent
DOWN_DEADLINE_S = 30.0


@dataclass(frozen=True)
class Corral:
    """A serving ensemble.  addresses: of its members 1, 2, … for clients."""

    data: Path
    addresses: list[Address]

    def command(self, *arguments: str) -> str:
        """What `corral ARGUMENTS --data DIR` prints, for this ensemble: stop, start, kill ID."""
        done = subprocess.run(corral(*arguments, "--data", str(self.data)), cwd=ROOT, check=True, capture_output=True)
        return done.stdout.decode()


def corral(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "node", *arguments]


@contextlib.contextmanager
def corral_ensemble(data: Path, *, members: int = 3, settings: tuple[str, ...] = ()) -> Iterator[Corral]:
    """All members of the ensemble serve; they end with the context.  settings: KEY=VALUE."""
    options = [option for setting in settings for option in ("--set", setting)]
    command = corral("up", "--json", "--members", str(members), "--client-port", "0", *options)
    with open(f"{data}.up.log", "wb") as log:
        up = subprocess.Popen(
            [*command, "--data", str(data)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert up.stdout is not None
        line = up.stdout.readline()
        if not line:
            raise AssertionError(f"corral up: {Path(log.name).read_text()[-4000:]}")
        addresses = [parse(text) for text in json.loads(line)["connect"].split(",")]
        for address in addresses:
            wait_until(functools.partial(serves, address), what=f"{address} serves")
        yield Corral(data, addresses)
    finally:
        os.kill(up.pid, signal.SIGINT)
        try:
            up.communicate(timeout=DOWN_DEADLINE_S)
        except subprocess.TimeoutExpired:
            up.kill()
            up.communicate()
            raise


def serves(address: Address) -> bool:
    return "Mode:" in four_letter(address, "srvr")


def parse(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
