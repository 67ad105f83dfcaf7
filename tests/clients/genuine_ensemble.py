"""Genuine ZooKeeper whose members can be stopped, killed and started again: the other `Servers`."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.genuine import CLASSPATH, QUORUM, STANDALONE, free_ports, require_genuine, wait_until_serving
from tests.wire_connection import Address

SETTINGS = {
    "tickTime": "2000",
    "initLimit": "10",
    "syncLimit": "5",
    "admin.enableServer": "false",
    "4lw.commands.whitelist": "*",
}


@dataclass
class GenuineEnsemble:
    directory: Path
    addresses: list[Address]
    name: str = "genuine"
    properties: Mapping[str, str] = field(default_factory=dict)
    jars: Sequence[str] = ()
    processes: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def home(self, member: int) -> Path:
        return self.directory / f"m{member}"

    def launch(self, member: int) -> None:
        main = QUORUM if len(self.addresses) > 1 else STANDALONE
        with open(self.home(member) / "log", "ab") as log:
            self.processes[member] = subprocess.Popen(
                [
                    "java",
                    "-Xmx1g",
                    "-XX:+UseSerialGC",
                    "-Dzookeeper.forceSync=no",  # what is tested does not depend on the disk
                    "-Dzookeeper.preAllocSize=4096",
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                    *(f"-D{name}={value}" for name, value in self.properties.items()),
                    "-cp",
                    ":".join((*CLASSPATH, *self.jars)),
                    main,
                    str(self.home(member) / "zoo.cfg"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home(member),
            )

    def await_serving(self, member: int) -> None:
        wait_until_serving(self.processes[member], self.addresses[member - 1], self.home(member))

    def start(self, member: int) -> None:
        self.launch(member)
        self.await_serving(member)

    def stop(self, member: int) -> None:
        process = self.processes.pop(member)
        process.terminate()
        process.wait()

    def kill(self, member: int) -> None:
        process = self.processes.pop(member)
        process.kill()
        process.wait()

    def pids(self, member: int) -> dict[str, int]:
        return {"server": self.processes[member].pid} if member in self.processes else {}

    def log(self, member: int) -> str:
        return (self.home(member) / "log").read_text(errors="replace")

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()


@contextlib.contextmanager
def genuine_ensemble(
    directory: Path,
    *,
    members: int = 3,
    host: str = "127.0.0.1",
    settings: Mapping[str, str] | None = None,
    name: str = "genuine",
    properties: Mapping[str, str] | None = None,
    jars: Sequence[str] = (),
    own: Mapping[int, Mapping[str, str]] | None = None,
) -> Iterator[GenuineEnsemble]:
    """A serving ensemble; settings: more lines for each zoo.cfg, or instead of SETTINGS; properties: of Java, whose
    class path has these jars, too; own: more lines for the zoo.cfg of one member."""
    require_genuine()
    ports = free_ports(3 * members)
    addresses = [(host, port) for port in ports[:members]]
    ensemble = GenuineEnsemble(directory, addresses, name, properties or {}, jars)
    bracketed = f"[{host}]" if ":" in host else host
    for member in range(1, members + 1):
        home = ensemble.home(member)
        home.mkdir(parents=True)
        (home / "myid").write_text(f"{member}\n")
        lines = {
            **SETTINGS,
            "dataDir": str(home),
            "clientPort": str(ports[member - 1]),
            "clientPortAddress": bracketed,
            **(settings or {}),
            **(own or {}).get(member, {}),
        }
        if members > 1:
            lines |= {
                f"server.{i + 1}": f"{bracketed}:{ports[members + i]}:{ports[2 * members + i]}"
                for i in range(members)
            }
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        (home / "zoo.cfg").write_text(text)
    try:
        for member in range(1, members + 1):
            ensemble.launch(member)
        for member in range(1, members + 1):
            ensemble.await_serving(member)
        yield ensemble
    finally:
        ensemble.end()
