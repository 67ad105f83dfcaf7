"""Restoring members from a backup: what they have then, what is refused, and that no half of it can start."""

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from node.backup.archive import load_backup
from node.backup.epochs import next_epoch
from node.backup.restoring import Plan, adapt, examine, make_plan, restore_member
from node.config.member import MemberConfig
from node.keys import load_keys
from node.lives import OwnLife
from node.roles import ROLES
from node.run_dir import lock_shared, make_private
from node.storage.epochs import Epochs
from node.storage.errors import RefusedError
from node.storage.files import RealFiles
from node.storage.identity import DataLock, open_identity
from node.storage.layout import data_directory, log_directory
from node.storage.recovery import Recovery, recover
from node.storage.snapshots import load_newest
from node.tree.snapshot import decode_state
from node.tree.state import State
from node.zab.membership import has_vote
from tests.backup.states import FILES, SETTINGS, Written, configured, facts_of, restored_name, tree_of
from transport.entry import FEATURE_LEVEL, read_control
from transport.zxid import MemberId, Zxid

NOW = datetime(2026, 11, 22, 10, 15, 30, tzinfo=UTC)
VOTERS = (MemberId(1), MemberId(2), MemberId(3))


@pytest.fixture
def configs(tmp_path: Path) -> list[MemberConfig]:
    return configured(tmp_path)


@pytest.fixture
def file(configs: list[MemberConfig], tmp_path: Path) -> Path:
    """A backup of member 1, which goes on afterwards, as do the others."""
    ensemble, client = tree_of(20)
    client.create(b"/lock", b"held", flags=1)
    barrier = ensemble.replica.zxid
    members = [Written(config, ensemble) for config in configs]
    for member in members:
        member.log()
    members[0].back_up(tmp_path / "backup", barrier=Zxid(barrier))
    client.create(b"/after-the-backup")
    for member in members:
        member.log()
    return tmp_path / "backup"


def restore(
    file: Path, configs: list[MemberConfig], *, epoch: int | None = None, ends_sessions: bool = False,
    from_other_ensemble: bool = False, replaces: bool = True, settings: dict[str, str] = SETTINGS,
    files: RealFiles = FILES,
) -> Plan:
    loaded = load_backup(FILES, file)
    targets = [examine(FILES, config) for config in configs]
    plan = make_plan(
        loaded.backup.header, loaded.backup.sha256, targets, epoch=epoch, ends_sessions=ends_sessions,
        from_other_ensemble=from_other_ensemble, replaces=replaces, settings=[settings] * len(targets),
        control=read_control(loaded.state.control))
    adapt(loaded, plan)
    for target in targets:
        restore_member(files, target, loaded, plan, NOW)
    return plan


def state_of(config: MemberConfig) -> State:
    sections = load_newest(FILES, data_directory(config.data_dir))
    assert sections is not None
    return decode_state(sections)


def started(config: MemberConfig) -> Recovery:
    """As broadcast starts."""
    data_dir, log_dir = data_directory(config.data_dir), log_directory(config.log_dir)
    identity = open_identity(
        FILES, data_dir=data_dir, log_dir=log_dir, ensemble=load_keys(config).ensemble, member=config.id,
        alone=False, new_incarnation=lambda: "new")
    return recover(
        FILES, data_dir=data_dir, log_dir=log_dir, identity=identity, epochs=Epochs(FILES, data_dir),
        new_id=lambda: 77)


def test_every_member_has_the_state_of_the_backup_and_no_more(file: Path, configs: list[MemberConfig]) -> None:
    expected = load_backup(FILES, file).state

    plan = restore(file, configs)

    for config in configs:
        state = state_of(config)
        assert facts_of(state) == facts_of(expected)
        assert state.sessions.keys() == expected.sessions.keys()
        assert restored_name(state) == plan.name
    assert len({state_of(config).digest() for config in configs}) == 1


def test_what_it_starts_with_votes_above_every_epoch_and_names_nobody(file: Path, configs: list[MemberConfig]) -> None:
    plan = restore(file, configs)

    incarnations = set()
    for config in configs:
        found = started(config).recovered
        assert found.accepted_epoch == found.current_epoch == plan.epoch == 2000
        assert found.last_zxid == found.committed == found.snapshot_zxid == load_backup(FILES, file).snapshot.zxid
        (control,) = [read_control(body) for _, body in found.controls]
        assert (control.incarnations, control.voters) == ({}, [1, 2, 3])
        assert has_vote(
            member=config.id, incarnation=found.incarnation, initial=found.initial, last_zxid=found.last_zxid,
            control=control, voters=VOTERS)
        incarnations.add(found.incarnation)
    assert len(incarnations) == 3


