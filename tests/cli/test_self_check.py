"""`corral self-check`: a finding for each thing that is wrong, with its evidence and a cure."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from node.cli.asking import MemberStatus
from node.config.address import Address
from node.config.member import MemberConfig
from node.config.read import load_config
from node.self_check.clock import check_clock, judge, judge_answer
from node.self_check.ensemble import check_ensemble
from node.self_check.finding import Finding, Level
from node.self_check.history import check_backup, check_history
from node.self_check.places import check_configuration, check_directories, check_keys, check_room
from node.storage.layout import log_directory
from node.storage.place import record_that_holds
from node.storage.segments import list_segments, segment_path
from tests.backup.states import FILES, Written, configured, tree_of
from tests.corral import corral


@pytest.fixture
def configs(tmp_path: Path) -> list[MemberConfig]:
    return configured(tmp_path)


@pytest.fixture
def member(configs: list[MemberConfig]) -> Written:
    """With a snapshot in the middle of its log."""
    ensemble, client = tree_of(20)
    written = Written(configs[0], ensemble)
    middle = written.log()
    written.snapshot(record_that_holds(FILES, log_directory(configs[0].log_dir), middle))
    for i in range(20):
        client.create(b"/behind-%d" % i)
    written.log()
    return written


def worst(findings: list[Finding]) -> Finding:
    return max(findings, key=lambda finding: finding.level)


def damage(path: Path, what: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(what)] ^= 1
    path.write_bytes(content)


def test_files_that_are_sound_are_found_so(member: Written) -> None:
    findings = check_history(FILES, member.config)

    assert [finding.level for finding in findings] == [Level.OK, Level.OK]
    assert f"{member.ensemble.replica.zxid >> 40}:" in findings[1].evidence


def test_a_damaged_snapshot_is_a_failure(member: Written) -> None:
    (path,) = (member.config.data_dir / "corral").glob("snapshot.*")
    content = path.read_bytes()
    path.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])

    finding = worst(check_history(FILES, member.config))

    assert (finding.check, finding.level) == ("snapshot", Level.FAILURE)
    assert str(path) in finding.evidence


def test_a_damaged_record_behind_the_snapshot_is_a_failure(member: Written) -> None:
    log_dir = log_directory(member.config.log_dir)
    damage(segment_path(log_dir, list_segments(FILES, log_dir)[0]), b"/behind-7")

    finding = worst(check_history(FILES, member.config))

    assert (finding.check, finding.level) == ("log", Level.FAILURE)
    assert "at byte" in finding.evidence
    assert "move its data" in finding.cure


def test_a_missing_segment_is_a_failure(member: Written) -> None:
    log_dir = log_directory(member.config.log_dir)
    segment_path(log_dir, list_segments(FILES, log_dir)[0]).rename(log_dir / "gone")
    (path,) = (member.config.data_dir / "corral").glob("snapshot.*")
    path.unlink()

    assert worst(check_history(FILES, member.config)).level is Level.OK  # nothing is there: it joins anew


def test_open_keys_and_directories_are_failures(configs: list[MemberConfig]) -> None:
    (configs[0].keys_dir / "member.json").chmod(0o644)
    (configs[0].data_dir / "corral").chmod(0o755)

    keys, directories = worst(check_keys(configs[0])), worst(check_directories(configs[0]))

    assert (keys.level, directories.level) == (Level.FAILURE, Level.FAILURE)
    assert keys.cure.startswith("chmod 600")
    assert directories.cure.startswith("chmod 0700")


def test_a_member_whose_key_is_not_listed_is_a_failure(tmp_path: Path) -> None:
    config = configured(tmp_path / "one", members=1)[0]
    with config.file.open("a") as file:
        file.write("server.2=127.0.0.1:1002:2002\n")

    finding = worst(check_keys(load_config(config.file).config))

    assert finding.level is Level.FAILURE
    assert "no public key of member 2" in finding.evidence


def test_lost_settings_are_warnings(configs: list[MemberConfig]) -> None:
    with configs[0].file.open("a") as file:
        file.write("leaderServes=no\n")

    finding = worst(check_configuration(load_config(configs[0].file)))

    assert finding.level is Level.WARNING
    assert "leaderServes" in finding.evidence


def test_room_is_counted_against_what_the_member_will_write(member: Written) -> None:
    (finding,) = check_room(FILES, member.config)

    assert "free" in finding.evidence
    assert f"{(member.config.snapshot_bytes + (128 << 20)) / 1e6:,.0f}"[:3] in finding.evidence


def test_a_backup_must_be_there_and_load_and_be_young(member: Written) -> None:
    def backup(age_max_h: float = 26.0) -> Finding:
        (finding,) = check_backup(FILES, member.config, age_max_h=age_max_h)
        return finding

    assert (backup().level, "no backup" in backup().evidence) == (Level.WARNING, True)
    member.config.backup_dir.mkdir()
    made = member.back_up(member.config.backup_dir, barrier=None).backup
    assert backup().level is Level.OK
    assert backup(age_max_h=0.0).level is Level.WARNING
    made.path.write_bytes(made.path.read_bytes()[:-1])
    assert backup().level is Level.FAILURE


def test_a_clock_that_nobody_synchronises_is_a_warning() -> None:
    assert judge(status=0x40, maxerror_us=16_000_000).level is Level.WARNING
    assert judge(status=0x2001, maxerror_us=3_000).level is Level.OK
    assert [judge_answer(answer).level for answer in ("no", "yes", "")] == [Level.WARNING, Level.OK, Level.OK]
    assert len(check_clock()) == 1


def answers(**changes: Any) -> MemberStatus:
    values = {"version": "0.1.0", "feature_level": 1, "ensemble": "e", **changes}
    return MemberStatus(
        "127.0.0.1:1", values.pop("role", "follower"), is_serving=values.pop("serving", True),
        lag=values.pop("lag", 0), epoch=4, voters=values.pop("voters", 3), values=values)


@pytest.mark.parametrize(
    ("statuses", "level", "says"),
    [
        ([answers(), answers(), answers()], Level.OK, ""),
        ([answers(serving=False, role="looking"), answers(), answers()], Level.FAILURE, "does not serve"),
        ([answers(differs=True), answers(), answers()], Level.FAILURE, "differ"),
        ([answers(lag=5000), answers(), answers()], Level.WARNING, "5000 transactions behind"),
        ([answers(voters=2), answers(), answers()], Level.WARNING, "2 members vote, zoo.cfg names 3"),
        ([answers(), answers(serving=False, role="down"), answers()], Level.WARNING, "member 2 does not serve"),
        ([answers(), answers(version="0.2.0"), answers()], Level.WARNING, "0.2.0 at member 2"),
        ([answers(), answers(), answers(feature_level=2)], Level.WARNING, "2 at member 3"),
    ],
    ids=["well", "not serving", "differs", "behind", "voters", "another is down", "versions", "levels"],
)
def test_what_members_say_of_themselves_is_judged(
    configs: list[MemberConfig], statuses: list[MemberStatus], level: Level, says: str,
) -> None:
    findings = check_ensemble(configs[0], Address("127.0.0.1", 1), ask=lambda _: statuses)

    assert worst(findings).level is level
    assert says in worst(findings).evidence


def test_the_command_ends_with_the_worst_and_logs_it(member: Written) -> None:
    done = corral("self-check", str(member.config.file), "--json", environment=os.environ, check=False)

    assert done.returncode == 2  # it does not run
    found = json.loads(done.stdout)
    assert found["result"] == "failure"
    failures = [each for each in found["findings"] if each["level"] == "failure"]
    assert [each["check"] for each in failures] == ["member"]
    assert all(each["cure"] for each in failures)
    logged = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(each["level"], each["check"]) for each in logged if each["event"] == "self_check_failed"] == [
        ("error", "member")]


def test_a_broken_configuration_is_a_finding_too(configs: list[MemberConfig]) -> None:
    with configs[0].file.open("a") as file:
        file.write("tikcTime=2000\n")

    done = corral("self-check", str(configs[0].file), environment=os.environ, check=False)

    assert done.returncode == 2
    assert "tikcTime" in done.stdout
