"""A restoration over HTTP: of a lone member, of three that serve on, and what goes wrong before anything is touched."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kazoo.handlers.threading import KazooTimeoutError

from node.backup.wanted import VALID_S, hold_replica, want, wanted
from node.config.member import MemberConfig
from tests.clients.secured import SUPER_DIGEST
from tests.corral import ROOT, Ensemble, corral_ensemble, kazoo_client
from tests.waiting import wait_until

SUPER = "digest super:test"
SETTINGS = {"DigestAuthenticationProvider.superDigest": SUPER_DIGEST, "admin.rateLimiterIntervalInMS": "0"}


def ask(ensemble: Ensemble, member: int, command: str, body: bytes | None = None) -> tuple[int, bytes]:
    local = ensemble.local
    port = local.member(member).metrics_port
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/commands/{command}", data=body, headers={"Authorization": SUPER})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def snapshot_of(ensemble: Ensemble, member: int) -> bytes:
    def taken() -> bytes:
        try:
            status, body = ask(ensemble, member, "snapshot?streaming=true")
        except urllib.error.URLError:
            return b""  # telemetry is not up yet
        return body if status == 200 else b""

    return wait_until(taken, seconds=60, what="a snapshot")


def restore(ensemble: Ensemble, member: int, body: bytes, query: str = "") -> dict[str, Any]:
    status, answer = ask(ensemble, member, f"restore{query}", body)
    assert status == 200, answer
    found: dict[str, Any] = json.loads(answer)
    return found


@contextmanager
def with_two_znodes(directory: Path, members: int) -> Iterator[tuple[Ensemble, bytes]]:
    """A backup with /kept; /later was made after it."""
    with corral_ensemble(directory, members=members, settings=SETTINGS) as ensemble:
        with kazoo_client(ensemble.addresses) as client:
            client.create("/kept", b"1")
            body = snapshot_of(ensemble, 1)
            client.create("/later", b"2")
        yield ensemble, body


def is_restored(ensemble: Ensemble, member: int) -> bool:
    try:
        with kazoo_client([ensemble.addresses[member - 1]]) as client:
            return client.exists("/kept") is not None and client.exists("/later") is None
    except KazooTimeoutError:
        return False


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ensemble, bytes]]:
    with with_two_znodes(tmp_path_factory.mktemp("lone"), 1) as found:
        yield found


def left_over(ensemble: Ensemble) -> list[Path]:
    return [*ensemble.local.run_dir(ensemble.local.member(1)).glob("restore-wanted*")]


def test_what_is_no_backup_changes_nothing(lone: tuple[Ensemble, bytes]) -> None:
    ensemble, body = lone
    before = ensemble.pids(1)

    assert ask(ensemble, 1, "restore", b"rubbish" * 1000)[0] == 400
    assert ask(ensemble, 1, "restore", body[:-1] + b"x")[0] == 400
    assert ask(ensemble, 1, "restore", b"")[0] == 400
    assert ask(ensemble, 1, "restore")[0] == 405
    assert ensemble.pids(1) == before
    assert left_over(ensemble) == []


def test_a_lone_member_goes_back_to_a_snapshot_and_serves_again(lone: tuple[Ensemble, bytes]) -> None:
    ensemble, body = lone
    answer = restore(ensemble, 1, body)

    assert (answer["command"], answer["error"]) == ("restore", None)
    wait_until(lambda: is_restored(ensemble, 1), seconds=90, what="it serves the state of the snapshot")
    with kazoo_client(ensemble.addresses) as client:
        client.create("/new")
    assert left_over(ensemble) == []


@pytest.mark.long
def test_three_members_go_back_one_after_the_other_without_being_stopped_by_hand(tmp_path: Path) -> None:
    with with_two_znodes(tmp_path, 3) as (ensemble, body):
        epoch = restore(ensemble, 1, body)["epoch"]
        names = {restore(ensemble, member, body, f"?epoch={epoch}")["restoration"] for member in (2, 3)}

        assert len(names) == 1
        for member in (1, 2, 3):
            wait_until(lambda m=member: is_restored(ensemble, m), seconds=120, what=f"{member} serves the old state")  # type: ignore[misc]
        with kazoo_client(ensemble.addresses) as client:
            client.create("/new")


# The lock of whoever holds the state --------------------------------------------------------------

HOLDER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from node.backup.wanted import hold_replica
hold_replica(SimpleNamespace(run_dir=Path(sys.argv[1]), data_dir=Path(sys.argv[1])), lambda: print("waits", flush=True))
print("holds", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def config(tmp_path: Path) -> Any:
    class Config:
        run_dir = data_dir = tmp_path

    return Config()


def test_who_starts_while_a_restoration_is_wanted_waits_for_its_end(config: MemberConfig) -> None:
    want(config, config.data_dir / "file", [])
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(config.run_dir)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "waits\n"
        (config.data_dir / "restore-wanted.json").unlink()
        assert "holds\n" in iter(holder.stdout.readline, "")
        holder.kill()


def test_a_mark_that_nobody_came_for_in_time_is_none(config: MemberConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    want(config, config.data_dir / "file", [])
    assert wanted(config) is not None
    now_s = time.time()

    monkeypatch.setattr(time, "time", lambda: now_s + VALID_S + 1)

    assert wanted(config) is None
    hold_replica(config, lambda: pytest.fail("it waits"))
