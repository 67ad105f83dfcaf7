"""/commands of a member that runs: keys and kinds of values are ZooKeeper 3.9's, and HTTPS on every port.

The expected shapes were printed by a genuine 3.9.5.
"""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from tests.certificates import Authority
from tests.clients.secured import SUPER_DIGEST
from tests.corral import Ensemble, corral_ensemble, kazoo_client
from tests.genuine import free_ports
from tests.waiting import wait_until
from tests.wire_connection import four_letter

SUPER = "digest super:test"


@dataclass
class Admin:
    """*port*: of admin.serverPort; the member takes plain requests and HTTPS there, and on its other ports."""

    ensemble: Ensemble
    port: int
    metrics_port: int
    directory: Path

    def url(self, name: str, *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/commands/{name}"

    def is_open(self) -> bool:
        try:
            return self.ask("ruok")["error"] is None
        except urllib.error.URLError:
            return False

    def ask(self, name: str, **options: Any) -> dict[str, Any]:
        with self.opened(name, **options) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def opened(self, name: str, authorization: str = "", **options: Any) -> Any:
        headers = {"Authorization": authorization} if authorization else {}
        request = urllib.request.Request(self.url(name, **options), headers=headers)
        return urllib.request.urlopen(request, timeout=60, context=self.context())

    def status(self, name: str, authorization: str = "") -> int:
        return refused(lambda: self.opened(name, authorization))

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.directory / "ca.pem"))


def refused(ask: Callable[[], object]) -> int:
    """The status."""
    try:
        ask()
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    raise AssertionError("it was answered")


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    directory = tmp_path_factory.mktemp("admin")
    authority = Authority()
    authority.pem(directory / "ca.pem")
    authority.issue_to("server", names=("127.0.0.1", "::1", "localhost")).pem(directory / "server.pem")
    port, metrics_port = free_ports(2)
    settings = {
        "admin.serverPort": str(port), "metricsProvider.httpPort": str(metrics_port), "admin.portUnification": "true",
        "ssl.keyStore.location": str(directory / "server.pem"),
        "DigestAuthenticationProvider.superDigest": SUPER_DIGEST, "corral.processors": "2",
    }
    with corral_ensemble(directory / "servers", members=1, settings=settings) as ensemble:
        found = Admin(ensemble, port, metrics_port, directory)
        wait_until(found.is_open, what="telemetry, for which nobody waits, has its ports open")
        yield found


@pytest.fixture
def client(admin: Admin) -> Iterator[KazooClient]:
    """It watches /a, which is its own ephemeral."""
    with kazoo_client(admin.ensemble.addresses) as client:
        client.create("/a", b"1", ephemeral=True)
        client.exists("/a", watch=lambda _: None)
        yield client


def of_session(answer: dict[str, Any], client: KazooClient) -> dict[str, Any]:
    (one,) = [each for each in answer["connections"] if each["session_id"] == client.client_id[0]]
    assert isinstance(one, dict)
    return one


def test_connections_are_those_of_all_processors_by_zookeepers_keys(admin: Admin, client: KazooClient) -> None:
    answer = admin.ask("connections")

    one = of_session(answer, client)
    assert (answer["secure_connections"], answer["command"], answer["error"]) == ([], "connections", None)
    assert set(one) == {
        "remote_socket_address", "interest_ops", "outstanding_requests", "packets_received", "packets_sent",
        "session_id", "last_operation", "established", "session_timeout", "last_cxid", "last_zxid",
        "last_response_time", "last_latency", "min_latency", "avg_latency", "max_latency"}
    assert one["last_operation"] == "EXIS"


def test_sessions_and_watches_are_told_by_session_and_by_path(admin: Admin, client: KazooClient) -> None:
    session = client.client_id[0]

    assert admin.ask("dump")["session_id_to_ephemeral_paths"] == {str(session): ["/a"]}
    assert [*admin.ask("dump")["expiry_time_to_session_ids"].values()] == [[session]]
    assert admin.ask("watches")["session_id_to_watched_paths"] == {str(session): ["/a"]}
    assert admin.ask("wchp")["path_to_session_ids"] == {"/a": [session]}
    summary = admin.ask("watch_summary")
    assert [summary[key] for key in ("num_connections", "num_paths", "num_total_watches")] == [1, 1, 1]


