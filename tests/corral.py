"""Corral as its users run it: an ensemble by the command line, for tests that need real processes.

`corral_ensemble` is the context; `Servers` is what a test may rely on when it runs against genuine
ZooKeeper too (tests/clients/genuine_ensemble.py); `kazoo_client` is an unmodified client.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kazoo.client import KazooClient

from node.cli.local import LocalEnsemble, load_ensemble
from node.run_dir import METRICS_PORT
from node.running import RunningMember
from tests.waiting import wait_until
from tests.wire_connection import Address

ROOT = Path(__file__).parent.parent
COMMAND_S = 90.0  # `up` itself gives up after 60
CONNECT_S = 30.0


class Servers(Protocol):
    """An ensemble of either kind.  Members are numbered from 1; addresses are in their order."""

    name: str

    @property
    def addresses(self) -> list[Address]: ...

    def stop(self, member: int) -> None:
        """Returns when it has ended."""

    def start(self, member: int) -> None:
        """Returns when it serves."""

    def kill(self, member: int) -> None:
        """SIGKILL to all its processes."""

    def pids(self, member: int) -> dict[str, int]:
        """Name of each process to its pid."""
        ...

    def log(self, member: int) -> str:
        """All that the member has printed."""
        ...


@dataclass
class Ensemble:
    """A detached local ensemble, by `corral up`."""

    data: Path
    environment: Mapping[str, str]
    name: str = "corral"

    @property
    def local(self) -> LocalEnsemble:
        return load_ensemble(self.data)

    @property
    def addresses(self) -> list[Address]:
        return [(address.host, address.port) for address in self.local.client_addresses]

    def corral(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run one command.  check: fail the test, with all that it said, where it fails."""
        return corral(*arguments, environment=self.environment, check=check)

    def stop(self, member: int) -> None:
        self.corral("stop", str(member), "--data", str(self.data))

    def kill(self, member: int) -> None:
        self.corral("kill", str(member), "--data", str(self.data))

    def start(self, member: int) -> None:
        self.corral("start", str(member), "--data", str(self.data))
        wait_until(lambda: self.serves(member), seconds=60, what=f"member {member} serves again")

    def serves(self, member: int) -> bool:
        return any(m["id"] == member and m["serving"] for m in self.status()["members"])

    def status(self) -> dict[str, Any]:
        """What `corral status --json` prints, whether or not a quorum serves."""
        done = self.corral("status", "--data", str(self.data), "--json", check=False)
        status: dict[str, Any] = json.loads(done.stdout)
        return status

    def leader(self) -> int:
        """The id of the serving leader; waits for one."""

        def serving_leader() -> int:
            members = self.status()["members"]
            return next((m["id"] for m in members if m["role"] == "leader" and m["serving"]), 0)

        return wait_until(serving_leader, seconds=60, what="a leader serves")

    def running(self, member: int) -> RunningMember | None:
        return self.local.running(self.local.member(member))

    def pids(self, member: int) -> dict[str, int]:
        """Those that run now, the supervisor too: {"supervisor": …, "broadcast": …, …}."""
        running = self.running(member)
        if running is None:
            return {}
        processes = {process.name: process.pid for process in running.processes if process.pid}
        return {"supervisor": running.pid, **processes}

    def signal(self, member: int, process: str, number: signal.Signals) -> None:
        os.kill(self.pids(member)[process], number)

    def home(self, member: int) -> Path:
        return self.data / f"m{member}"

    def log(self, member: int) -> str:
        return (self.home(member) / "log").read_text(errors="replace")

    def admin(self, member: int, path: str = "") -> str:
        """A URL of its telemetry, which nobody else waits for: `up` and `start` return before it is there."""
        file = self.local.run_dir(self.local.member(member)) / METRICS_PORT
        wait_until(file.exists, what=f"telemetry of member {member} serves")
        host = self.local.config(self.local.member(member)).metrics_address
        return f"http://{host}:{file.read_text().strip()}{path}"


def corral(*arguments: str, environment: Mapping[str, str], check: bool = True) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-m", "node", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_S,
    )
    if check and done.returncode:
        raise AssertionError(f"corral {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


@contextlib.contextmanager
def corral_ensemble(
    directory: Path,
    *,
    members: int = 3,
    host: str = "127.0.0.1",
    settings: Mapping[str, str] | None = None,
    name: str = "corral",
) -> Iterator[Ensemble]:
    """A serving ensemble on free ports; settings: more lines for each zoo.cfg, before or instead.

    When it ends, what its members printed lies in directory/logs; nothing of it runs any more.
    """
    directory.mkdir(parents=True, exist_ok=True)
    # `up` remembers the last ensemble of this user: that of the user stays what it was.
    environment = {**os.environ, "XDG_DATA_HOME": str(directory / "home")}
    ensemble = Ensemble(directory / "ensemble", environment, name)
    options = [f"--set={key}={value}" for key, value in (settings or {}).items()]
    try:
        ensemble.corral(
            "up",
            "--detach",
            "--json",
            f"--members={members}",
            "--client-port=0",
            f"--host={host}",
            f"--data={ensemble.data}",
            *options,
        )
        yield ensemble
    finally:
        end(ensemble, directory / "logs")


def end(ensemble: Ensemble, logs: Path) -> None:
    """Stop what runs, whatever state it is in, keep the logs, delete the rest."""
    if not (ensemble.data / "ensemble.json").exists():  # `up` failed, and has cleaned up
        return
    logs.mkdir(exist_ok=True)
    for member in ensemble.local.members:
        shutil.copyfile(ensemble.home(member.id) / "log", logs / f"m{member.id}")
    left = [pid for m in ensemble.local.members for pid in ensemble.pids(m.id).values()]
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)  # a test may have stopped it
    ensemble.corral("down", "--wipe", "--data", str(ensemble.data))


# Clients ------------------------------------------------------------------------------------------


def connect_string(addresses: Sequence[Address], chroot: str = "") -> str:
    """As clients take it: v6 addresses in brackets."""
    hosts = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in addresses]
    return ",".join(hosts) + chroot


@contextlib.contextmanager
def kazoo_client(
    addresses: Sequence[Address], *, chroot: str = "", timeout_s: float = 10.0, **options: Any
) -> Iterator[KazooClient]:
    """A connected client; its session is closed at the end, if it lives still."""
    client = KazooClient(connect_string(addresses, chroot), timeout=timeout_s, **options)
    try:
        client.start(timeout=CONNECT_S)
        yield client
    finally:
        client.stop()
        client.close()


def fresh_root(servers: Servers, prefix: str = "t") -> str:
    """A new znode of its own for a test: its clients take it for their root."""
    path = f"/{prefix}-{uuid.uuid4().hex[:12]}"
    with kazoo_client(servers.addresses) as client:
        client.create(path)
    return path
