"""Observers, groups and weights in zoo.cfg, and in the dynamic file."""

from pathlib import Path

import pytest

from node.config.address import Role
from node.config.dynamic import write_dynamic
from node.config.member import MemberConfig
from node.config.problems import ConfigError
from node.config.read import LoadedConfig, load_config
from transport.hierarchy import MAJORITY, Hierarchy

VOTERS = "".join(f"server.{number}=zoo{number}:2888:3888\n" for number in (1, 2, 3))
OBSERVER = "server.4=zoo4:2888:3888:observer\n"
GROUPS = "group.1=1:2\ngroup.2=3\nweight.1=2\nweight.3=0\n"


def loaded(tmp_path: Path, lines: str, *, myid: int = 1) -> LoadedConfig:
    data = tmp_path / "data"
    data.mkdir(exist_ok=True)
    (data / "myid").write_text(f"{myid}\n")
    file = tmp_path / "zoo.cfg"
    file.write_text(f"dataDir={data}\ntickTime=2000\ninitLimit=10\nsyncLimit=5\nclientPort=2181\n{lines}")
    return load_config(file)


def config_of(tmp_path: Path, lines: str, *, myid: int = 1) -> MemberConfig:
    return loaded(tmp_path, lines, myid=myid).config


def refusal(tmp_path: Path, lines: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, lines)
    problem, = caught.value.problems
    assert problem.cure
    return f"{problem.key}: {problem.text}"


def test_an_observer_is_a_member_that_does_not_vote(tmp_path: Path) -> None:
    found = loaded(tmp_path, VOTERS + OBSERVER + "peerType=observer\n", myid=4)

    assert found.config.me.role is Role.OBSERVER
    assert found.config.voters == (1, 2, 3)
    assert found.warnings == ()


def test_observers_alone_are_no_ensemble(tmp_path: Path) -> None:
    assert refusal(tmp_path, OBSERVER.replace("4", "1", 1)) == "server.1: observers without a participant"


def test_without_groups_the_majority_decides(tmp_path: Path) -> None:
    assert config_of(tmp_path, VOTERS).hierarchy == MAJORITY


def test_groups_and_weights_say_how_votes_count(tmp_path: Path) -> None:
    hierarchy = config_of(tmp_path, VOTERS + OBSERVER + GROUPS).hierarchy

    assert hierarchy == Hierarchy({1: [1, 2], 2: [3]}, {1: 2, 2: 1, 3: 0})
    assert [hierarchy.weight(member) for member in (1, 2, 3)] == [2, 1, 0]


@pytest.mark.parametrize(("lines", "text"), [
    ("group.1=1:2\n", "group.1: server.3 votes and is in no group"),
    ("weight.2=3\n", "weight.2: server.1 votes and is in no group"),
    ("group.1=1:2:3\ngroup.2=3\n", "group.2: server.3 is in two groups"),
    (OBSERVER + "group.1=1:2:3:4\n", "group.1: server.4 is in a group and does not vote"),
    ("group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0\n", "weight.3: no member weighs anything, so none could lead"),
])
def test_groups_that_fit_no_voters_are_refused(tmp_path: Path, lines: str, text: str) -> None:
    assert refusal(tmp_path, VOTERS + lines) == text


def test_a_member_alone_has_no_groups(tmp_path: Path) -> None:
    assert config_of(tmp_path, "server.1=zoo1:2888:3888\ngroup.1=1\n").hierarchy == MAJORITY


def test_the_dynamic_file_has_the_groups_and_zoo_cfg_loses_them(tmp_path: Path) -> None:
    config = config_of(tmp_path, VOTERS + GROUPS)
    hierarchy = Hierarchy({1: [1], 2: [2], 3: [3]}, {1: 1, 2: 1, 3: 4})

    write_dynamic(config, config.servers, 0x10, hierarchy)

    assert load_config(config.file).config.hierarchy == hierarchy
    assert "group." not in config.file.read_text()
    assert "weight." not in config.file.read_text()