def test_counters_of_all_processors_begin_anew(admin: Admin, client: KazooClient) -> None:
    assert of_session(admin.ask("connections"), client)["packets_received"] > 0

    assert admin.ask("connection_stat_reset") == {"command": "connection_stat_reset", "error": None}

    assert of_session(admin.ask("connections"), client)["packets_received"] == 0


def test_the_trace_mask_is_kept_as_zookeeper_keeps_it(admin: Admin) -> None:
    (address,) = admin.ensemble.addresses
    assert admin.ask("get_trace_mask")["tracemask"] == 306

    assert admin.ask("set_trace_mask?traceMask=5")["tracemask"] == 5
    assert {four_letter(address, "gtmk") for _ in range(8)} == {"5"}  # of whichever processor
    assert admin.ask("set_trace_mask")["error"] == "setTraceMask requires long traceMask argument"

    assert four_letter(address, "stmk" + "\0" * 6 + "\x01\x32") == "306"
    assert {admin.ask("gtmk")["tracemask"] for _ in range(4)} == {306}


def test_recent_digests_are_told_by_word_and_by_command(admin: Admin, client: KazooClient) -> None:
    def told() -> list[dict[str, int]]:
        client.set("/a", b"2")
        found: list[dict[str, int]] = admin.ask("hash")["digests"]
        return found

    wait_until(told, what="a digest point has come")

    assert set(told()[0]) == {"zxid", "digest", "digest_version"}
    lines = four_letter(admin.ensemble.addresses[0], "hash").splitlines()
    assert all(int(line.partition(": ")[0], 16) for line in lines)


def test_the_last_snapshot_and_observers_have_zookeepers_keys(admin: Admin) -> None:
    assert set(admin.ask("last_snapshot")) == {"zxid", "timestamp", "command", "error"}
    assert set(admin.ask("observers")) == {"synced_observers", "observers", "command", "error"}


# HTTPS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_one_port_takes_both_over_both_families(admin: Admin, scheme: str, host: str) -> None:
    assert admin.ask("ruok", scheme=scheme, host=host)["error"] is None


def test_metrics_have_a_port_of_their_own_where_they_are_asked_for(admin: Admin) -> None:
    with urllib.request.urlopen(
            f"https://127.0.0.1:{admin.metrics_port}/metrics", timeout=60, context=admin.context()) as answer:
        text = answer.read().decode()

    assert "corral_certificate_expiry_seconds" in text
    url = f"http://127.0.0.1:{admin.metrics_port}/commands/ruok"
    assert refused(lambda: urllib.request.urlopen(url, timeout=60)) == 404


def test_who_does_not_trust_the_authority_is_told_by_tls(admin: Admin) -> None:
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(
            admin.url("ruok", scheme="https"), timeout=60, context=ssl.create_default_context())
    assert admin.ask("ruok")["error"] is None


# Snapshots -------------------------------------------------------------------------------------


def test_nobody_gets_a_snapshot_who_may_not_read_everything(admin: Admin) -> None:
    assert admin.status("snapshot") == 401
    assert admin.status("snapshot", "digest") == 401
    for stranger in ("digest super:guessed", "ip 127.0.0.1", "x509 me", "world anyone"):
        assert admin.status("snapshot?streaming=true", stranger) == 403


def test_a_snapshot_is_a_backup_that_can_be_verified_and_the_next_one_has_to_wait(
    admin: Admin, client: KazooClient, tmp_path: Path,
) -> None:
    client.set("/a", b"in it")
    with admin.opened("snapshot?streaming=true", SUPER) as answer:
        headers, body = answer.headers, answer.read()

    (tmp_path / "one.backup").write_bytes(body)
    assert int(headers["snapshot_size"]) == len(body)
    assert headers["last_zxid"]
    admin.ensemble.corral("backup", "verify", str(tmp_path / "one.backup"))
    assert admin.status("snapshot?streaming=true", SUPER) == 429
