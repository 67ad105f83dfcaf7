"""Clients by TLS: certificates are made, brought and renewed by playbooks, and nobody is restarted for a new one."""

import ssl
from pathlib import Path

import pytest

from tests.corral import kazoo_client
from tests.deploy.checking import checked_writes
from tests.deploy.site import Site, starts_of
from tests.deploy.watching import watching

pytestmark = pytest.mark.long
PORT = 2281


def shown(site: Site) -> list[str]:
    """The certificate of each member, as a client sees it."""
    return [ssl.get_server_certificate((host.v6, PORT), timeout=30) for host in site.members.values()]


def test_clients_come_by_tls_with_certificates_of_the_playbooks_own_authority(ensemble: Site) -> None:
    source = ensemble.directory / "tls"
    ensemble.variables |= {
        "corral_tls": "ca", "corral_tls_source": str(source), "corral_tls_client_auth": "need",
        "corral_tls_clients": ["app"], "corral_settings": {
            **ensemble.variables["corral_settings"], "X509AuthenticationProvider.superUser": "CN=app,O=Corral",
            "admin.forceHttps": "true"},
        "corral_monitoring_ca": str(source / "ca.pem")}
    with checked_writes(ensemble):
        ensemble.play("deploy")

    secure = [(host.v6, PORT) for host in ensemble.members.values()]
    app = str(source / "clients/app.pem")
    with kazoo_client(secure, use_ssl=True, ca=str(source / "ca.pem"), certfile=app, keyfile=app) as client:
        client.create("/by-tls", b"yes")
        assert client.get("/zookeeper/config")[0]
    assert set(ensemble.play("deploy").changed.values()) == {0}
    for host in ensemble.members.values():
        assert (host.root / "etc/corral/main/tls/member.pem").stat().st_mode & 0o777 == 0o640
    key = private_key(source / "1/member.pem")
    assert key not in "".join(play.output for play in ensemble.plays)


def test_prometheus_asks_members_by_https_that_take_nothing_else(ensemble: Site, tmp_path: Path) -> None:
    with watching(ensemble, tmp_path) as prometheus:
        prometheus.await_members()


def test_a_renewed_certificate_is_in_use_at_once_and_nobody_is_restarted(ensemble: Site) -> None:
    starts, before = starts_of(ensemble), shown(ensemble)
    ensemble.play("renew_certificates", "--check", corral_tls_renew_all=True)
    assert shown(ensemble) == before

    with checked_writes(ensemble) as outcomes:
        ensemble.play("renew_certificates", corral_tls_renew_all=True)

    assert not {*shown(ensemble)} & {*before}
    assert starts_of(ensemble) == starts
    assert [outcome.errors for outcome in outcomes] == [[], [], []]
    assert set(ensemble.play("renew_certificates").changed.values()) == {0}


def private_key(file: Path) -> str:
    return file.read_text().splitlines()[1]
