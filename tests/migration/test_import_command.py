"""`corral import` and `corral export`, as far as they go without servers."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.backup.archive import load_backup
from node.cli.commands import corral
from node.config.member import MemberConfig
from node.storage.layout import data_directory
from node.storage.snapshots import load_newest
from node.tree.acl import OPEN
from node.tree.snapshot import decode_state
from node.tree.state import State
from node.tree.tree import Tree
from node.tree.znode import CONTAINER_OWNER, Znode
from node.zookeeper_files.sessions import zookeeper_password
from node.zookeeper_files.writing import write_snapshot
from tests.backup.states import FILES, configured
from tests.migration.zookeeper_files import SESSION, create_body, payload, write_log
from transport.zxid import EPOCH_MAX, epoch_of

CREATE = 1
LAST = 3 << 32 | 0x10
LARGEST = 0x7FFF_FFFF << 32 | 5  # of ZooKeeper's 32-bit epochs


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(corral, [str(argument) for argument in arguments])


@pytest.fixture
def config(tmp_path: Path) -> MemberConfig:
    (config,) = configured(tmp_path, members=1)
    return config


def zookeeper(tmp_path: Path, last: int = LAST, *, name: str = "zookeeper") -> Path:
    """A data directory with nodes of all kinds."""
    place = tmp_path / name / "version-2"
    place.mkdir(parents=True)
    tree = Tree.initial()
    for path, owner, acl in (
        (b"/app", 0, OPEN), (b"/app/mine", SESSION, OPEN), (b"/box", CONTAINER_OWNER, OPEN),
        (b"/odd", 0, ((31, b"kerberos-of-ours", b"x"),)), (b"/zookeeper/quota/app", 0, OPEN),
        (b"/zookeeper/quota/app/zookeeper_limits", 0, OPEN), (b"/zookeeper/quota/app/zookeeper_stats", 0, OPEN),
    ):
        tree.add(Znode(path, b"count=5,bytes=-1" if b"limits" in path else b"data", acl, owner, last - 3, 1_000))
    write_snapshot(place, tree, {SESSION: 12_000}, last - 1)
    write_log(place, last, payload(last, CREATE, create_body(b"/app/from-the-log", b"x")))
    return place.parent


def restored(config: MemberConfig) -> State:
    sections = load_newest(FILES, data_directory(config.data_dir))
    assert sections is not None
    return decode_state(sections)


def test_files_of_zookeeper_become_a_backup_that_is_restored(config: MemberConfig, tmp_path: Path) -> None:
    source, file = zookeeper(tmp_path), tmp_path / "moved.backup"

    made = run("import", source, "--for", config.file, "--to", file, "--json")
    assert made.exit_code == 0, made.output
    facts = json.loads(made.stdout)
    done = run("restore", file, config.file, "--json")
    assert done.exit_code == 0, done.output

    assert (facts["znodes"], facts["sessions"], facts["transactions"], facts["last_zxid"]) == (12, 1, 1, f"0x{LAST:x}")
    assert facts["kinds"] == {"persistent": 9, "ephemeral": 1, "container": 1, "quota": 1}
    state = restored(config)
    assert state.zxid == LAST
    assert state.tree.nodes[b"/app/from-the-log"].mzxid == LAST
    assert state.tree.nodes[b"/zookeeper/quota/app/zookeeper_stats"].data == b"count=3,bytes=9"
    session = state.sessions[SESSION]
    assert (session.timeout_ms, session.password) == (12_000, zookeeper_password(SESSION))
    assert list(session.ephemerals) == [b"/app/mine"]
    assert json.loads(done.stdout)["epoch"] > epoch_of(LAST)


def test_the_backup_goes_where_every_member_can_restore_it_from(config: MemberConfig, tmp_path: Path) -> None:
    source, url = zookeeper(tmp_path), f"file://{tmp_path}/away/moved.backup"

    made = run("import", source, "--for", config.file, "--to", url, "--json")
    again = run("import", source, "--for", config.file, "--to", url)
    done = run("restore", url, config.file, "--json")

    assert (made.exit_code, done.exit_code) == (0, 0), made.output + done.output
    assert json.loads(made.stdout)["file"] == url
    assert json.loads(made.stdout)["sha256"] == json.loads(done.stdout)["sha256"]
    assert (again.exit_code, "is there already" in again.output) == (78, True)
    assert b"/app/from-the-log" in restored(config).tree.nodes


def test_what_cannot_be_carried_over_is_said(config: MemberConfig, tmp_path: Path) -> None:
    result = run("import", zookeeper(tmp_path), "--for", config.file)

    assert result.exit_code == 0, result.output
    assert "ACLs of scheme 'kerberos-of-ours' are kept, but nobody can prove" in result.output
    assert "/odd" in result.output
    assert "nothing was written" in result.output


def test_sessions_end_where_that_is_wanted(config: MemberConfig, tmp_path: Path) -> None:
    file = tmp_path / "moved.backup"

    assert run("import", zookeeper(tmp_path), "--for", config.file, "--to", file, "--end-sessions").exit_code == 0

    state = load_backup(FILES, file).state
    assert not state.sessions
    assert b"/app/mine" not in state.tree.nodes
    assert state.tree.nodes[b"/app"].pzxid == LAST


@pytest.mark.parametrize("last", [LAST, 0x7FF0_0000 << 32 | 7, (1 << 40) - 1, 0xFFFF_FFFF])
def test_the_first_zxid_afterwards_is_above_every_imported_one(
    config: MemberConfig, tmp_path: Path, last: int,
) -> None:
    file = tmp_path / "moved.backup"
    assert run("import", zookeeper(tmp_path, last), "--for", config.file, "--to", file).exit_code == 0

    done = run("restore", file, config.file, "--json")

    assert done.exit_code == 0, done.output
    epoch = json.loads(done.stdout)["epoch"] + 1
    assert epoch << 40 > last
    assert epoch < EPOCH_MAX


def test_where_zookeeper_has_used_up_its_epochs_zxids_are_counted_anew(config: MemberConfig, tmp_path: Path) -> None:
    source, file = zookeeper(tmp_path, LARGEST), tmp_path / "moved.backup"

    refused = run("import", source, "--for", config.file, "--to", file)
    assert refused.exit_code == 78
    assert "--renumber" in refused.output
    assert run("import", source, "--for", config.file, "--to", file, "--renumber").exit_code == 0
    done = run("restore", file, config.file, "--json")

    assert done.exit_code == 0, done.output
    state = restored(config)
    nodes = state.tree.nodes
    assert (nodes[b"/app"].czxid, nodes[b"/app/from-the-log"].czxid, state.zxid) == (1, 2, 2)
    assert nodes[b"/app"].pzxid == 2
    assert not state.sessions
    assert (json.loads(done.stdout)["epoch"] + 1) << 40 > 2


def test_of_several_members_the_one_that_would_lead_is_read(config: MemberConfig, tmp_path: Path) -> None:
    older, newer = zookeeper(tmp_path, LAST), zookeeper(tmp_path, LAST + 4, name="newer")

    result = run("import", older, newer, "--for", config.file, "--json")

    assert json.loads(result.stdout)["source"] == str(newer / "version-2")


def test_a_damaged_directory_is_refused_and_nothing_is_written(config: MemberConfig, tmp_path: Path) -> None:
    source, file = zookeeper(tmp_path), tmp_path / "moved.backup"
    log = source / f"version-2/log.{LAST:x}"
    log.write_bytes(log.read_bytes().replace(b"/app/from", b"/app/form"))

    result = run("import", source, "--for", config.file, "--to", file)

    assert result.exit_code == 78
    assert "wrong checksum" in result.output
    assert not file.exists()


def test_a_backup_is_exported_and_imported_again_as_it_was(config: MemberConfig, tmp_path: Path) -> None:
    first, second = tmp_path / "first.backup", tmp_path / "second.backup"
    assert run("import", zookeeper(tmp_path), "--for", config.file, "--to", first).exit_code == 0

    exported = run("export", first, "--to", tmp_path / "back", "--json")
    assert exported.exit_code == 0, exported.output
    facts = json.loads(exported.stdout)
    assert (facts["sessions"], facts["sessions_continued"], facts["zookeeper_epoch"]) == (1, 1, 3)
    assert run("import", tmp_path / "back", "--for", config.file, "--to", second).exit_code == 0

    assert load_backup(FILES, second).state.digest() == load_backup(FILES, first).state.digest()


def test_an_export_never_takes_the_place_of_what_is_there(config: MemberConfig, tmp_path: Path) -> None:
    source, file = zookeeper(tmp_path), tmp_path / "moved.backup"
    assert run("import", source, "--for", config.file, "--to", file).exit_code == 0

    result = run("export", file, "--to", source)

    assert result.exit_code == 78
    assert "is there already" in result.output
