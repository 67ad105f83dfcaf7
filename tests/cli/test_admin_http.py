"""A command asks a member whose HTTP is nothing but HTTPS: it trusts the member's own certificate, and no other."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.auth.certificates import ClientIds
from node.auth.tls import make_context
from node.cli.admin_http import ask_member
from node.cli.errors import Failure
from node.config.security import Store, Tls
from observability.endpoint import JSON, AdminServer, Response
from observability.https import Https
from tests.certificates import Authority, Identity


def settings(identity: Identity, file: Path) -> Tls:
    return Tls(
        addresses=(), port=0, is_unified=False, key_store=Store("ssl.keyStore", identity.pem(file), "", None),
        trust_store=None, client_auth="none", oldest="TLSv1.2", newest="TLSv1.3", ciphers="", ids=ClientIds())


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Any]:
    """What a command knows of one, which serves /it."""
    tls = settings(Authority().issue_to("me"), tmp_path / "me.pem")
    context = make_context(tls)
    server = AdminServer(
        "127.0.0.1", 0, {"/it": lambda _: Response(b'{"a":1}', JSON)}, https=Https(lambda: context, refuses_plain=True))
    server.start()
    (tmp_path / "metrics-port").write_text(str(server.port))
    try:
        yield SimpleNamespace(
            run_dir=tmp_path, metrics_address="127.0.0.1", metrics_port=0,
            http=SimpleNamespace(refuses_plain=True, tls=tls, command_url="/commands"))
    finally:
        server.shutdown()
        server.server_close()


def test_its_own_certificate_is_good_whatever_its_name_and_authority(member: Any) -> None:
    assert ask_member(member, "/it") == {"a": 1}


def test_another_certificate_is_not(member: Any, tmp_path: Path) -> None:
    member.http.tls = settings(Authority().issue_to("me"), tmp_path / "other.pem")

    with pytest.raises(Failure, match="is not trusted"):
        ask_member(member, "/it")


def test_plain_http_is_refused_with_the_key_that_says_so(member: Any) -> None:
    member.http.refuses_plain = False

    with pytest.raises(Failure, match="forceHttps"):
        ask_member(member, "/it")
