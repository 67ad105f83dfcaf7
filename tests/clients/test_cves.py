"""What was once wrong in ZooKeeper's servers, and is not here: one test for each published CVE that concerns a server.

Those of its clients, and of the libraries that it brings along, concern nothing of ours.
"""

import http.client
import struct
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.config.problems import ConfigError
from node.config.read import load_config
from tests.clients.secured import Secured, secured
from tests.corral import Ensemble
from tests.waiting import wait_until
from tests.wire import (
    AUTH,
    Acl,
    Auth,
    Create,
    Delete,
    Event,
    GetAcl,
    GetData,
    Ping,
    Raw,
    Reply,
    SetData,
    buffer,
    ustring,
)
from tests.wire_connection import Connection, four_letter

ANN = Auth("digest", b"ann:a-password-of-hers")
HERS = (Acl(31, "auth", ""),)
ADD_WATCH, RECURSIVE = 106, 1


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured("corral", tmp_path_factory.mktemp("cves")) as started:
        yield started


@pytest.fixture
def ann(zoo: Secured) -> Iterator[Connection]:
    with Connection.open(zoo.servers.addresses[0]) as connection:
        assert connection.call(ANN).err == 0
        yield connection


@pytest.fixture
def eve(zoo: Secured) -> Iterator[Connection]:
    """She has proved nothing."""
    with Connection.open(zoo.servers.addresses[0]) as connection:
        yield connection


def http_get(zoo: Secured, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    assert isinstance(zoo.servers, Ensemble)
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(zoo.servers.admin(1)).netloc, timeout=20)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_cve_2014_0085_no_password_stands_in_the_log(zoo: Secured, ann: Connection) -> None:
    with Connection.open(zoo.servers.addresses[0]) as connection:
        connection.call(Raw(AUTH, struct.pack(">i", 0) + ustring("magic") + buffer(b"another-password")))

    log = zoo.servers.log(1)

    assert "client_closed" in log  # the refused one is there…
    for secret in ("a-password-of-hers", "another-password", "builder", "changeit"):
        assert secret not in log  # …but nothing that it said


def test_cve_2017_5637_words_that_cost_much_are_not_answered_unless_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "zoo.cfg").write_text(f"dataDir={tmp_path}\nclientPort=2181\n")

    assert load_config(tmp_path / "zoo.cfg").config.four_letter_words == {"srvr"}


@pytest.mark.parametrize("key", [
    "quorum.auth.enableSasl=true", "quorum.auth.kerberos.servicePrincipal=zk/_HOST", "sslQuorum=true",
    "ssl.quorum.keyStore.location=/k.jks"])
def test_cve_2018_8012_and_2023_44981_members_prove_themselves_by_listed_keys_and_by_nothing_weaker(
    tmp_path: Path, key: str
) -> None:
    """There is no SASL between members that could be left out, or whose instance could be; that a key which is not
    listed gets nowhere, tests/faults/test_keys.py and tests/processes/test_broadcast.py show."""
    (tmp_path / "zoo.cfg").write_text(f"dataDir={tmp_path}\nclientPort=2181\n{key}\n")

    with pytest.raises(ConfigError, match="CURVE"):
        load_config(tmp_path / "zoo.cfg")


def test_cve_2019_0201_an_acl_is_shown_to_those_alone_who_may_read(ann: Connection, eve: Connection) -> None:
    ann.call(Create("/cve-2019-0201", acl=HERS))
    ann.call(Create("/cve-2019-0201-open", acl=(*HERS, Acl(1, "world", "anyone"))))

    assert eve.call(GetAcl("/cve-2019-0201")).err == -102
    shown = eve.call(GetAcl("/cve-2019-0201-open"))
    assert [entry.id for entry in shown.body[0]] == ["ann:x", "anyone"]  # no hash to try passwords on
    assert ann.call(GetAcl("/cve-2019-0201")).body[0][0].id.startswith("ann:")


