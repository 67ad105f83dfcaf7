"""A pytest plugin for kazoo's own tests: instead of kazoo's ZooKeeper it starts servers of the kind that
CORRAL_SUITE_SERVERS names, with the settings that kazoo's own harness gives them.

They stay up from class to class where kazoo would start new ones; what one test leaves, the others do not see, as each
has a root of its own.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.clients.genuine_ensemble import genuine_ensemble
from tests.clients.secured import NETTY, prepare
from tests.corral import Servers, corral_ensemble
from tests.genuine import RELEASE, free_ports

KIND = os.environ.get("CORRAL_SUITE_SERVERS", "corral")
PROPERTY = "-Dzookeeper."
PROVIDER = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"


class Server:
    """One member, as kazoo's tests use it."""

    host = "127.0.0.1"

    def __init__(self, servers: Servers, member: int, secure_port: int) -> None:
        """secure_port: where it speaks TLS; 0: where it speaks without, too."""
        self.servers, self.member, self.secure_port = servers, member, secure_port

    @property
    def client_port(self) -> int:
        return self.servers.addresses[self.member - 1][1]

    @property
    def address(self) -> str:
        return f"{self.host}:{self.client_port}"

    @property
    def secure_address(self) -> str:
        return f"{self.host}:{self.secure_port or self.client_port}"

    @property
    def running(self) -> bool:
        return bool(self.servers.pids(self.member))

    def run(self) -> None:
        if not self.running:
            self.servers.start(self.member)

    def stop(self) -> None:
        if self.running:
            self.servers.stop(self.member)


class Cluster:
    """In place of kazoo.testing.common.ZookeeperCluster: called with its arguments."""

    current: "Cluster | None" = None

    def __init__(
        self,
        size: int = 3,
        configuration_entries: Sequence[str] = (),
        java_system_properties: Sequence[str] = (),
        jaas_config: str | None = None,
        **_: Any,
    ) -> None:
        if Cluster.current is not None:
            Cluster.current.end()
        Cluster.current = self
        self.directory = Path(tempfile.mkdtemp())
        authority, settings = prepare(self.directory / "files")
        identity = authority.issue_to("client")
        self.files = {
            "client_key": identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "client_cert": identity.certificate.public_bytes(Encoding.PEM),
            "ca_cert": authority.certificate.public_bytes(Encoding.PEM),
        }
        settings |= {"authProvider.1": PROVIDER, "maxClientCnxns": "0", "initLimit": "4", "syncLimit": "2"}
        settings |= dict(entry.split("=", 1) for entry in configuration_entries)
        given = (entry.removeprefix(PROPERTY) for entry in java_system_properties if entry.startswith(PROPERTY))
        settings |= dict(entry.split("=", 1) for entry in given)
        settings["readonlymode.enabled"] = "true"
        jaas = self.directory / "files" / "jaas.conf"
        jaas.write_text(jaas_config or jaas.read_text())
        self.stack = contextlib.ExitStack()
        ports = free_ports(size) if KIND == "genuine" else [0] * size
        started = genuine if KIND == "genuine" else corral
        self.servers = self.stack.enter_context(started(self.directory / "servers", settings, jaas, ports))
        self.members = [Server(self.servers, member, port) for member, port in enumerate(ports, 1)]

    def __getitem__(self, index: int) -> Server:
        return self.members[index]

    def __iter__(self) -> Iterator[Server]:
        return iter(self.members)

    def start(self) -> None:
        for member in self.members:
            member.run()

    def terminate(self) -> None:
        """Kazoo ends its servers with each class of tests."""

    def end(self) -> None:
        self.stack.close()

    def get_logs(self) -> list[str]:
        return [line for member in self.members for line in self.servers.log(member.member).splitlines()[-20:]]

    def get_ssl_client_configuration(self) -> dict[str, bytes]:
        return self.files


Started = contextlib.AbstractContextManager[Servers]


def genuine(directory: Path, settings: dict[str, str], jaas: Path, secure_ports: list[int]) -> Started:
    properties = {
        "java.security.auth.login.config": str(jaas), "readonlymode.enabled": "true", "file.encoding": "UTF-8",
    }  # fmt: skip
    own = {
        member: {"secureClientPort": str(port), "secureClientPortAddress": Server.host}
        for member, port in enumerate(secure_ports, 1)
    }
    return genuine_ensemble(
        directory, members=len(own), settings=settings, properties=properties, jars=NETTY, own=own)


def corral(directory: Path, settings: dict[str, str], jaas: Path, secure_ports: list[int]) -> Started:
    settings |= {
        "corral.sasl.jaasFile": str(jaas), "corral.compatibility": RELEASE, "client.portUnification": "true",
    }  # fmt: skip
    return corral_ensemble(directory, members=len(secure_ports), settings=settings)


def pytest_unconfigure() -> None:
    if Cluster.current is not None:
        Cluster.current.end()


# Before kazoo.testing is imported: its own needs Java key stores.
common = ModuleType("kazoo.testing.common")
common.ZookeeperCluster = Cluster  # type: ignore[attr-defined]
sys.modules[common.__name__] = common
os.environ.setdefault("ZOOKEEPER_VERSION", "3.8.0")