def test_old_data_are_moved_aside_not_deleted(file: Path, configs: list[MemberConfig]) -> None:
    before = facts_in(data_directory(configs[0].data_dir))

    restore(file, configs[:1])

    aside = configs[0].data_dir / "corral.replaced-20261122T101530Z"
    assert {name: content for name, content in facts_in(aside).items() if name != "lock"} == before
    assert not list(data_directory(configs[0].data_dir).glob("log.*"))


def test_a_log_directory_of_its_own_is_moved_aside_too(tmp_path: Path) -> None:
    (config,) = configured(tmp_path, members=1, extra=f"dataLogDir={tmp_path / 'log'}\n")
    ensemble, _ = tree_of(5)
    member = Written(config, ensemble)
    last = member.log()
    member.back_up(tmp_path / "backup", barrier=last)

    restore(tmp_path / "backup", [config])

    assert list((tmp_path / "log/corral.replaced-20261122T101530Z").glob("log.*"))
    assert started(config).recovered.last_zxid == last


def test_a_directory_that_was_only_initialised_leaves_nothing_aside(file: Path, tmp_path: Path) -> None:
    fresh = configured(tmp_path / "fresh")

    restore(file, fresh, replaces=False, from_other_ensemble=True, ends_sessions=True)

    assert [path.name for path in fresh[0].data_dir.iterdir() if path.name.startswith("corral")] == ["corral"]


def test_sessions_that_are_ended_take_their_ephemerals_with_them(file: Path, configs: list[MemberConfig]) -> None:
    restore(file, configs, ends_sessions=True)

    states = [state_of(config) for config in configs]
    assert not states[0].sessions
    assert b"/lock" not in states[0].tree.nodes
    assert b"/node-7" in states[0].tree.nodes
    assert len({state.digest() for state in states}) == 1


def test_restorations_from_one_file_with_one_epoch_are_the_same_one(file: Path, configs: list[MemberConfig]) -> None:
    one, two = restore(file, configs[:1], epoch=5000), restore(file, configs[1:], epoch=5000)

    assert one.name == two.name
    assert restore(file, configs, epoch=6000).name != one.name
    assert restore(file, configs, epoch=7000, ends_sessions=True).name.partition("-")[2] != one.name.partition("-")[2]


def test_a_second_restoration_begins_above_the_first_and_what_was_moved_aside(
    file: Path, configs: list[MemberConfig],
) -> None:
    assert restore(file, configs).epoch == 2000
    data_directory(configs[0].data_dir).rename(configs[0].data_dir / "corral.replaced-by-hand")

    assert examine(FILES, configs[0]).highest_epoch == 2000
    assert restore(file, configs[:1]).epoch == 4000


@pytest.mark.parametrize(("highest", "epoch"), [(0, 2000), (7, 2000), (999, 2000), (1000, 3000), (2001, 4000)])
def test_the_next_epoch_leaves_room_for_those_that_nobody_here_has_seen(highest: int, epoch: int) -> None:
    assert next_epoch(highest, 0) == epoch


# What is refused -------------------------------------------------------------------------------


def test_a_member_with_data_is_left_alone_unless_told(file: Path, configs: list[MemberConfig]) -> None:
    with pytest.raises(RefusedError, match="--replace"):
        restore(file, configs, replaces=False)


def test_an_epoch_that_was_used_is_refused(file: Path, configs: list[MemberConfig]) -> None:
    with pytest.raises(RefusedError, match="epoch 1 has been used here"):
        restore(file, configs, epoch=1)


def test_another_ensembles_backup_is_refused_unless_told(file: Path, tmp_path: Path) -> None:
    others = configured(tmp_path / "others")

    with pytest.raises(RefusedError, match="--from-other-ensemble"):
        restore(file, others)


def test_settings_that_change_results_must_be_those_of_the_backup(file: Path, configs: list[MemberConfig]) -> None:
    with pytest.raises(RefusedError, match="extendedTypesEnabled differ"):
        restore(file, configs, settings={**SETTINGS, "extendedTypesEnabled": "true"})


