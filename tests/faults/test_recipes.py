"""The recipes of docs/recipes.md, with holders that are paused for longer than their session lives, or die."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from examples.fenced_lock import FencedFile, FencedLock
from tests.corral import ROOT, Ensemble, connect_string, fresh_root, kazoo_client
from tests.waiting import wait_until


@contextmanager
def holder(ensemble: Ensemble, path: str, file: Path) -> Iterator["subprocess.Popen[str]"]:
    """examples/fenced_lock.py in a process of its own."""
    hosts = connect_string(ensemble.addresses)
    command = (sys.executable, str(ROOT / "examples/fenced_lock.py"), hosts, path, str(file))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def token_of(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    word, token = process.stdout.readline().split()
    assert word == "token"
    return int(token)


def write(process: "subprocess.Popen[str]", line: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_a_holder_that_was_paused_beyond_its_session_cannot_write_over_the_next(
    ensemble: Ensemble, tmp_path: Path
) -> None:
    path, file = f"{fresh_root(ensemble)}/lock", tmp_path / "fenced"
    with holder(ensemble, path, file) as paused:
        first = token_of(paused)
        assert write(paused, "first") == "written"
        os.kill(paused.pid, signal.SIGSTOP)

        with holder(ensemble, path, file) as next_one:
            second = token_of(next_one)  # comes when the session of the other is over
            assert write(next_one, "second") == "written"
            os.kill(paused.pid, signal.SIGCONT)

            assert second > first
            assert write(paused, "too late") == "refused"
            assert write(next_one, "third") == "written"
    lines = [json.loads(each)["line"] for each in file.read_text().splitlines()]
    assert lines == ["first", "second", "third"]


def test_who_follows_a_holder_that_died_waits_out_the_lock_delay_and_who_follows_a_release_does_not(
    ensemble: Ensemble, tmp_path: Path
) -> None:
    path, pauses = f"{fresh_root(ensemble)}/lock", []
    with holder(ensemble, path, tmp_path / "fenced") as died:
        first = token_of(died)
    with kazoo_client(ensemble.addresses) as client:
        lock = FencedLock(client, path, delay_s=15.0, pause=pauses.append)
        assert lock.acquire() > first
        assert pauses == [15.0]

        lock.release()
        again = FencedLock(client, path, delay_s=15.0, pause=pauses.append)
        assert again.acquire() > lock.token
        assert pauses == [15.0]


def test_a_queue_of_holders_gets_tokens_in_its_order(ensemble: Ensemble, tmp_path: Path) -> None:
    path, file = f"{fresh_root(ensemble)}/lock", FencedFile(tmp_path / "fenced")
    with kazoo_client(ensemble.addresses) as client:
        tokens = []
        for _ in range(3):
            lock = FencedLock(client, path)
            tokens.append(lock.acquire())
            assert file.append(lock.token, "x")
            lock.release()
        wait_until(lambda: client.get_children(path) == [], what="nothing is left of them")

    assert tokens == sorted(set(tokens))
    assert not file.append(tokens[0], "late")
