"""Ports are looked at, chosen and held before a process of the member starts."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from node.config.member import MemberConfig
from node.config.read import load_config
from node.ports import PortError, claim_ports
from transport.client_port import bind_client_port


def config(tmp_path: Path, text: str) -> MemberConfig:
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={tmp_path}/data\n{text}")
    return load_config(path).config


@contextmanager
def claimed(tmp_path: Path, text: str) -> Iterator[MemberConfig]:
    ports = claim_ports(config(tmp_path, text))
    with ExitStack() as held:
        for each in ports.held:
            held.enter_context(each)
        yield ports.config


def connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=5).close()


@pytest.mark.parametrize("shared", [False, True], ids=["one processor", "several"])
def test_processors_listen_on_the_port_that_is_held(tmp_path: Path, *, shared: bool) -> None:
    with claimed(tmp_path, "clientPort=0\n") as found, ExitStack() as open_:
        for _ in range(1 + shared):
            bound = bind_client_port(found.client_addresses, found.client_port, shared=shared)
            for each in bound:
                open_.enter_context(each)

        for host in ("127.0.0.1", "::1"):
            if host == "127.0.0.1" or "::" in found.client_addresses:
                connect(host, found.client_port)


def test_a_port_that_is_held_is_not_given_twice(tmp_path: Path) -> None:
    text = "clientPort=0\nclientPortAddress=127.0.0.1\n"
    with claimed(tmp_path, text) as one, claimed(tmp_path, text) as other:
        assert one.client_port != other.client_port
        assert one.metrics_port != other.metrics_port


def test_a_name_is_listened_to_at_every_address_it_has_here(tmp_path: Path) -> None:
    with claimed(tmp_path, "clientPort=0\nclientPortAddress=localhost\n") as found:
        assert set(found.client_addresses) <= {"127.0.0.1", "::1"}
        assert found.client_addresses


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("clientPort", "clientPort={port}\nclientPortAddress=127.0.0.1\n"),
        ("clientPort", "clientPort={port}\n"),
        ("corral.metricsPort", "clientPort=0\ncorral.metricsPort={port}\n"),
    ],
)
def test_a_port_in_use_names_its_key(tmp_path: Path, key: str, text: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortError) as caught:
            claim_ports(config(tmp_path, text.format(port=port)))

    assert caught.value.key == key
    assert f"sport = :{port}" in caught.value.cure


def test_a_port_shared_by_somebody_elses_processes_is_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortError, match="is in use"):
            claim_ports(config(tmp_path, f"clientPort={port}\n"))


def test_an_unknown_name_is_an_error_of_its_key(tmp_path: Path) -> None:
    text = "clientPort=2181\nclientPortAddress=no.such.host.invalid\n"

    with pytest.raises(PortError, match=r"clientPortAddress: .* cannot be resolved"):
        claim_ports(config(tmp_path, text))
