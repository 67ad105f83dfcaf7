"""Servers that protect their client port, of both kinds: what they are told, and the files of it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kazoo.client import KazooClient

from tests.certificates import PASSWORD, Authority
from tests.clients.genuine_ensemble import genuine_ensemble
from tests.corral import Servers, corral_ensemble, kazoo_client
from tests.genuine import HOST, JARS, free_ports
from tests.wire_connection import Address

KINDS = ("genuine", "corral")
USERS = {"bob": "builder", "root": "toor"}
SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="  # of super:test
# What TLS needs of what Debian's package of ZooKeeper depends on, and its manifest does not name.
NETTY = [f"/usr/share/java/netty-{part}.jar" for part in (
    "buffer", "codec", "common", "handler", "resolver", "transport", "transport-native-epoll",
    "transport-native-unix-common")] if not JARS else []
PROVIDER = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"


@dataclass
class Secured:
    """One member, and what its clients need. *directory*: for more files of a test."""

    servers: Servers
    secure_addresses: list[Address]  # where it speaks TLS
    authority: Authority
    directory: Path

    @property
    def is_corral(self) -> bool:
        return self.servers.name != "genuine"

    def client_file(self, name: str, **options: Any) -> str:
        """A certificate that the server trusts, with its key: CN=name,O=Corral."""
        return str(self.authority.issue_to(name, **options).pem(self.directory / f"{name}.pem"))

    def secure(self, name: str = "", **options: Any) -> dict[str, Any]:
        """What makes a kazoo client speak TLS; with *name*, with a certificate of its own."""
        file = self.client_file(name) if name else None
        return {"use_ssl": True, "ca": str(self.directory / "ca.pem"), "certfile": file, "keyfile": file, **options}

    @contextmanager
    def client(self, **options: Any) -> Iterator[KazooClient]:
        addresses = self.secure_addresses if options.get("use_ssl") else self.servers.addresses
        with kazoo_client(addresses, **options) as client:
            client.sync("/")  # it sees what others have written
            yield client


def prepare(directory: Path) -> tuple[Authority, dict[str, str]]:
    """Files of a server in *directory*, and the lines of zoo.cfg that name them."""
    directory.mkdir(parents=True, exist_ok=True)
    authority = Authority()
    authority.pem(directory / "ca.pem")
    authority.issue_to("server", names=("127.0.0.1", "localhost")).pkcs12(directory / "server.p12")
    users = "\n".join(f'  user_{name}="{password}"' for name, password in USERS.items())
    (directory / "jaas.conf").write_text(
        "Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n" + users + ";\n};\n")
    return authority, {
        "ssl.keyStore.location": str(directory / "server.p12"), "ssl.keyStore.password": PASSWORD,
        "ssl.trustStore.location": str(directory / "ca.pem"), "serverCnxnFactory":
            "org.apache.zookeeper.server.NettyServerCnxnFactory",
    }


@contextmanager
def secured(kind: str, directory: Path, *, is_unified: bool = False, **settings: str) -> Iterator[Secured]:
    """One member of *kind* with SASL's USERS that speaks TLS, too, on another port or on the same. Dots are __ in
    settings."""
    authority, lines = prepare(directory / "files")
    (port,) = free_ports(1)
    lines |= {"client.portUnification": "true"} if is_unified else {
        "secureClientPort": str(port), "secureClientPortAddress": HOST}
    lines |= {"ssl.clientAuth": "want", "authProvider.1": PROVIDER,
              "DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
              **{name.replace("__", "."): value for name, value in settings.items()}}
    jaas = str(directory / "files" / "jaas.conf")
    if kind == "genuine":
        started: Any = genuine_ensemble(
            directory / "servers", members=1, settings=lines, properties={"java.security.auth.login.config": jaas},
            jars=NETTY)
    else:
        started = corral_ensemble(
            directory / "servers", members=1, settings={**lines, "corral.sasl.jaasFile": jaas}, name=kind)
    with started as servers:
        yield Secured(
            servers, servers.addresses if is_unified else [(HOST, port)], authority, directory / "files")


def client_context(directory: Path, certificate: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(directory / "ca.pem"))
    if certificate:
        context.load_cert_chain(certificate)
    return context
