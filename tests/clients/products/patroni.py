"""Patroni, as Debian packages it: members of a PostgreSQL cluster that find their leader by ZooKeeper's protocol."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clients.programs.running import require
from tests.genuine import free_ports
from tests.waiting import wait_until
from tests.wire_connection import Address

HOST = "127.0.0.1"
BINARIES = Path("/usr/lib/postgresql/15/bin")
PATRONI = Path("/usr/bin/patroni")
PATRONICTL = Path("/usr/bin/patronictl")
KAZOO = Path("/usr/lib/python3/dist-packages/kazoo")  # by which Patroni speaks
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
TTL_S = 20  # the least that Patroni takes
DEADLINE_S = 180


def require_patroni() -> None:
    """Skip the test, or fail it in CI, where it is not installed."""
    require(PATRONI, PATRONICTL, KAZOO, BINARIES, "setpriv", package="patroni python3-kazoo postgresql-15")
    if os.geteuid() != 0:
        pytest.skip("NOT RUN: it takes root to run PostgreSQL as its own user")


@dataclass
class Node:
    """One PostgreSQL with its Patroni."""

    name: str
    directory: Path
    postgres_port: int
    api_port: int
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def write_config(self, servers: Sequence[Address]) -> None:
        passwords = {
            "superuser": {"username": "postgres", "password": "p"},
            "replication": {"username": "replicator", "password": "r"},
        }
        config = {
            "scope": "pg",
            "name": self.name,
            "restapi": {"listen": f"{HOST}:{self.api_port}", "connect_address": f"{HOST}:{self.api_port}"},
            "zookeeper": {"hosts": [f"{host}:{port}" for host, port in servers]},
            "bootstrap": {
                "dcs": {"ttl": TTL_S, "loop_wait": 1, "retry_timeout": 3, "postgresql": {"use_pg_rewind": True}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
                "pg_hba": [f"host all all {HOST}/32 md5", f"host replication replicator {HOST}/32 md5"],
            },
            "postgresql": {
                "listen": f"{HOST}:{self.postgres_port}",
                "connect_address": f"{HOST}:{self.postgres_port}",
                "data_dir": str(self.directory / "data"),
                "bin_dir": str(BINARIES),
                "pgpass": str(self.directory / "pgpass"),
                "authentication": passwords,
                "parameters": {
                    "unix_socket_directories": str(self.directory), "fsync": "off", "shared_buffers": "16MB",
                },
            },
        }
        (self.directory / "patroni.yml").write_text(yaml.safe_dump(config))

    def start(self) -> None:
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*AS_POSTGRES, PATRONI, self.directory / "patroni.yml"], cwd=self.directory, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)

    def stop(self) -> None:
        """Patroni alone, in good order; where it is paused PostgreSQL goes on."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=120)
        self.process = None

    def kill(self) -> None:
        """As when its machine dies: Patroni and PostgreSQL at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(self.postmaster(), signal.SIGQUIT)

    def postmaster(self) -> int:
        """The pid of PostgreSQL.  Raises FileNotFoundError."""
        return int((self.directory / "data/postmaster.pid").read_text().split()[0])

    def says(self) -> dict[str, Any]:
        """How it is, by its API; empty where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.api_port}/patroni", timeout=10) as answer:
                said: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            said = json.load(error)
        except OSError:
            said = {}
        return said

    def role(self) -> str:
        """master, replica, or nothing while it is neither."""
        assert self.process is None or self.process.poll() is None, f"it ended:\n{self.log()[-2000:]}"
        said = self.says()
        return str(said.get("role", "")) if said.get("state") == "running" else ""

    def switch_over(self, candidate: str) -> None:
        body = json.dumps({"leader": self.name, "candidate": candidate}).encode()
        request = urllib.request.Request(f"http://{HOST}:{self.api_port}/switchover", body, method="POST")
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()

    def control(self, *arguments: str) -> str:
        """What patronictl says."""
        done = subprocess.run(
            [PATRONICTL, "-c", self.directory / "patroni.yml", *arguments], capture_output=True, text=True, check=False,
            timeout=300)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout

    def query(self, sql: str) -> str:
        done = subprocess.run(
            [BINARIES / "psql", "-AtX", f"host={HOST} port={self.postgres_port} user=postgres password=p", "-c", sql],
            capture_output=True, text=True, check=False, timeout=60)
        return done.stdout.strip() if done.returncode == 0 else f"error: {done.stderr}"

    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")


@contextlib.contextmanager
def postgres_nodes(servers: Sequence[Address], *names: str) -> Iterator[list[Node]]:
    """Not started yet; nothing of them is left behind."""
    directory = Path(tempfile.mkdtemp(prefix="patroni-"))  # pytest's own are closed to the user postgres
    ports = free_ports(2 * len(names))
    nodes = [Node(name, directory / name, ports[2 * i], ports[2 * i + 1]) for i, name in enumerate(names)]
    try:
        for node in nodes:
            node.directory.mkdir()
            node.write_config(servers)
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, "postgres", "postgres")
        yield nodes
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(directory, ignore_errors=True)


def becomes(node: Node, role: str) -> None:
    try:
        wait_until(lambda: node.role() == role, seconds=DEADLINE_S, what=f"{node.name} is {role}")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{node.log()[-3000:]}") from error


def has_rows(node: Node, rows: str) -> None:
    wait_until(lambda: node.query("select string_agg(v, ',' order by v) from t") == rows, seconds=DEADLINE_S,
               what=f"{node.name} has {rows}")
