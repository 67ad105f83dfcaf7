"""Backups in places that fsspec reaches: here its own in-memory one, which has no rename and no locks, like S3."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from click.testing import CliRunner, Result

from node.backup.archive import ASIDE
from node.backup.remote import RemoteError, RemotePlace
from node.cli.commands import corral
from node.storage.errors import RefusedError
from tests.backup.states import Written, lone_member


@pytest.fixture
def member(tmp_path: Path) -> Written:
    return lone_member(tmp_path, znodes=5)


@pytest.fixture
def url() -> Iterator[str]:
    place = f"memory://{uuid.uuid4().hex}/corral"
    yield place
    system, root = fsspec.core.url_to_fs(place)
    if system.exists(root):
        system.rm(root, recursive=True)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(corral, [str(argument) for argument in arguments])


def names(url: str) -> list[str]:
    return sorted(RemotePlace(url).names())


def test_a_backup_goes_there_is_listed_verified_and_fetched_to_be_restored(
    member: Written, url: str, tmp_path: Path,
) -> None:
    made = run("backup", member.config.file, "--local", "--to", url, "--json")
    assert made.exit_code == 0, made.output
    file = json.loads(made.stdout)["file"]

    assert names(url) == [file.rpartition("/")[2]]
    assert [each["file"] for each in json.loads(run("backup", "list", url, "--json").stdout)["backups"]] == [file]
    assert run("backup", "verify", file).exit_code == 0
    assert run("backup", "fetch", file, "--to", tmp_path / "here").exit_code == 0
    assert run("restore", tmp_path / "here", member.config.file, "--replace", "--yes").exit_code == 0


@pytest.fixture(params=["memory", "file"])
def place(request: pytest.FixtureRequest, url: str, tmp_path: Path) -> str:
    return url if request.param == "memory" else f"file://{tmp_path}/away"


def test_a_member_is_restored_from_where_its_backup_went(member: Written, place: str, tmp_path: Path) -> None:
    made = run("backup", member.config.file, "--local", "--to", place, "--json")
    file = json.loads(made.stdout)["file"]

    checked = run("restore", file, member.config.file, "--replace", "--check", "--json")
    done = run("restore", file, member.config.file, "--replace", "--yes")

    assert json.loads(checked.stdout)["restored"] is False
    assert done.exit_code == 0, done.output
    assert "member 1: restored" in done.stdout
    assert list(member.config.data_dir.glob("corral.replaced-*"))
    exported = run("export", file, "--to", tmp_path / "zk", "--json")
    assert json.loads(exported.stdout)["znodes"] == json.loads(made.stdout)["znodes"]
    assert (tmp_path / "zk/version-2").is_dir()


def test_nothing_is_restored_from_what_is_damaged_or_not_there_and_it_is_named(
    member: Written, url: str, tmp_path: Path,
) -> None:
    file = json.loads(run("backup", member.config.file, "--local", "--to", url, "--json").stdout)["file"]
    system, root = fsspec.core.url_to_fs(url)
    name = file.rpartition("/")[2]
    system.pipe(f"{root}/{name}", system.cat(f"{root}/{name}")[:-1])
    before = sorted(path.name for path in member.config.data_dir.iterdir())

    damaged = run("restore", file, member.config.file, "--replace", "--yes")
    missing = run("restore", f"{url}/none.backup", member.config.file, "--replace", "--yes")
    subtree = run("restore-subtree", file, "/", "127.0.0.1:1", "--check")
    exported = run("export", file, "--to", tmp_path / "zk")

    assert f"{file}: its checksum is wrong" in damaged.output
    assert f"nothing was restored: {url}/none.backup: " in missing.output
    assert f"{file}: its checksum is wrong" in subtree.output
    assert f"nothing was exported: {file}: its checksum" in exported.output
    assert {each.exit_code for each in (damaged, missing, subtree, exported)} == {78}
    assert sorted(path.name for path in member.config.data_dir.iterdir()) == before


def test_only_the_newest_are_kept_there_and_other_files_are_left_alone(member: Written, url: str) -> None:
    system, root = fsspec.core.url_to_fs(url)
    system.makedirs(root)
    system.pipe(f"{root}/mine", b"x")
    others = "corral-other-m1-20200101T000000Z-0000010000000001.backup"
    system.pipe(f"{root}/{others}", b"x")
    made = []
    for second in range(3):
        file = json.loads(run("backup", member.config.file, "--local", "--to", url, "--json").stdout)["file"]
        name = file.rpartition("/")[2]
        earlier = name.replace(name.split("-")[3], f"20200101T00000{second}Z")  # names hold seconds
        system.mv(f"{root}/{name}", f"{root}/{earlier}")
        made.append(earlier)

    done = json.loads(run("backup", member.config.file, "--local", "--to", url, "--keep", "2", "--json").stdout)

    assert done["removed"] == [f"{url}/{made[0]}", f"{url}/{made[1]}"]
    assert names(url) == sorted(["mine", others, made[2], done["file"].rpartition("/")[2]])


def test_what_is_read_back_otherwise_gets_no_name(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"content")
    place = RemotePlace(url)
    system, _ = fsspec.core.url_to_fs(url)
    opened = type(system)._open

    def lossy(self: object, path: str, mode: str = "rb", **options: object) -> object:
        file = opened(self, path, mode=mode, **options)
        if mode == "rb":
            file.seek(1)
        return file

    monkeypatch.setattr(type(system), "_open", lossy)
    with pytest.raises(RemoteError, match="not what was written"):
        place.put(tmp_path / "file", "name")

    assert names(url) == []


def test_a_name_that_is_there_is_never_written_over(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    place = RemotePlace(url)
    place.put(tmp_path / "file", "name")

    with pytest.raises(RemoteError, match="there already"):
        place.put(tmp_path / "file", "name")
    assert not any(name.endswith(ASIDE) for name in names(url))


def test_a_place_that_cannot_be_reached_is_refused_with_the_cure(member: Written) -> None:
    with pytest.raises(RefusedError, match="a URL that fsspec knows"):
        RemotePlace("nonsense://bucket")
    result = run("backup", member.config.file, "--local", "--to", "gs://bucket/corral")
    assert result.exit_code == 78
    assert "install gcsfs" in result.output


def test_a_backup_that_is_not_there_is_no_good_one(url: str) -> None:
    result = run("backup", "verify", f"{url}/none.backup")

    assert result.exit_code == 1
    assert "NOT VERIFIED: " in result.output
    assert f"`corral backup list {url}` shows which there are" in result.output
