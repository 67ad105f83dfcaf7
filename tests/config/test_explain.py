"""`corral config explain`: value, origin and meaning of each key."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.cli.commands import corral
from node.config.explain import Explained, explain
from node.config.problems import ConfigError
from node.config.table import KEYS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "zoo.cfg"
    path.write_text(
        f"dataDir={tmp_path}\nclientPort=2181\ntickTime=1000\nfastleader.minNotificationInterval=3\n"
        "ssl.keyStore.password=open sesame\nticktimee=3\n")
    return path


def of(found: list[Explained], name: str) -> Explained:
    (one,) = [each for each in found if each.key == name]
    return one


def test_every_row_of_the_table_is_there_whether_given_or_not(file: Path) -> None:
    shown = {each.key for each in explain(file)}

    assert {key.name for key in KEYS} - shown == {"fastleader.*"}  # one of which is given
    assert all(each.meaning for each in explain(file))


def test_a_given_key_names_its_line_and_a_missing_one_is_the_default(file: Path) -> None:
    found = explain(file)

    assert of(found, "tickTime").origin == f"{file}:3"
    assert (of(found, "syncLimit").value, of(found, "syncLimit").origin) == ("5", "default")


def test_a_default_that_follows_from_other_keys_says_from_which(file: Path) -> None:
    file.write_text("\n".join(file.read_text().splitlines()[:3]))

    found = of(explain(file), "minSessionTimeout")

    assert (found.value, found.origin) == ("2000", "2 × tickTime")


def test_what_a_key_does_not_do_is_said(file: Path) -> None:
    found = explain(file)

    assert of(found, "fastleader.minNotificationInterval").standing == "without effect"
    assert of(found, "fastleader.minNotificationInterval").note
    assert "tickTime" in of(found, "ticktimee").note


def test_no_password_is_shown(file: Path) -> None:
    assert of(explain(file), "ssl.keyStore.password").value == "***"


def test_the_dynamic_file_is_an_origin(tmp_path: Path) -> None:
    dynamic = tmp_path / "zoo.cfg.dynamic.100"
    dynamic.write_text("server.1=h:1:2;3\n")
    file = tmp_path / "zoo.cfg"
    file.write_text(f"dataDir={tmp_path}\ndynamicConfigFile={dynamic}\n")

    assert of(explain(file), "server.1").origin == f"{dynamic}:1"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        explain(tmp_path / "none.cfg")


def test_the_command_filters_and_prints_json(file: Path) -> None:
    done = CliRunner().invoke(corral, ["config", "explain", str(file), "TICK*", "--json"])

    assert [each["key"] for each in json.loads(done.stdout)["keys"]] == ["tickTime", "ticktimee"]


def test_a_key_that_is_none_is_refused(file: Path) -> None:
    done = CliRunner().invoke(corral, ["config", "explain", str(file), "nothing-like-it"])

    assert done.exit_code == 1
    assert "no key is called nothing-like-it" in done.output
