"""What Corral is compared with, and all ensembles by name."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

from bench.ensembles import MEMBERS, Corral, Ensemble, EnsembleError, Member, PlainCorral, free_ports


class ZooKeeper(Ensemble):
    """Debian's, by peers/zookeeper3."""

    name = "zookeeper"
    script = str(Path(__file__).parent / "peers" / "zookeeper3")

    port = 0

    def zookeeper3(self, command: str, *arguments: str, check: bool = True) -> str:
        words = (sys.executable, self.script, command, "--dir", str(self.folder / "data"))
        return self.run(*words, *arguments, check=check)

    def prepare(self) -> None:
        self.port = free_ports(range(24)) - 1

    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{self.port + number}" for number in range(1, self.count + 1)]

    def start(self, *, is_kept: bool = False) -> None:
        settings = [word for each in self.settings for word in ("--set", each)]
        kept = ["--keep"] if is_kept else []
        size = ("--port", str(self.port), "--members", str(self.count))
        self.zookeeper3("start", *size, *settings, *kept, *self.jars())

    def jars(self) -> tuple[str, ...]:
        """Of another release than Debian's."""
        return ()

    def stop(self, *, is_kept: bool = False) -> None:
        self.zookeeper3("stop", *([] if is_kept else ["--wipe"]), check=False)

    def change(self, settings: tuple[str, ...]) -> None:
        self.settings = (*self.settings, *settings)

    def status(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.zookeeper3("status").splitlines()]

    def members(self) -> list[Member]:
        return [
            Member(
                id=member["id"],
                address=f"127.0.0.1:{member['client_port']}",
                role=member["mode"] or "down",
                pids=frozenset([member["pid"]] if member["pid"] else []),
            )
            for member in self.status()
        ]

    def kill(self, member: Member) -> None:
        self.zookeeper3("kill", "--id", str(member.id))

    def restart(self, member: Member) -> None:
        self.zookeeper3("restart", "--id", str(member.id))

    def version(self) -> str:
        java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
        return f"ZooKeeper {self.status()[0]['version']}, {java.stderr.partition(chr(10))[0]}"


class ZooKeeper39(ZooKeeper):
    """3.9, of jars that `peers/get-zk39-jars build/bench/zk39jars` brings."""

    name = "zookeeper39"
    folder_of_jars = Path(__file__).parent.parent / "build" / "bench" / "zk39jars"

    def jars(self) -> tuple[str, ...]:
        if not self.folder_of_jars.exists():
            raise EnsembleError(f"no {self.folder_of_jars}: run bench/peers/get-zk39-jars {self.folder_of_jars}")
        return ("--jars", str(self.folder_of_jars))


class Etcd(Ensemble):
    """Debian's, by peers/etcd3; its load is peers/etcdload's."""

    name = "etcd"
    script = str(Path(__file__).parent / "peers" / "etcd3")
    port = 0

    def etcd3(self, command: str, *arguments: str, check: bool = True) -> str:
        words = (sys.executable, self.script, command, "--dir", str(self.folder / "data"))
        return self.run(*words, *arguments, check=check)

    def prepare(self) -> None:
        self.port = free_ports(range(24)) - 1

    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{self.port + number}" for number in range(1, self.count + 1)]

    def start(self, *, is_kept: bool = False) -> None:
        if is_kept:
            raise EnsembleError("etcd: peers/etcd3 begins with empty data always")
        self.etcd3("start", "--port", str(self.port), "--members", str(self.count))

    def stop(self, *, is_kept: bool = False) -> None:
        self.etcd3("stop", *([] if is_kept else ["--wipe"]), check=False)

    def change(self, settings: tuple[str, ...]) -> None:
        raise EnsembleError("etcd: it has no zoo.cfg")

    def members(self) -> list[Member]:
        told = [json.loads(line) for line in self.etcd3("status").splitlines()]
        return [
            Member(
                id=member["id"], address=f"127.0.0.1:{member['client_port']}", role=member["mode"] or "down",
                pids=frozenset([member["pid"]] if member["pid"] else []))
            for member in told
        ]

    def kill(self, member: Member) -> None:
        self.etcd3("kill", "--id", str(member.id))

    def restart(self, member: Member) -> None:
        self.etcd3("restart", "--id", str(member.id))

    def version(self) -> str:
        return f"etcd {json.loads(self.etcd3('status').splitlines()[0])['version']}"


class Maker(Protocol):
    def __call__(self, folder: Path, settings: tuple[str, ...] = (), *, count: int = MEMBERS) -> Ensemble: ...


ENSEMBLES: dict[str, Maker] = {
    "corral": Corral, "corral-plain": PlainCorral, "zookeeper": ZooKeeper, "zookeeper39": ZooKeeper39, "etcd": Etcd}
