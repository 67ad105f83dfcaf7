"""`status`, `doctor`, `top`, `show` and `backup` of a member whose clients come by TLS, with certificates of their own,
and whose admin.commandURL is not the usual one."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.cli.commands import corral
from node.cli.shell import requests
from node.cli.shell.client import Client
from node.cli.shell.target import Credentials, Target
from node.cli.site import site_of_member
from tests.certificates import Authority
from tests.clients.secured import Secured, secured
from tests.corral import Ensemble, connect_string
from tests.faults.injection import stopped
from tests.waiting import wait_until

URL = "/operators/zk"
TIMEOUT_S = 300.0  # an answer that nobody looks at comes with the next ping, after a third of it, which is
ANSWER_S = 40.0  # later than this
TOGETHER = 50  # answers that one record of TLS holds


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(
        "corral", tmp_path_factory.mktemp("by-tls"), ssl__clientAuth="need", admin__commandURL=URL,
        maxSessionTimeout="300000",
    ) as started:
        yield started


@pytest.fixture(scope="module")
def mine(zoo: Secured) -> list[str]:
    return ["--ca", str(zoo.directory / "ca.pem"), "--cert", zoo.client_file("operator")]


def run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(corral, [str(each) for each in arguments], env=environment)


def server(zoo: Secured) -> str:
    return connect_string(zoo.secure_addresses)


def metrics(zoo: Secured) -> str:
    assert isinstance(zoo.servers, Ensemble)
    local = zoo.servers.local
    return site_of_member(local.config(local.members[0])).url


def test_status_asks_by_tls(zoo: Secured, mine: list[str]) -> None:
    by_options = run("status", server(zoo), "--json", *mine)
    by_environment = run("status", server(zoo), "--json", CORRAL_TLS="1", CORRAL_CA=mine[1], CORRAL_CERT=mine[3])

    for done in (by_options, by_environment):
        assert done.exit_code == 0, done.output
        (member,) = json.loads(done.stdout)["members"]
        assert (member["id"], member["address"], member["serving"]) == (1, server(zoo), True)


def test_status_says_what_is_missing(zoo: Secured, mine: list[str], tmp_path: Path) -> None:
    stranger = str(Authority("Another").pem(tmp_path / "stranger.pem"))
    plain_port = connect_string(zoo.servers.addresses)
    (tmp_path / "empty.pem").touch()

    def why(*options: str) -> str:
        done = run("status", "--json", *options)
        assert done.exit_code == 1, done.output
        return str(json.loads(done.stdout)["members"][0]["why"])

    assert why(server(zoo)).endswith("or it speaks TLS: --tls")
    assert "--ca FILE, or $CORRAL_CA, names the authority" in why(server(zoo), "--ca", stranger, *mine[2:])
    assert "(ssl.clientAuth): --cert FILE, and --key" in why(server(zoo), *mine[:2])
    assert "it speaks no TLS there" in why(plain_port, *mine)
    assert "no PEM that can be used" in run("status", server(zoo), "--ca", tmp_path / "empty.pem").output
    assert run("status", "--tls").exit_code == 2


def test_doctor_asks_by_tls(zoo: Secured, mine: list[str]) -> None:
    done = run("doctor", server(zoo), "--tls", *mine, "--metrics", metrics(zoo) + URL, "--watch", "0", "--json")

    found = json.loads(done.stdout)
    assert [each for each in found["findings"] if each["check"] == "members" and each["level"] == "failure"] == []
    assert {"members", "configuration", "sessions", "watches", "znodes"} <= set(found["looked_at"]), found
    assert run("doctor", "--tls", "--watch", "0").exit_code == 2


def test_answers_that_come_together_by_tls_are_all_heard_at_once(zoo: Secured, mine: list[str]) -> None:
    """The processor stands still until all is asked, and so answers in one piece, which TLS decrypts as a whole."""
    assert isinstance(zoo.servers, Ensemble)
    credentials = Credentials(ca=mine[1], cert=mine[3])
    client = Client(Target(server(zoo), timeout_s=TIMEOUT_S, credentials=credentials), answer_s=ANSWER_S)
    try:
        with ThreadPoolExecutor(1) as asking:
            with stopped(zoo.servers, 1, "processor-0"):
                found = asking.submit(lambda: list(client.call_all([requests.exists("/")] * TOGETHER)))
                wait_until(lambda: len(client._kazoo._pending) == TOGETHER, what="all is on its way")
            assert len(found.result()) == TOGETHER
    finally:
        client.close()


def test_a_backup_asks_and_syncs_by_tls(zoo: Secured, mine: list[str], tmp_path: Path) -> None:
    assert isinstance(zoo.servers, Ensemble)

    done = run("backup", zoo.servers.home(1) / "zoo.cfg", *mine, "--to", tmp_path / "made.backup", "--json")

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["complete"] is True


def test_top_sees_clients_that_come_by_tls_by_the_members_own_command_url(zoo: Secured) -> None:
    assert isinstance(zoo.servers, Ensemble)
    with zoo.client(**zoo.secure("seen")) as client:
        local = run("top", "--once", "--json", "-d", "0.5", "--data", zoo.servers.data)
        remote = run("top", "--once", "--json", "-d", "0.5", metrics(zoo) + URL)
        elsewhere = run("top", "--once", "--json", "-d", "0.5", metrics(zoo))

        session = f"0x{client.client_id[0]:x}"
    for done in (local, remote):
        assert session in [row["session"] for row in json.loads(done.stdout)["clients"]], done.output
    assert json.loads(elsewhere.stdout)["clients"] == []


def test_show_goes_by_the_command_url(zoo: Secured) -> None:
    with zoo.client(**zoo.secure("writer")) as client:
        client.ensure_path("/shown")
        client.set("/shown", b"value")

    assert run("show", metrics(zoo) + URL, "/shown", "--raw").output == "value"
    assert run("show", metrics(zoo), "/shown").exit_code != 0
