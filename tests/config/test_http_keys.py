"""Keys of the HTTP for operators."""

from pathlib import Path

import pytest

from node.config.read import load_config
from tests.certificates import Authority
from tests.config.test_read import problems_of

LONE = "tickTime=2000\ninitLimit=10\nsyncLimit=5\nclientPort=2181\n"


def loaded(directory: Path, text: str) -> object:
    path = directory / "zoo.cfg"
    path.write_text(f"{LONE}dataDir={directory}\n{text}")
    return load_config(path).config.http


def listeners(directory: Path, text: str) -> list[tuple[str, int, str]]:
    path = directory / "zoo.cfg"
    path.write_text(f"{LONE}dataDir={directory}\n{text}")
    return [(each.address, each.port, each.serves) for each in load_config(path).config.http.listeners]


def test_ports_are_opened_only_where_they_are_asked_for(tmp_path: Path) -> None:
    assert listeners(tmp_path, "") == []
    assert listeners(
        tmp_path, "admin.serverPort=8080\nadmin.serverAddress=[::1]\nmetricsProvider.httpPort=7000\n") == [
            ("::1", 8080, "commands"), ("::", 7000, "metrics")]


def test_without_the_admin_server_there_is_no_port_for_it(tmp_path: Path) -> None:
    assert listeners(tmp_path, "admin.serverPort=8080\nadmin.enableServer=false\n") == []


@pytest.mark.parametrize("key", ["admin.forceHttps", "admin.portUnification"])
def test_https_wants_a_key_store(tmp_path: Path, key: str) -> None:
    assert [each.key for each in problems_of(tmp_path, f"{LONE}{key}=true\n")] == ["ssl.keyStore.location"]


def test_a_key_store_for_https_alone_is_no_mistake(tmp_path: Path) -> None:
    Authority().issue_to("me").pem(tmp_path / "me.pem")

    assert loaded(tmp_path, f"admin.forceHttps=true\nssl.keyStore.location={tmp_path}/me.pem\n")


def test_clients_certificates_over_plain_http_are_refused(tmp_path: Path) -> None:
    assert [each.key for each in problems_of(tmp_path, LONE + "admin.needClientAuth=true\n")] == [
        "admin.needClientAuth"]


def test_revocation_wants_the_lists(tmp_path: Path) -> None:
    authority = Authority()
    authority.pem(tmp_path / "ca.pem")
    authority.issue_to("me").pem(tmp_path / "me.pem")
    stores = (f"secureClientPort=2281\nssl.keyStore.location={tmp_path}/me.pem\n"
              f"ssl.trustStore.location={tmp_path}/ca.pem\n")

    problems = problems_of(tmp_path, LONE + stores + "ssl.crl=true\n")

    assert [each.key for each in problems] == ["corral.ssl.crlFile"]
    assert "not fetched" in problems[0].cure
