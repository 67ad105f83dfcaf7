"""`corral backup`, `restore` and `self-check`, as far as they go without starting anything."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.cli.commands import corral
from node.lives import OwnLife
from node.run_dir import make_private
from tests.backup.states import Written, configured, lone_member, tree_of


def run(*arguments: str | Path, answer: str = "") -> Result:
    return CliRunner().invoke(corral, [str(argument) for argument in arguments], input=answer)


@pytest.fixture
def member(tmp_path: Path) -> Written:
    return lone_member(tmp_path, znodes=10)


def test_a_backup_goes_to_the_directory_that_zoo_cfg_names_and_is_listed_and_verified(
    member: Written, tmp_path: Path,
) -> None:
    shelf = tmp_path / "shelf"
    with member.config.file.open("a") as file:
        file.write(f"corral.backupDir={shelf}\n")

    made = run("backup", member.config.file, "--local", "--json")
    assert made.exit_code == 0, made.output
    path = json.loads(made.stdout)["file"]
    listed = json.loads(run("backup", "list", shelf, "--json").stdout)["backups"]
    verified = run("backup", "verify", path, "--json")

    assert shelf.stat().st_mode & 0o777 == 0o700
    assert [each["file"] for each in listed] == [path]
    assert verified.exit_code == 0
    (result,) = json.loads(verified.stdout)["backups"]
    assert (result["good"], result["sha256"]) == (True, json.loads(made.stdout)["sha256"])


def test_verify_names_the_damaged_one_and_fails(member: Written, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.backup", tmp_path / "bad.backup"
    assert run("backup", member.config.file, "--local", "--to", good).exit_code == 0
    bad.write_bytes(good.read_bytes()[:-1])

    result = run("backup", "verify", good, bad)

    assert result.exit_code == 1
    assert f"{good}: good" in result.stdout
    assert f"{bad}: DAMAGED" in result.stdout


def test_a_backup_never_takes_the_place_of_a_file(member: Written, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")

    result = run("backup", member.config.file, "--local", "--to", tmp_path / "there")

    assert result.exit_code == 78
    assert (tmp_path / "there").read_text() == "mine"


def test_keep_goes_with_a_directory_only(member: Written, tmp_path: Path) -> None:
    assert run("backup", member.config.file, "--local", "--keep", "3", "--to", tmp_path / "one").exit_code == 2


def test_a_member_that_does_not_serve_is_backed_up_only_by_local(member: Written, tmp_path: Path) -> None:
    result = run("backup", member.config.file, "--to", tmp_path / "one")

    assert result.exit_code == 1
    assert "--local" in result.output


def test_restore_asks_and_says_what_comes_next(member: Written, tmp_path: Path) -> None:
    file = tmp_path / "one"
    run("backup", member.config.file, "--local", "--to", file)
    before = sorted(path.name for path in member.config.data_dir.iterdir())

    refused = run("restore", file, member.config.file)
    asked = run("restore", file, member.config.file, "--replace", answer="n\n")
    assert refused.exit_code == 78
    assert "--replace" in refused.output
    assert asked.exit_code == 1
    checked = run("restore", file, member.config.file, "--replace", "--check", "--json")
    assert json.loads(checked.stdout)["restored"] is False
    assert sorted(path.name for path in member.config.data_dir.iterdir()) == before

    done = run("restore", file, member.config.file, "--replace", answer="y\n")
    assert done.exit_code == 0, done.output
    assert "start every member" in done.stdout
    assert list(member.config.data_dir.glob("corral.replaced-*"))


def test_what_speaks_against_restoring_is_said_while_the_member_still_runs(member: Written, tmp_path: Path) -> None:
    file = tmp_path / "one"
    run("backup", member.config.file, "--local", "--to", file)
    make_private(member.config.run_dir)
    life = OwnLife(member.config.run_dir, "telemetry", now_ms=0)
    try:
        checked = run("restore", file, member.config.file, "--replace", "--check", "--json")
        refused = run("restore", file, member.config.file, "--check")
        done = run("restore", file, member.config.file, "--replace", "--yes")
    finally:
        life.close()

    assert json.loads(checked.stdout)["members"][0]["running"].startswith("telemetry ")
    assert (refused.exit_code, done.exit_code) == (78, 78)
    assert "--replace" in refused.output
    assert "member 1 runs: telemetry" in done.output


def test_restore_names_the_command_for_the_other_members(tmp_path: Path) -> None:
    configs = configured(tmp_path)
    ensemble, _ = tree_of(3)
    written = Written(configs[0], ensemble)
    written.log()
    file = tmp_path / "one"
    run("backup", configs[0].file, "--local", "--to", file)

    done = run("restore", file, configs[0].file, "--replace", "--yes")

    assert "on each other member (2, 3)" in done.stdout
    assert f"corral restore {file} CONFIG --replace --epoch 2000" in done.stdout


def test_restore_refuses_a_damaged_file_before_it_touches_anything(member: Written, tmp_path: Path) -> None:
    file = tmp_path / "one"
    run("backup", member.config.file, "--local", "--to", file)
    file.write_bytes(file.read_bytes()[:-5])

    result = run("restore", file, member.config.file, "--replace", "--yes")

    assert result.exit_code == 78
    assert "nothing was restored" in result.output
    assert not list(member.config.data_dir.glob("corral.replaced-*"))


def test_help_shows_both_ways_to_say_it() -> None:
    text = run("backup", "--help").stdout

    assert "corral backup /etc/corral/main/zoo.cfg" in text
    assert "verify" in text
