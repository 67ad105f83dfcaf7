"""Backups of what was: `corral backup --at`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.backup.archive import load_backup
from node.cli.commands import corral
from tests.backup.states import FILES, Written, configured, facts_of, tree_of
from transport.opcodes import OpCode
from transport.records import SetDataRequest
from transport.zxid import show


@pytest.fixture
def member(tmp_path: Path) -> Written:
    ensemble, _ = tree_of(5)
    return Written(configured(tmp_path, members=1)[0], ensemble)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(corral, [str(argument) for argument in arguments])


def test_a_backup_of_a_point_in_time_holds_exactly_what_was_then_and_is_restored(
    member: Written, tmp_path: Path,
) -> None:
    client = member.ensemble.client(connection=5)
    before = member.ensemble.replica.zxid
    member.ensemble.submit([
        client.request(OpCode.SET_DATA, SetDataRequest(b"/node-1", b"%d" % number, -1)) for number in (1, 2, 3)])
    client.delete(b"/node-2")  # the mistake
    member.ensemble.client(connection=9)
    member.log()
    file, point = tmp_path / "before-the-mistake", show(before + 2)

    made = run("backup", member.config.file, "--at", point, "--to", file, "--json")
    assert made.exit_code == 0, made.output
    facts = json.loads(made.stdout)
    assert (facts["zxid"], facts["point"], facts["complete"]) == (point, point, False)
    state = load_backup(FILES, file).state
    assert state.tree.nodes[b"/node-1"].data == b"2"
    assert b"/node-2" in state.tree.nodes

    assert f"the state at {point}" in run("restore", file, member.config.file, "--replace", "--check").output
    assert run("restore", file, member.config.file, "--replace", "--yes").exit_code == 0


def test_the_last_zxid_is_what_a_backup_of_now_holds(member: Written, tmp_path: Path) -> None:
    last = member.log()
    member.ensemble.client(connection=9)
    member.log()

    assert run("backup", member.config.file, "--at", show(last), "--to", tmp_path / "then").exit_code == 0
    member.back_up(tmp_path / "now", barrier=last)

    then, now = (load_backup(FILES, tmp_path / name).state for name in ("then", "now"))
    assert facts_of(then) == facts_of(now)
    assert then.digest() == now.digest()


def test_points_that_make_no_sense_are_refused(member: Written, tmp_path: Path) -> None:
    member.log()

    future = run("backup", member.config.file, "--at", "9:1", "--to", tmp_path / "one")
    assert (future.exit_code, "still to come" in future.output) == (78, True)
    assert run("backup", member.config.file, "--at", "1:3", "--local", "--to", tmp_path / "one").exit_code == 2
    nothing = run("backup", member.config.file, "--at", "1970-01-01", "--to", tmp_path / "one")
    assert (nothing.exit_code, "nothing had been written" in nothing.output) == (78, True)
    assert not (tmp_path / "one").exists()