def test_a_backup_of_a_newer_feature_level_is_refused_by_the_version_to_install(
    file: Path, configs: list[MemberConfig],
) -> None:
    loaded = load_backup(FILES, file)
    header = msgspec.structs.replace(loaded.backup.header, feature_level=FEATURE_LEVEL + 1, version="4.5.6")

    with pytest.raises(RefusedError, match=r"install Corral 4\.5\.6 or later"):
        make_plan(
            header, "", [examine(FILES, configs[0])], epoch=None, ends_sessions=False, from_other_ensemble=False,
            replaces=True, settings=[SETTINGS], control=read_control(loaded.state.control))


def test_members_that_name_other_voters_are_refused(file: Path, configs: list[MemberConfig], tmp_path: Path) -> None:
    (alone,) = configured(tmp_path / "alone", members=1)

    with pytest.raises(RefusedError, match="other voters"):
        restore(file, [configs[0], alone], from_other_ensemble=True, ends_sessions=True)


@pytest.mark.parametrize("name", [role.name_of(0) for role in ROLES])
def test_a_member_is_not_restored_while_any_one_of_its_processes_runs(
    file: Path, configs: list[MemberConfig], name: str,
) -> None:
    config = configs[0]
    make_private(config.run_dir)
    life = OwnLife(config.run_dir, name, now_ms=0)
    try:
        with pytest.raises(RefusedError, match=f"member 1 runs: {name} "):
            restore(file, configs[:1])
        assert examine(FILES, config, may_run=True).running.startswith(name)
    finally:
        life.close()

    restore(file, configs[:1])


def test_a_process_that_starts_meanwhile_is_not_raced_with(file: Path, configs: list[MemberConfig]) -> None:
    loaded, target = load_backup(FILES, file), examine(FILES, configs[0])
    plan = make_plan(
        loaded.backup.header, loaded.backup.sha256, [target], epoch=None, ends_sessions=False,
        from_other_ensemble=False, replaces=True, settings=[SETTINGS], control=read_control(loaded.state.control))
    adapt(loaded, plan)
    make_private(configs[0].run_dir)
    started = lock_shared(configs[0].run_dir)
    try:
        with pytest.raises(RefusedError, match="processes run by themselves"):
            restore_member(FILES, target, loaded, plan, NOW)
    finally:
        os.close(started)

    assert restore_member(FILES, target, loaded, plan, NOW)


def test_a_running_member_is_refused(file: Path, configs: list[MemberConfig]) -> None:
    data_dir = data_directory(configs[0].data_dir)
    before = facts_in(data_dir)
    running = DataLock(FILES, data_dir=data_dir, log_dir=data_dir, pid=4711)

    with pytest.raises(RefusedError, match="4711 uses this data"):
        restore(file, configs[:1])

    running.release()
    assert facts_in(data_dir).keys() - {"lock"} == before.keys()


# Interrupted -----------------------------------------------------------------------------------


class KilledError(Exception):
    """The process was killed."""


class KilledAt(RealFiles):
    """Ends at its n-th change of names."""

    def __init__(self, renames: int) -> None:
        self.left = renames

    def rename(self, old: Path, new: Path) -> None:
        self.left -= 1
        if self.left < 0:
            raise KilledError
        super().rename(old, new)


def test_wherever_it_is_interrupted_nothing_half_made_starts_and_again_makes_it_whole(
    file: Path, configs: list[MemberConfig],
) -> None:
    config = configs[0]
    for renames in range(20):
        before = facts_in(data_directory(config.data_dir))
        killed = KilledAt(renames)
        try:
            restore(file, [config], files=killed)
        except KilledError:
            refuse_half(config, before)
            continue
        break
    else:
        pytest.fail("never whole")
    assert renames > 4
    assert started(config).recovered.current_epoch % 1000 == 0


def refuse_half(config: MemberConfig, before: dict[str, bytes]) -> None:
    """Either all is as it was, or there is nothing that votes."""
    directory = data_directory(config.data_dir)
    if directory.exists():
        assert facts_in(directory).keys() - {"lock"} == before.keys() - {"lock"}
        return
    FILES.mkdir(directory)
    found = started(config).recovered
    assert (found.last_zxid, found.initial) == (0, False)
    for path in directory.iterdir():  # what this start has left
        path.unlink()
    directory.rmdir()


def facts_in(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()} if directory.exists() else {}


