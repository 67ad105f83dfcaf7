"""Backups in S3-compatible storage, by its protocol: s3fs against a server that checks who signs (`make test-s3`)."""

import json
import random
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.backup.remote import RemotePlace
from node.cli.commands import corral
from tests.backup.states import Written, lone_member

pytestmark = pytest.mark.long
BUCKET = "backups"
PLACE = f"s3://{BUCKET}/corral"
REGION = "us-east-1"
Run = Callable[..., Result]


@dataclass(frozen=True)
class Storage:
    """An S3 server that knows one user and one bucket."""

    endpoint: str
    key: str
    secret: str

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret,
                "AWS_DEFAULT_REGION": REGION, "AWS_CONFIG_FILE": "/nonexistent",
                "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}

    def client(self, service: str) -> Any:
        import boto3

        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=self.key,
                            aws_secret_access_key=self.secret)


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    server_of = pytest.importorskip("moto.server", reason="make test-s3 installs it")
    pytest.importorskip("s3fs")
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield _prepared(f"http://{host}:{port}")
    finally:
        server.stop()


def _prepared(endpoint: str) -> Storage:
    """From here on the server refuses who is not the user, and what is not signed with the user's secret."""
    anybody = Storage(endpoint, "root", "root")
    users = anybody.client("iam")
    users.create_user(UserName="corral")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    users.put_user_policy(UserName="corral", PolicyName="all", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [statement]}))
    key = users.create_access_key(UserName="corral")["AccessKey"]
    anybody.client("s3").create_bucket(Bucket=BUCKET)
    strict = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
    urllib.request.urlopen(strict, timeout=10).close()
    return Storage(endpoint, key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture
def member(tmp_path: Path) -> Written:
    return lone_member(tmp_path, znodes=5)


@pytest.fixture
def run(storage: Storage) -> Run:
    import s3fs

    def command(*arguments: str | Path, **changed: str) -> Result:
        s3fs.S3FileSystem.clear_instance_cache()  # it reads the environment once, as a command does
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(corral, words, env={**storage.environment, **changed})

    return command


def backed_up(run: Run, member: Written, *options: str) -> dict[str, Any]:
    done = run("backup", member.config.file, "--local", "--to", PLACE, "--json", *options)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def listed(run: Run) -> list[str]:
    return [each["file"] for each in json.loads(run("backup", "list", PLACE, "--json").stdout)["backups"]]


def test_a_backup_goes_to_a_bucket_is_listed_verified_restored_exported_and_imported(
    run: Run, member: Written, tmp_path: Path,
) -> None:
    made = backed_up(run, member)

    assert listed(run) == [made["file"]]
    verified = json.loads(run("backup", "verify", made["file"], "--json").stdout)["backups"]
    restored = run("restore", made["file"], member.config.file, "--replace", "--yes")
    exported = run("export", made["file"], "--to", tmp_path / "zk", "--json")
    moved = f"s3://{BUCKET}/imported/app.backup"
    imported = run("import", tmp_path / "zk", "--for", member.config.file, "--to", moved)

    assert [(each["good"], each["sha256"], each["znodes"]) for each in verified] == [
        (True, made["sha256"], made["znodes"])]
    assert restored.exit_code == 0, restored.output
    assert "member 1: restored" in restored.stdout
    assert json.loads(exported.stdout)["znodes"] == made["znodes"]
    assert imported.exit_code == 0, imported.output
    assert "good: " in run("backup", "verify", moved).stdout


def test_only_the_newest_are_kept_in_a_bucket_and_nothing_is_left_aside(
    run: Run, member: Written, storage: Storage
) -> None:
    for file in listed(run):
        storage.client("s3").delete_object(Bucket=BUCKET, Key=file.removeprefix(f"s3://{BUCKET}/"))
    store = storage.client("s3")
    others = "corral/corral-other-m1-20200101T000000Z-0000010000000001.backup"
    earlier = []
    for second in range(3):
        key = backed_up(run, member)["file"].removeprefix(f"s3://{BUCKET}/")
        earlier.append(key.replace(key.split("-")[3], f"20200101T00000{second}Z"))  # names hold seconds
        store.copy_object(Bucket=BUCKET, Key=earlier[-1], CopySource={"Bucket": BUCKET, "Key": key})
        store.delete_object(Bucket=BUCKET, Key=key)
    store.put_object(Bucket=BUCKET, Key=others, Body=b"x")

    made = backed_up(run, member, "--keep", "2")

    assert made["removed"] == [f"s3://{BUCKET}/{key}" for key in earlier[:2]]
    left = store.list_objects_v2(Bucket=BUCKET, Prefix="corral/")["Contents"]
    assert {each["Key"] for each in left} == {others, earlier[2], made["file"].removeprefix(f"s3://{BUCKET}/")}


def test_a_file_of_many_parts_comes_back_as_it_went(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in storage.environment.items():
        monkeypatch.setenv(name, value)
    content = random.Random(5).randbytes((5 << 20) * 11 + 1)  # above what s3fs sends in one piece
    (tmp_path / "file").write_bytes(content)
    place = RemotePlace(f"s3://{BUCKET}/large")

    place.put(tmp_path / "file", "name")
    place.fetch("name", tmp_path / "back")

    assert place.names() == {"name": len(content)}
    assert (tmp_path / "back").read_bytes() == content


@pytest.mark.parametrize("changed", [
    {"AWS_SECRET_ACCESS_KEY": "wrong"}, {"AWS_ACCESS_KEY_ID": "wrong"},
    {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}])
def test_wrong_keys_are_named_with_where_they_come_from(run: Run, member: Written, changed: dict[str, str]) -> None:
    file = backed_up(run, member)["file"]

    done = (run("backup", member.config.file, "--local", "--to", PLACE, **changed),
            run("backup", "list", PLACE, **changed),
            run("backup", "verify", file, **changed),
            run("restore", file, member.config.file, "--replace", "--yes", **changed))

    for each in done:
        assert each.exit_code != 0
        assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in each.output
    assert "DAMAGED" not in done[2].output
    assert "nothing was restored" in done[3].output
    assert file in listed(run)


def test_a_bucket_that_is_not_there_is_named_and_not_made(run: Run, member: Written, storage: Storage) -> None:
    done = (run("backup", member.config.file, "--local", "--to", "s3://backsup/corral"),
            run("backup", "list", "s3://backsup/corral"))

    for each in done:
        assert each.exit_code == 1
        assert "there is no bucket backsup — make it" in each.output
    assert [each["Name"] for each in storage.client("s3").list_buckets()["Buckets"]] == [BUCKET]


def test_a_storage_that_does_not_answer_is_named(run: Run, member: Written) -> None:
    done = run("backup", "list", PLACE, AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1")

    assert done.exit_code == 1
    assert "look at AWS_ENDPOINT_URL" in done.output
