"""Time travel through a member's files: what was, what changed, who did it."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from node.cli.commands import corral
from node.history.place import open_history, zxid_of
from node.history.points import Point, parse_point, when
from node.history.prefix import record_up_to
from node.storage.errors import RefusedError
from node.storage.layout import log_directory
from node.storage.place import record_that_holds
from node.tree.execute import Replica
from node.tree.sink import NullSink
from node.tree.state import State
from node.tree.watches import Watches
from tests.backup.states import FILES, Written, tree_of
from tests.tree.ensemble import OPEN, Client
from transport.batch import REQUEST, pack_batch
from transport.entry import pack_record, read_record_header
from transport.jute import encode
from transport.opcodes import OpCode
from transport.records import ACL, CreateRequest, Id, SetACLRequest, SetDataRequest
from transport.zxid import Zxid, show

PRIVATE = [ACL(31, Id(b"digest", b"somebody:hash"))]


def zxid(member: Written) -> str:
    return show(member.ensemble.replica.zxid)


def logged(member: Written) -> None:
    """All of it is committed: a record behind it says so."""
    member.ensemble.client(connection=9)
    member.log()


def run(member: Written, command: str, *arguments: str) -> Result:
    return CliRunner().invoke(corral, [command, str(member.config.file), *arguments])


def changes(member: Written, *arguments: str) -> list[tuple[str, str, str]]:
    """(what, path, op)"""
    result = run(member, "log", "--json", *arguments)
    assert result.exit_code == 0, result.output
    lines = map(json.loads, result.stdout.splitlines())
    return [(line["what"], line["path"], line.get("op", "")) for line in lines]


def test_every_kind_of_change_is_told_with_who_did_it(member: Written, client: Client) -> None:
    begin = zxid(member)
    client.create(b"/app", b"1")
    client.create(b"/app/mine", b"", flags=1)
    client.set(b"/app", b"22")
    client.write(OpCode.SET_ACL, SetACLRequest(b"/node-1", PRIVATE, -1))
    client.delete(b"/node-2")
    client.create(b"/app")  # is there
    member.ensemble.expire(client.session, source=member.ensemble.replica.sessions[client.session].source, connection=5)
    logged(member)

    assert changes(member, "--since", begin, "--failed") == [
        ("created", "/app", "create"), ("created", "/app/mine", "create"), ("changed", "/app", "setData"),
        ("acl", "/node-1", "setACL"), ("deleted", "/node-2", "delete"), ("failed", "/app", "create"),
        ("deleted", "/app/mine", "expireSession")]

    (line,) = [json.loads(each) for each in run(
        member, "log", "--json", "--since", begin, "--path", "/app").stdout.splitlines() if '"changed"' in each]
    assert (line["data"], line["version"], line["address"]) == ("22", 1, "127.0.0.1")
    assert line["session"] == f"0x{client.session:x}"


def test_changes_are_told_of_a_subtree_only_and_within_bounds(member: Written, client: Client) -> None:
    client.create(b"/app")
    client.create(b"/app/a")
    middle = zxid(member)
    client.create(b"/apple")
    client.create(b"/app/b")
    end = zxid(member)
    client.create(b"/app/c")
    logged(member)

    assert [path for _, path, _ in changes(member, "--path", "/app")] == ["/app", "/app/a", "/app/b", "/app/c"]
    within = changes(member, "--since", middle, "--until", end, "--path", "/app")
    assert [path for _, path, _ in within] == ["/app/b"]
    assert [path for _, path, _ in changes(member, "--last", "2")] == ["/app/b", "/app/c"]


def test_a_line_for_people_says_when_who_and_from_where(member: Written, client: Client) -> None:
    client.create(b"/app", b"value\x1b[31m")
    logged(member)

    (line,) = run(member, "log", "--path", "/app").stdout.splitlines()
    assert line.startswith("1970-01-01T00:00:0")
    assert line.endswith(f"created  /app  10 B, version 0  by create of 0x{client.session:x} from 127.0.0.1")
    assert "\\u001b" in run(member, "log", "--path", "/app", "--data").stdout


def test_a_znode_is_shown_as_it_was(member: Written, client: Client) -> None:
    client.create(b"/app", b"first")
    then = zxid(member)
    client.set(b"/app", b"second")
    client.delete(b"/node-1")
    logged(member)

    assert run(member, "show", "/app", "--at", then, "--raw").stdout == "first"
    assert run(member, "show", "/app", "--raw").stdout == "second"
    assert json.loads(run(member, "show", "/node-1", "--at", then, "--json").stdout)["path"] == "/node-1"
    gone = run(member, "show", "/node-1")
    assert gone.exit_code == 1
    assert "there was no such znode" in gone.output
    assert "children: app, node-0, node-1, node-2, zookeeper" in run(member, "show", "/", "--at", then).stdout


def test_a_point_within_a_record_is_exact(member: Written, client: Client) -> None:
    client.create(b"/app", b"0")
    before = member.ensemble.replica.zxid
    member.ensemble.submit([
        client.request(OpCode.SET_DATA, SetDataRequest(b"/app", b"%d" % number, -1)) for number in (1, 2, 3)])
    logged(member)

    for number in (0, 1, 2, 3):
        assert run(member, "show", "/app", "--at", show(before + number), "--raw").stdout == str(number)
    assert len(changes(member, "--since", show(before + 1), "--until", show(before + 2))) == 1


def test_a_record_of_several_batches_is_cut_within_any() -> None:
    ensemble, client = tree_of(0)
    before = ensemble.replica.zxid

    def batch(names: list[bytes]) -> bytes:
        bodies = [encode(CreateRequest(name, b"", OPEN, 0)) for name in names]
        packed = b"".join(
            REQUEST.pack(client.session, client.connection, 1, OpCode.CREATE, 0, 0, 0, len(body)) + body
            for body in bodies)
        return pack_batch(
            member=1, processor=0, generation=7, sequence=1, epoch=1, count=len(names), identities=[client.identities],
            requests=packed)

    record = pack_record(
        first_zxid=before + 1, count=5, time_ms=2_000, body=batch([b"/1", b"/2"]) + batch([b"/3", b"/4", b"/5"]))

    for upto in range(1, 6):
        replica = Replica(State(), Watches(), NullSink())
        for each in ensemble.log:
            replica.apply_record(each)
        cut = record_up_to(record, before + upto)
        replica.apply_record(cut)
        assert read_record_header(cut).count == upto
        assert [name for name in (b"/1", b"/2", b"/3", b"/4", b"/5") if name in replica.nodes] == [
            b"/%d" % number for number in range(1, upto + 1)]


def test_two_points_are_compared(member: Written, client: Client) -> None:
    client.create(b"/app", b"a\nb\n")
    client.create(b"/again", b"x")
    client.create(b"/app-2", b"")
    begin = zxid(member)
    client.set(b"/app", b"a\nc\n")
    client.delete(b"/again")
    client.create(b"/again", b"x")
    client.create(b"/new")
    client.delete(b"/app-2")
    client.set(b"/node-1", member.ensemble.replica.nodes[b"/node-1"].data)
    logged(member)

    result = run(member, "diff", "--from", begin, "--text")

    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if line]
    assert lines == [
        "~ /again  deleted and made anew", "~ /app  4 B → 4 B, version 0 → 1", "    @@ -1,2 +1,2 @@", "     a",
        "    -b", "    +c", "- /app-2  0 B", "+ /new  0 B", "~ /node-1  written with the same value"]
    found = json.loads(run(member, "diff", "--from", begin, "--json").stdout)["differences"]
    assert [each["what"] for each in found] == ["changed", "changed", "removed", "added", "changed"]


def test_a_snapshot_is_gone_on_from_or_passed_over_for_what_was_before_it(member: Written, client: Client) -> None:
    client.create(b"/app", b"before")
    early = zxid(member)
    client.set(b"/app", b"at the snapshot")
    last = member.log()
    log_dir = log_directory(member.config.log_dir)
    member.snapshot(record_that_holds(FILES, log_dir, last))
    client.set(b"/app", b"after")
    logged(member)

    assert run(member, "show", "/app", "--at", early, "--raw").stdout == "before"
    assert run(member, "show", "/app", "--raw").stdout == "after"
    assert run(member, "show", "/app", "--at", show(last), "--raw").stdout == "at the snapshot"


def test_times_mean_the_last_record_up_to_then(member: Written, client: Client) -> None:
    client.create(b"/app", b"first")
    then = when(member.ensemble.time_ms)
    client.set(b"/app", b"second")
    logged(member)

    assert run(member, "show", "/app", "--at", then, "--raw").stdout == "first"
    assert len(changes(member, "--since", then, "--path", "/app")) == 1
    assert len(changes(member, "--since", "1970-01-01T00:00:00", "--path", "/app")) == 2


@pytest.mark.parametrize(("text", "point"), [
    ("4:17", Point(zxid=parse_point("0x40000000011", 0).zxid)),
    ("2h", Point(time_ms=10_000_000 - 7_200_000)),
    ("15m ago", Point(time_ms=10_000_000 - 900_000)),
    ("1970-01-01T00:00:01.5", Point(time_ms=1_500)),
    ("1970-01-01T01:00:00+01:00", Point(time_ms=0)),
])
def test_points_are_said_in_many_ways(text: str, point: Point) -> None:
    assert parse_point(text, 10_000_000) == point


@pytest.mark.parametrize("text", ["yesterday", "", "4:x", "12:30:00"])
def test_what_is_no_point_is_refused_with_the_forms(member: Written, text: str) -> None:
    logged(member)

    result = run(member, "show", "/", "--at", text)

    assert result.exit_code == 2
    assert "an age (90s" in " ".join(result.output.split()).replace(" │ ", " ")


def test_what_is_still_to_come_is_refused(member: Written) -> None:
    logged(member)

    result = run(member, "show", "/", "--at", "9:1")

    assert result.exit_code == 78
    assert "still to come" in result.output


def test_what_was_before_the_files_begin_is_refused(member: Written) -> None:
    logged(member)
    history = open_history(FILES, member.config, None)
    purged = replace(history, begins=Zxid(history.end.zxid - 3))

    assert zxid_of(purged, Point(zxid=purged.begins)) == purged.begins
    for point in (Point(zxid=Zxid(purged.begins - 1)), Point(time_ms=0)):
        with pytest.raises(RefusedError, match="before this member's files begin"):
            zxid_of(purged, point)


def test_a_member_without_data_has_no_history(member: Written) -> None:
    assert "there is no history" in run(member, "log").output