def test_cve_2024_23944_a_recursive_watch_tells_nothing_of_nodes_that_one_may_not_read(
    ann: Connection, eve: Connection
) -> None:
    ann.call(Create("/cve-2024-23944"))
    assert eve.call(Raw(ADD_WATCH, ustring("/cve-2024-23944") + struct.pack(">i", RECURSIVE))).err == 0

    ann.call(Create("/cve-2024-23944/secret", acl=HERS))
    ann.call(SetData("/cve-2024-23944/secret", b"1"))
    ann.call(Delete("/cve-2024-23944/secret"))
    ann.call(Create("/cve-2024-23944/open"))

    heard: list[Event | Reply | None] = [eve.receive()]
    eve.send(Ping())
    heard.append(eve.receive())
    assert isinstance(heard[0], Event)
    assert heard[0].path == "/cve-2024-23944/open"
    assert isinstance(heard[1], Reply)


def test_cve_2024_51504_no_header_makes_an_address_of_ones_own(zoo: Secured) -> None:
    """Who asks for what is not his gets the same answer, whatever address he claims to come from."""
    spoofed = {"X_Forwarded_For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X_Real_IP": "127.0.0.1"}
    for path, method in (("/commands/snapshot", "GET"), ("/commands/snap", "GET"), ("/commands/restore", "POST")):
        assert http_get(zoo, path, method)[0] == http_get(zoo, path, method, **spoofed)[0] == 401
        claimed = {"Authorization": "ip 127.0.0.1"}
        assert http_get(zoo, path, method, **claimed)[0] == http_get(zoo, path, method, **claimed, **spoofed)[0] == 403


def test_cve_2025_58457_an_open_root_gives_nobody_a_snapshot_or_a_restoration(zoo: Secured) -> None:
    for path, method in (("/commands/snapshot?streaming=true", "GET"), ("/commands/restore", "POST")):
        status, body = http_get(zoo, path, method, Authorization="digest ann:a-password-of-hers")
        assert status == 403
        assert b"ZKSN" not in body


def test_cve_2026_24281_no_name_out_of_dns_counts(tmp_path: Path) -> None:
    """Names of clients' hosts are no identity at all, so no answer of a name server can be one."""
    (tmp_path / "zoo.cfg").write_text(f"dataDir={tmp_path}\nclientPort=2181\nssl.clientHostnameVerification=true\n")

    with pytest.raises(ConfigError, match="names of clients' hosts are not checked"):
        load_config(tmp_path / "zoo.cfg")


def test_cve_2026_24308_settings_that_are_secret_stand_in_no_log_and_no_answer(zoo: Secured) -> None:
    words = [four_letter(zoo.servers.addresses[0], word) for word in ("srvr", "corl")]
    paths = ("/status", "/metrics", "/commands/system_properties", "/commands/initial_configuration")
    pages = [http_get(zoo, path)[1].decode() for path in paths]
    said = "".join((zoo.servers.log(1), *words, *pages))

    assert "ssl.keyStore.password=***" in said
    for secret in ("changeit", "builder", "D/InIHSb7yEEbrWz8b9l71RjZJU"):
        assert secret not in said


def test_a_session_cannot_be_taken_over_by_guessing_its_password(zoo: Secured, ann: Connection) -> None:
    """ZooKeeper makes it of the session's id alone."""
    java = bytes(16)
    for password in (java, ann.password[:15] + bytes([ann.password[15] ^ 1]), b""):
        with Connection.to(zoo.servers.addresses[0]) as thief:
            thief.send_handshake(session_id=ann.session_id, password=password)
            answer = thief.receive_handshake()
            assert answer is None or answer.timeout_ms == 0
    assert ann.call(GetData("/")).err == 0


def test_probes_find_a_serving_member_ready_and_live(zoo: Secured) -> None:
    wait_until(lambda: http_get(zoo, "/livez") == (200, b"ok\n"), what="every process has told how it is")
    wait_until(lambda: http_get(zoo, "/readyz?exclude=room") == (200, b"ok\n"), what="it serves")
