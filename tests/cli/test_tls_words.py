"""The cure differs by what is asked: a client port or the admin HTTP, whose commands have other options."""

import ssl
from pathlib import Path

import pytest

from node.cli.tls_words import ADMIN_HTTP, CLIENT_PORT, TlsPort
from tests.certificates import Authority, shake_hands


def refusal(server: ssl.SSLContext, name: str, ca: Path) -> ssl.SSLError:
    """A client's, of the server's certificate."""
    with pytest.raises(ssl.SSLError) as refused:
        shake_hands(ssl.create_default_context(cafile=str(ca)), server, name)
    return refused.value


@pytest.fixture
def server(tmp_path: Path) -> ssl.SSLContext:
    authority = Authority()
    authority.pem(tmp_path / "ca.pem")
    Authority("Another").pem(tmp_path / "another.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue_to("server", names=("zk1",)).pem(tmp_path / "server.pem"))
    return context


@pytest.mark.parametrize(("port", "cure"), [(CLIENT_PORT, ": --any-host takes it all the same"), (ADMIN_HTTP, "")])
def test_a_certificate_for_another_name_is_said_with_the_option_that_takes_it(
    server: ssl.SSLContext, tmp_path: Path, port: TlsPort, cure: str,
) -> None:
    said = port.reason(refusal(server, "zk2", tmp_path / "ca.pem"))

    assert said.startswith("its certificate is for another name (")
    assert said.partition(")")[2] == cure


@pytest.mark.parametrize("port", [CLIENT_PORT, ADMIN_HTTP])
def test_an_authority_that_is_not_known_is_asked_for(server: ssl.SSLContext, tmp_path: Path, port: TlsPort) -> None:
    said = port.reason(refusal(server, "zk1", tmp_path / "another.pem"))

    assert said.endswith("--ca FILE, or $CORRAL_CA, names the authority that signed it")
    assert said.startswith("its certificate is not trusted (")


def test_what_breaks_off_speaks_no_tls_or_wants_a_certificate() -> None:
    assert CLIENT_PORT.reason(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")) == CLIENT_PORT.speaks_none
    assert "(admin.needClientAuth): --cert FILE, and --key" in ADMIN_HTTP.reason(ConnectionResetError())
