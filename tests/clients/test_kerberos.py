"""Clients that come by Kerberos, with tickets of Debian's KDC: kazoo, and its SASL by hand."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.corral import ROOT, Ensemble, connect_string, corral_ensemble, kazoo_client
from tests.kerberos import REALM, SERVICE, Realm, realm

# A client of its own process: who it is stands in its environment. It says how it is known, and what it may do.
CLIENT = """
import sys
from kazoo.client import KazooClient
client = KazooClient(sys.argv[1], sasl_options={"mechanism": "GSSAPI", "service": "zookeeper"})
client.start(timeout=30)
if sys.argv[2] == "make":
    from kazoo.security import CREATOR_ALL_ACL
    client.create("/own", b"", acl=CREATOR_ALL_ACL)
    print(client.get_acls("/own")[0][0].id.id)
else:
    print(client.get("/own")[0].decode() or "empty")
client.stop()
client.close()
"""


@dataclass
class Site:
    realm: Realm
    ensemble: Ensemble

    def run(self, environment: dict[str, str], what: str) -> "subprocess.CompletedProcess[str]":
        (_, port), = self.ensemble.addresses
        return subprocess.run(
            [sys.executable, "-c", CLIENT, f"localhost:{port}", what], env=environment, capture_output=True, text=True,
            check=False, timeout=90)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("kerberos")
    with realm(directory / "realm") as found, pytest.MonkeyPatch.context() as patch:
        for name, value in found.environment.items():
            patch.setitem(os.environ, name, value)
        login = directory / "jaas.conf"
        login.write_text(
            "Server {\n  com.sun.security.auth.module.Krb5LoginModule required\n  useKeyTab=true\n"
            f'  keyTab="{found.keytab(SERVICE)}"\n  storeKey=true\n  principal="{SERVICE}";\n}};\n')
        settings = {
            "corral.sasl.jaasFile": str(login), "kerberos.removeRealmFromPrincipal": "true", "superUser": "root"}
        with corral_ensemble(directory / "servers", members=1, settings=settings) as ensemble:
            yield Site(found, ensemble)


def test_a_ticket_is_an_identity_and_others_do_not_have_it(site: Site) -> None:
    made = site.run(site.realm.ticket(f"ann@{REALM}"), "make")
    assert made.stdout.strip() == "ann", made.stderr

    assert "NoAuth" in site.run(site.realm.ticket(f"bob@{REALM}"), "get").stderr
    assert site.run(site.realm.ticket(f"root@{REALM}"), "get").stdout.strip() == "empty"


def test_the_shell_comes_by_its_users_ticket(site: Site, tmp_path: Path) -> None:
    def shell(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        (_, port), = site.ensemble.addresses
        return subprocess.run(
            [sys.executable, "-m", "node", "sh", "--server", f"localhost:{port}", "--sasl", "gssapi", "--json",
             "whoami"],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=90)

    known = shell(site.realm.ticket(f"eve@{REALM}"))
    nobody = shell({**site.realm.environment, "KRB5CCNAME": f"FILE:{tmp_path}/none"})

    assert {"scheme": "sasl", "user": "eve"} in json.loads(known.stdout), known.stderr
    assert nobody.returncode == 1
    assert "does not believe who you are" in nobody.stderr
    assert "klist" in nobody.stderr


def test_who_has_no_ticket_is_not_let_in_by_the_name_alone(site: Site, tmp_path: Path) -> None:
    nobody = {**site.realm.environment, "KRB5CCNAME": f"FILE:{tmp_path}/none"}

    done = site.run(nobody, "get")

    assert done.returncode
    with kazoo_client(site.ensemble.addresses) as client:  # the member goes on
        assert connect_string(site.ensemble.addresses)
        assert client.exists("/zookeeper")


def test_what_is_no_token_is_told_and_ends_the_connection(site: Site) -> None:
    from tests.wire import Raw, buffer
    from tests.wire_connection import Connection

    for token in (b"", b"rubbish", bytes(100)):
        with Connection.open(site.ensemble.addresses[0]) as connection:
            assert connection.call(Raw(102, buffer(token))).err == -115
            assert connection.receive() is None
