"""The audit log: what ZooKeeper's says, in its words; before the answer, on the right member, or no answer."""

import contextlib
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.security import OPEN_ACL_UNSAFE, make_digest_acl

from observability.audit import AuditEvent, Writer, json_line, zookeeper_line
from tests.clients.genuine_ensemble import genuine_ensemble
from tests.corral import Ensemble, Servers, corral_ensemble, kazoo_client
from tests.faults.figures import log_lines
from tests.waiting import wait_until

ON = {"audit.enable": "true"}
SUPER = {"DigestAuthenticationProvider.superDigest": "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="}  # super:admin
BOB = [make_digest_acl("bob", "secret", all=True)]
OPEN = OPEN_ACL_UNSAFE

Line = dict[str, Any]


def audit_lines(ensemble: Ensemble, member: int = 1) -> list[Line]:
    file = ensemble.home(member) / "data/audit.log"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def of_clients(lines: list[Line]) -> list[Line]:
    return [line for line in lines if not line["operation"].startswith("server")]


def attempt(call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    with contextlib.suppress(KazooException):
        call(*arguments, **options)


# The same as ZooKeeper ----------------------------------------------------------------------------


def tell_a_story(servers: Servers) -> None:
    """All that is audited, and what is not, by two clients."""
    with kazoo_client(servers.addresses) as bob, kazoo_client(servers.addresses) as stranger:
        bob.add_auth("digest", "bob:secret")
        bob.add_auth("digest", "super:admin")
        bob.create("/a", b"x")
        attempt(bob.create, "/a", b"x")
        bob.create("/e", ephemeral=True)
        bob.create("/s-", sequence=True)
        bob.create("/es-", sequence=True, ephemeral=True)
        bob.create("/a/ü", acl=BOB, include_data=True)
        attempt(bob.create, "/none/x", ephemeral=True, sequence=True)
        bob.set("/a", b"y")
        attempt(bob.set, "/none", b"y")
        attempt(bob.set, "/a", b"y", version=77)
        bob.set_acls("/a", [*BOB, *OPEN])
        attempt(bob.set_acls, "/none", OPEN)
        tell_of_multis(bob)
        attempt(bob.delete, "/a")
        bob.delete("/a/ü")
        bob.delete("/a")
        bob.get("/")
        bob.sync("/")
        stranger.create("/locked", acl=BOB)
        attempt(stranger.create, "/locked/x")
        attempt(stranger.set, "/locked", b"")
        attempt(stranger.set_acls, "/locked", OPEN)
        attempt(stranger.delete, "/locked/x")
        stranger.create("/mine", ephemeral=True)
        stranger.stop()


def tell_of_multis(client: KazooClient) -> None:
    through = client.transaction()
    through.create("/t")
    through.set_data("/a", b"z")
    through.check("/a", -1)
    through.delete("/t")
    through.create("/t-", sequence=True, ephemeral=True)
    through.commit()
    failed = client.transaction()
    failed.create("/t")
    failed.set_data("/none", b"z")
    failed.commit()


def fields_of(log: str) -> Iterator[dict[str, str]]:
    """Of each line in ZooKeeper's format, without the sessions' numbers, which differ; sets of users in order."""
    sessions: dict[str, str] = {}
    for level, text in re.findall(r"(INFO|ERROR) \S*AuditLogger(?: -|:) (.*)", log):
        fields = {"level": level, **dict(part.split("=", 1) for part in text.split("\t"))}
        if "session" in fields:
            fields["session"] = sessions.setdefault(fields["session"], f"{len(sessions) + 1}.")
        fields["user"] = ",".join(sorted(fields["user"].split(",")))
        yield fields


def in_any_order_of_ephemerals(lines: Iterator[dict[str, str]]) -> list[dict[str, str]]:
    """Those that go with a session go in no order in ZooKeeper: sorted here, behind the rest."""
    return sorted(lines, key=lambda line: line["znode"] if "ephemeralZ" in line["operation"] else "")


def test_the_lines_are_those_of_genuine_zookeeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dorg.slf4j.simpleLogger.log.org.apache.zookeeper.audit=info")
    settings = {**ON, **SUPER}
    with genuine_ensemble(tmp_path / "genuine", members=1, settings=settings) as genuine:
        tell_a_story(genuine)
        genuine.stop(1)
        expected = in_any_order_of_ephemerals(fields_of(genuine.log(1)))
    own = {"corral.auditFormat": "zookeeper", "corral.auditFile": str(tmp_path / "audit")}
    with corral_ensemble(tmp_path / "corral", members=1, settings=settings | own) as corral:
        tell_a_story(corral)
        corral.stop(1)

    assert in_any_order_of_ephemerals(fields_of((tmp_path / "audit").read_text())) == expected
    assert len(expected) > 30


# Lines --------------------------------------------------------------------------------------------


def test_no_path_makes_two_lines_or_another_field() -> None:
    event = AuditEvent("create", "failure", znode="/a\tresult=success\n2026-01-01\u2028", users=("eve\nroot",))

    line = zookeeper_line(event, Writer(1, "processor-0", "corral"), 0).decode()

    assert line.count("\n") == 1
    assert line.rstrip("\n").endswith(
        "user=eve\\u000aroot\toperation=create\tznode=/a\\u0009result=success\\u000a2026-01-01\\u2028\tresult=failure")
    assert json_line(event, Writer(1, "processor-0", "corral"), 0).count(b"\n") == 1


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    settings = {**ON, **SUPER, "minSessionTimeout": "2000"}
    with corral_ensemble(tmp_path_factory.mktemp("audit"), settings=settings) as started:
        yield started


def test_a_write_is_audited_where_its_client_is_and_nowhere_else(ensemble: Ensemble) -> None:
    for member, address in enumerate(ensemble.addresses, 1):
        with kazoo_client([address]) as client:
            client.add_auth("digest", f"user{member}:secret")
            client.create(f"/here{member}")
            session = client.client_id[0]  # type: ignore[index]

        (line,) = [each for each in audit_lines(ensemble, member) if each.get("znode") == f"/here{member}"]
        assert line["user"] == ["127.0.0.1", f"user{member}"]
        assert line["ip"] == "127.0.0.1"
        assert (line["operation"], line["znode_type"], line["result"]) == ("create", "persistent", "success")
        assert int(line["session"], 16) == session & (1 << 64) - 1
        assert (line["member"], line["process"]) == (member, "processor-0")
        others = [audit_lines(ensemble, other) for other in (1, 2, 3) if other != member]
        assert not any(each.get("znode") == f"/here{member}" for lines in others for each in lines)


def test_ephemerals_that_go_with_a_session_are_audited_by_every_member(ensemble: Ensemble) -> None:
    with kazoo_client(ensemble.addresses[:1]) as client:
        client.create("/gone-soon", ephemeral=True)

    for member in (1, 2, 3):
        gone = wait_until(
            lambda member=member: [  # type: ignore[misc]
                line for line in audit_lines(ensemble, member)
                if line["operation"] == "ephemeralZNodeDeletionOnSessionCloseOrExpire"
                and line["znode"] == "/gone-soon"],
            what=f"member {member} tells")
        assert [line["result"] for line in gone] == ["success"]
        assert "ip" not in gone[0]


def test_a_failed_multi_names_what_it_asked_for_and_the_error(ensemble: Ensemble) -> None:
    with kazoo_client(ensemble.addresses[:1]) as client:
        transaction = client.transaction()
        transaction.create("/multi-a")
        transaction.delete("/multi-none")
        transaction.commit()

    line = of_clients(audit_lines(ensemble))[-1]
    assert (line["operation"], line["result"], line["error"]) == ("multiOperation", "failure", "NO_NODE")
    assert line["znodes"] == ["/multi-a", "/multi-none"]


def test_no_answer_comes_before_its_line(ensemble: Ensemble) -> None:
    """Whenever a client knows, the file says so: read after each answer, without waiting."""
    with kazoo_client(ensemble.addresses[:1]) as client:
        file = ensemble.home(1) / "data/audit.log"
        for number in range(50):
            client.create(f"/known-{number}")
            assert f'"/known-{number}"' in file.read_text()


def test_a_killed_processor_has_audited_what_it_answered(ensemble: Ensemble) -> None:
    with kazoo_client(ensemble.addresses[:1]) as client:
        answered = [client.create_async(f"/killed-{number:04}") for number in range(2000)]
        answered[500].get()
        ensemble.signal(1, "processor-0", signal.SIGKILL)
        known = [each for each in answered if each.ready() and each.successful()]

    audited = {line.get("znode") for line in audit_lines(ensemble)}
    assert len(known) > 500
    assert {each.get() for each in known} <= audited
    wait_until(lambda: ensemble.serves(1), seconds=60, what="it serves again")


def test_the_file_is_opened_anew_when_it_was_renamed(ensemble: Ensemble) -> None:
    file = ensemble.home(1) / "data/audit.log"
    with kazoo_client(ensemble.addresses[:1]) as client:
        client.ensure_path("/turn")
        file.rename(file.with_suffix(".1"))

        def is_new() -> bool:
            client.set("/turn", b"")
            return file.exists()

        wait_until(is_new, what="a new file")

    assert json.loads(file.read_text().splitlines()[0])["operation"] in ("setData", "serverStart")
    file.with_suffix(".1").unlink()


def test_starts_and_stops_are_audited(ensemble: Ensemble) -> None:
    ensemble.stop(3)
    ensemble.start(3)

    ours = [line for line in audit_lines(ensemble, 3) if line["operation"].startswith("server")]
    assert [(line["operation"], line["result"]) for line in ours[-3:]] == [
        ("serverStart", "success"), ("serverStop", "invoked"), ("serverStart", "success")]


def test_only_its_owner_and_group_read_the_file(ensemble: Ensemble) -> None:
    assert (ensemble.home(1) / "data/audit.log").stat().st_mode & 0o007 == 0


# What cannot be audited is not answered -----------------------------------------------------------


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
def test_a_processor_that_cannot_write_answers_nobody(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    audit = {**ON, "corral.auditFile": str(file)}
    with corral_ensemble(tmp_path, members=1, settings=audit) as ensemble, kazoo_client(ensemble.addresses) as client:
        client.create("/a")
        file.unlink()
        file.symlink_to("/dev/full")
        number = 0

        def is_refused() -> list[Line]:
            nonlocal number
            number += 1
            attempt(client.create_async(f"/b{number}").get, timeout=1)
            return log_lines(ensemble, 1, "audit_failed")

        failed = wait_until(is_refused, what="a line that cannot be written")[0]
        unwritten = json.loads(failed["lines"][0])
        file.unlink()
        wait_until(lambda: ensemble.serves(1), seconds=60, what="it serves again, once there is room")

    assert failed["level"] == "error"
    assert "No space left" in failed["reason"]
    assert unwritten["operation"] in ("create", "serverStart")


def test_without_audit_enable_there_is_no_file(tmp_path: Path) -> None:
    with corral_ensemble(tmp_path, members=1) as ensemble, kazoo_client(ensemble.addresses) as client:
        client.create("/a")
        assert not (ensemble.home(1) / "data/audit.log").exists()


def test_processors_of_a_member_share_the_file_line_by_line(tmp_path: Path) -> None:
    settings = {**ON, "corral.processors": "2"}
    with corral_ensemble(tmp_path, members=1, settings=settings) as ensemble:
        clients = 8
        for client in range(clients):
            with kazoo_client(ensemble.addresses) as each:
                waiting = [each.create_async(f"/p{client}-{number}") for number in range(100)]
                assert all(one.get() for one in waiting)
        lines = of_clients(audit_lines(ensemble))

    assert len({line["znode"] for line in lines}) == len(lines) == clients * 100
    assert {line["process"] for line in lines} == {"processor-0", "processor-1"}
