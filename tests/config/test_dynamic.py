"""zoo.cfg.dynamic.<version>: written after a reconfiguration, and read at the next start."""

from pathlib import Path

import pytest

from node.config.dynamic import write_dynamic
from node.config.read import load_config

LINES = {
    number: f"127.0.0.1:{2888 + number}:{3888 + number}:participant;0.0.0.0:{2180 + number}" for number in (1, 2, 3)}
STATIC = """\
# of member 1
tickTime=2000
dataDir={data}
clientPort=2181
server.1=127.0.0.1:2889:3889;2181
server.2:127.0.0.1:2890:3890;2182
reconfigEnabled=true
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "myid").write_text("1\n")
    path = tmp_path / "zoo.cfg"
    path.write_text(STATIC.format(data=tmp_path / "data"))
    return path


def test_the_members_stand_in_it_and_zoo_cfg_names_it(file: Path) -> None:
    before = file.read_text()
    config = load_config(file).config

    written = write_dynamic(config, LINES, 0x10000002A)

    assert written == file.with_name("zoo.cfg.dynamic.10000002a")
    assert written.read_text() == "".join(f"server.{number}={line}\n" for number, line in LINES.items())
    assert file.read_text().splitlines() == [
        "# of member 1", "tickTime=2000", f"dataDir={config.data_dir}", "reconfigEnabled=true",
        f"dynamicConfigFile={written}"]
    assert file.with_name("zoo.cfg.bak").read_text() == before
    assert dict(load_config(file).config.servers) == LINES
    assert load_config(file).config.client_port == 2181


def test_the_next_one_takes_its_place_and_the_backup_stays(file: Path) -> None:
    before = file.read_text()
    write_dynamic(load_config(file).config, LINES, 0x10)

    write_dynamic(load_config(file).config, {1: LINES[1], 2: LINES[2]}, 0x20)

    assert list(load_config(file).config.servers) == [1, 2]
    assert file.with_name("zoo.cfg.bak").read_text() == before
    assert file.read_text().count("dynamicConfigFile") == 1


def test_it_is_written_once(file: Path) -> None:
    write_dynamic(load_config(file).config, LINES, 0x10)

    assert write_dynamic(load_config(file).config, LINES, 0x10) is None


def test_a_member_that_was_removed_keeps_the_file_that_it_can_start_with(file: Path) -> None:
    before = file.read_text()

    assert write_dynamic(load_config(file).config, {2: LINES[2], 3: LINES[3]}, 0x10) is None

    assert file.read_text() == before


def test_a_lone_server_line_is_standalone_unless_that_is_disabled(file: Path) -> None:
    file.write_text(file.read_text().replace("server.2:127.0.0.1:2890:3890;2182\n", ""))
    assert load_config(file).config.is_standalone

    file.write_text(file.read_text() + "standaloneEnabled=false\n")
    config = load_config(file).config
    assert not config.is_standalone
    assert dict(config.servers) == {1: "127.0.0.1:2889:3889:participant;0.0.0.0:2181"}
