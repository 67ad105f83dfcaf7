"""Genuine ZooKeeper, as Debian packages it, started for a test: the judge of what compatible means.

CORRAL_ZOOKEEPER_JARS: a directory with the jars of another release, 3.9, which is then the judge instead.
"""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tests.wire_connection import Address, four_letter

JARS = os.environ.get("CORRAL_ZOOKEEPER_JARS", "")
CLASSPATH = (f"{JARS}/*",) if JARS else ("/usr/share/java/zookeeper.jar", "/usr/share/java/slf4j-simple.jar")
RELEASE = "3.9" if JARS else "3.8"  # as corral.compatibility says it
STANDALONE = "org.apache.zookeeper.server.ZooKeeperServerMain"
QUORUM = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
HOST = "127.0.0.1"
TICK_MS = 2000  # sessions are granted 2 to 20 ticks: Corral's default gives the same bounds
READY_DEADLINE_S = 60.0


def require_genuine() -> None:
    """Skip the test, or fail it in CI, where ZooKeeper is not installed."""
    missing = [jar for jar in CLASSPATH if not Path(jar.removesuffix("*")).exists()]
    if shutil.which("java") is None:
        missing.append("java")
    if not missing:
        return
    reason = f"NOT COMPARED with genuine ZooKeeper: no {', '.join(missing)}: apt install zookeeper"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def genuine_zookeeper(directory: Path, *, members: int = 1) -> Iterator[list[Address]]:
    """The client addresses of a serving ensemble; its processes end with the context."""
    require_genuine()
    processes: list[subprocess.Popen[bytes]] = []
    try:
        ports = free_ports(3 * members)
        processes.extend(  # one by one: those that run end even when the next does not start
            launch(directory / f"m{member}", member, members, ports) for member in range(1, members + 1)
        )
        addresses = [(HOST, port) for port in ports[:members]]
        for member, process in enumerate(processes, 1):
            wait_until_serving(process, addresses[member - 1], directory / f"m{member}")
        yield addresses
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago: ZooKeeper does not tell which one a 0 became."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind((HOST, 0))
        return [sock.getsockname()[1] for sock in sockets]


def launch(home: Path, member: int, members: int, ports: list[int]) -> subprocess.Popen[bytes]:
    home.mkdir(parents=True)
    settings = [
        f"dataDir={home}",
        f"clientPort={ports[member - 1]}",
        f"clientPortAddress={HOST}",
        f"tickTime={TICK_MS}",
        "initLimit=10",
        "syncLimit=5",
        "maxClientCnxns=0",
        "admin.enableServer=false",
        "4lw.commands.whitelist=*",
        "autopurge.purgeInterval=0",
    ]
    if members > 1:
        (home / "myid").write_text(f"{member}\n")
        settings += [f"server.{i + 1}={HOST}:{ports[members + i]}:{ports[2 * members + i]}" for i in range(members)]
    (home / "zoo.cfg").write_text("\n".join(settings) + "\n")
    with open(home / "log", "wb") as log:
        return subprocess.Popen(
            [
                "java",
                "-Xmx1g",
                "-XX:+UseSerialGC",
                "-Dzookeeper.forceSync=no",  # what is compared does not depend on the disk
                "-Dzookeeper.preAllocSize=4096",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-cp",
                ":".join(CLASSPATH),
                QUORUM if members > 1 else STANDALONE,
                str(home / "zoo.cfg"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
        )


def wait_until_serving(process: subprocess.Popen[bytes], address: Address, home: Path) -> None:
    def serves() -> bool:
        assert process.poll() is None, f"it ended:\n{(home / 'log').read_text()[-4000:]}"
        return "Mode:" in four_letter(address, "srvr")

    wait_until(serves, seconds=READY_DEADLINE_S, what=f"genuine ZooKeeper at {address}")
