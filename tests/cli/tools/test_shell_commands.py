"""`corral sh` does the same with Corral and with genuine ZooKeeper; what it prints is looked at."""

import base64
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from node.cli.shell import table
from tests.cli.tools.conftest import Say, sayer
from tests.corral import Servers, connect_string, fresh_root, kazoo_client
from tests.fourletter.conftest import Pair


@pytest.fixture
def root(server: Servers) -> str:
    return fresh_root(server)


@pytest.fixture
def say(server: Servers, root: str) -> Say:
    """In a shell whose "/" is the test's own znode."""
    return sayer(server, root)


TREE = """
create /app
create /app/config '{"workers": 8, "host": "10.0.0.7"}'
create -p /app/a/b/deep value
create /app/a/blob -b AAEC/w==
create /other 'one line'
"""


def paths(say: Say, path: str = "/") -> list[str]:
    found: list[str] = json.loads(say("ls", "-R", path, "--json").stdout)
    return [each for each in found if not each.startswith("/zookeeper")]


def test_what_is_made_is_listed_read_and_found(say: Say) -> None:
    say(lines=TREE)

    assert paths(say, "/app") == ["/app", "/app/a", "/app/a/b", "/app/a/b/deep", "/app/a/blob", "/app/config"]
    assert say("ls", "/app").stdout.split() == ["a", "config"]
    assert [line.split()[-1] for line in say("ls", "-l", "/app").stdout.splitlines()] == ["a", "config"]
    assert say("get", "/app/config").stdout == '{"workers": 8, "host": "10.0.0.7"}\n'
    assert say("get", "--raw", "/app/a/blob").stdout_bytes == b"\0\1\2\xff"
    assert json.loads(say("get", "/app/a/blob", "--json").stdout)["data"] == base64.b64encode(b"\0\1\2\xff").decode()
    assert say("find", "/", "--name", "d*p").stdout.split() == ["/app/a/b/deep"]
    assert say("find", "/", "-name", "d*p", "-maxdepth", "4").stdout.split() == ["/app/a/b/deep"]  # as find(1)
    assert say("find", "/", "--size", "+30").stdout.split() == ["/app/config"]
    assert say("find", "/app", "--children", "2").stdout.split() == ["/app", "/app/a"]
    assert say("grep", r"10\.0", "/").stdout == '/app/config: {"workers": 8, "host": "10.0.0.7"}\n'
    assert say("grep", "-l", r"\x02", "/").stdout.split() == ["/app/a/blob"]
    say("grep", "nowhere", "/", code=1)
    assert json.loads(say("du", "/", "--json").stdout)[:2] == [
        {"path": "/", "bytes": 51, "znodes": 8}, {"path": "/app", "bytes": 43, "znodes": 6}]
    assert "└── deep  5 B" in say("tree", "/app").stdout


def test_a_deletion_is_rehearsed_and_asked_for_and_then_done(say: Say) -> None:
    say(lines="".join(f"create -p /big/n{index}/x y\n" for index in range(8)))

    rehearsed = say("rm", "-r", "-n", "/big")
    refused = say("rm", "-r", "/big", code=1)

    assert "would delete 17 znodes under /big" in rehearsed.output
    assert "this would delete 17 znodes under /big — say --yes" in refused.output
    assert len(paths(say, "/big")) == 17
    assert say("rm", "-r", "-y", "/big").stdout == "deleted 17 znodes\n"
    assert paths(say) == ["/"]


def test_deleteall_asks_nobody_in_a_script_as_that_of_zkcli(say: Say) -> None:
    say(lines="".join(f"create -p /big/n{index}/x y\n" for index in range(8)))

    say("deleteall", "/big")

    assert paths(say) == ["/"]


def test_a_small_subtree_moves_at_once_or_not_at_all(say: Say) -> None:
    say(lines=f"{TREE}acl /app/config world:anyone:r\n")

    moved = say("mv", "/app", "/moved")

    assert moved.stdout == "moved 6 znodes to /moved, at once\n"
    assert paths(say) == ["/", "/moved", "/moved/a", "/moved/a/b", "/moved/a/b/deep", "/moved/a/blob", "/moved/config",
                          "/other"]
    assert say("acl", "/moved/config").stdout == "/moved/config  world:anyone:r\n"
    assert "is within" in say("mv", "/moved", "/moved/a", code=1).output


def test_a_copy_goes_into_what_is_there_and_leaves_ephemerals_out(say: Say) -> None:
    done = say(lines="create /app x\ncreate /app/a y\ncreate -e /app/e z\ncreate /old\ncp -r /app /old\nls -R /old\n")

    assert "1 ephemeral znodes are left out" in done.output
    assert done.stdout.endswith("copied 2 znodes to /old/app\n/old\n/old/app\n/old/app/a\n")


def test_all_changes_of_a_block_are_done_or_none(say: Say) -> None:
    say("create", "/app", "1")

    refused = say("multi", "set /app 2", "check -v 7 /app", code=1)
    done = say(lines="multi\ncheck -v 0 /app\nset /app 2\ncreate -s /app/n-\ncommit\nget /app\n")
    aborted = say(lines="multi\nset /app 3\nabort\nget /app\n")
    unfinished = say(lines="multi\nset /app 3\n", code=1)

    assert "nothing was done: /app: its version is another one" in refused.output
    assert done.stdout.splitlines()[-3:] == ["ok  set /app 2", "ok  /app/n-0000000000", "2"]
    assert aborted.stdout.splitlines() == ["aborted: nothing was done", "2"]
    assert "no `commit`" in unfinished.output
    assert say("get", "/app").stdout == "2\n"


def test_two_subtrees_and_two_ensembles_are_compared(shell_pair: Pair) -> None:
    genuine, corral = (sayer(servers, fresh_root(servers)) for servers in shell_pair.both)
    for say in (genuine, corral):
        say(lines="create /app 1\ncreate /app/same x\ncreate /app/mine x\n")
    corral(lines="set /app/mine y\ncreate /app/new z\ndelete /app/same\n")
    chroot = fresh_root(shell_pair.genuine)
    address = connect_string(shell_pair.genuine.addresses) + chroot

    assert corral("diff", "/app", "/app").stdout == ""
    corral("cp", "-r", "/app", "/app", "--to", address)
    assert corral("diff", "/app", "--with", address, "--acl").stdout == ""
    sayer(shell_pair.genuine, chroot)(lines="set /app/mine x\ncreate /app/same\nrm /app/new\n")
    found = json.loads(corral("diff", "/app", "--with", address, "--json", code=1).stdout)

    assert [(row["path"], row.get("only", row.get("differs"))) for row in found] == [
        ("/mine", "value"), ("/new", "left"), ("/same", "right")]


def editor(path: Path, text: str) -> str:
    """A program that gives each file that it is called with another text."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_an_edit_is_given_back_only_if_nobody_else_changed_the_znode(
    server: Servers, root: str, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    say("create", "/app", "one")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("VISUAL", editor(tmp_path / "edit", 'echo two > "$1"'))
    assert say("edit", "/app").stdout == "version 1\n"

    # The editor takes as long as somebody else needs to change it.
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    monkeypatch.setenv("VISUAL", editor(tmp_path / "edit", f'echo mine > "$1"; cat {fifo}'))
    with kazoo_client(server.addresses, chroot=root) as client:

        def interfere() -> None:
            with open(fifo, "w") as out:  # waits until the editor reads
                client.set("/app", b"theirs")
                out.write("now")

        thread = threading.Thread(target=interfere)
        thread.start()
        refused = say("edit", "/app", code=1)
        thread.join()

        assert client.get("/app")[0] == b"theirs"
    kept = Path(refused.output.partition("your text is in ")[2].split()[0])
    assert kept.read_text() == "mine\n"
    kept.unlink()


def test_changes_of_a_subtree_are_shown_as_they_happen(server: Servers, root: str, say: Say) -> None:
    say("create", "/app")
    is_over = threading.Event()
    with kazoo_client(server.addresses, chroot=root) as client:

        def change() -> None:
            while not is_over.is_set():  # the watch begins sometime
                client.create("/app/x", b"1")
                client.set("/app/x", b"2")
                client.delete("/app/x")

        thread = threading.Thread(target=change)
        thread.start()
        try:
            lines = [json.loads(line) for line in say("watch", "-r", "/app", "-c", "7", "--json").stdout.splitlines()]
        finally:
            is_over.set()
            thread.join()

    events = [line["event"] for line in lines]
    order = ["NodeCreated", "NodeDataChanged", "NodeDeleted"]
    assert len(events) == 7
    assert {line["path"] for line in lines} == {"/app/x"}
    begin = order.index(events[0])
    assert events == [order[(begin + index) % 3] for index in range(7)]


def test_rights_and_limits_are_shown_and_set(server: Servers) -> None:
    root = fresh_root(server)
    say = sayer(server, "")  # quotas are kept outside of every chroot

    done = say(lines=f"""
addauth digest ann:secret
create {root}/mine x
acl {root}/mine auth::all
acl {root}/mine
setquota -n 3 {root}
quota {root} --bytes 1000 --hard
quota {root}
listquota {root}
delquota -n {root}
quota {root}
quota -d {root}
whoami
""").stdout

    assert f"{root}/mine  digest:ann:7RJfAeIvrl4zdj6sS2fXrQHDvHM=:cdrwa" in done
    assert f"{root}: 2 of 3 znodes (soft), 1 of 1,000 bytes (hard)" in done
    assert f"Output quota for {root} count=3,bytes=-1=;byteHardLimit=1000;countHardLimit=-1" in done
    assert f"{root}: 1 of 1,000 bytes (hard)" in done
    assert "digest: ann" in done
    assert "has no quota" in say("quota", root, code=1).output
    assert "you may not" in say("get", f"{root}/mine", code=1).output
    say("--auth", "digest:ann:secret", "get", f"{root}/mine")


ZKCLI = """
create -s -e {root}/z data world:anyone:cdrwa
create -c {root}/box
create -t 100000 {root}/timed x
get -s -w {root}
get -b {root}
get -x {root}
set -s -v 0 {root} data
set -b {root} YQ==
ls -s -w -R {root}
stat -w {root}
getAcl -s {root}
setAcl -s -v 0 -R {root} world:anyone:cdrwa
setquota -n 100 -b 100 -N 100 -B 100 {root}
listquota {root}
delquota -n -b {root}
delquota -N -B {root}
addWatch -m PERSISTENT {root}
addWatch {root}
removewatches {root} -a -l
printwatches off
printwatches on
addauth digest ann:secret
whoami
config -c -w -s
sync {root}
getAllChildrenNumber {root}
getEphemerals {root}
history
redo 0
delete -v 0 {root}/box
deleteall -b 10 {root}
version
close
connect
quit
"""


def test_every_command_of_zkcli_works_with_its_flags(server: Servers) -> None:
    done = sayer(server, "")(lines=ZKCLI.format(root=fresh_root(server)))

    assert "Error" not in done.output
    assert not done.stderr
    assert {line.split()[0] for line in ZKCLI.strip().splitlines()} <= set(table.COMMANDS)


def test_reconfig_is_refused_with_the_cure_where_it_is_switched_off(say: Say) -> None:
    assert "Error" in say("reconfig", "-remove", "9", code=1).output


def test_a_line_that_fails_does_not_end_a_script_unless_that_is_wanted(say: Say) -> None:
    script = "create /a\nnonsense\nget /missing\nls /\n"

    goes_on = say(lines=script, code=1)
    stops = say("--fail-fast", lines=script, code=1)

    assert goes_on.stdout.splitlines() == ["Created /a", "a"]
    assert "no command 'nonsense'" in goes_on.stderr
    assert "/missing: no such znode" in goes_on.stderr
    assert "missing" not in stops.stderr


def test_a_path_cannot_command_the_terminal(say: Say) -> None:
    say("create", "/a\u202eb")

    assert say("ls", "/").stdout == "a\\u202eb\n"


@pytest.mark.parametrize("name", sorted(table.COMMANDS))
def test_every_command_has_help(name: str) -> None:
    found = table.find(name)

    assert found is not None
    assert found.help
    assert name in (name, *table.ALIASES)
    takes_something = any(param.param_type_name == "argument" for param in found.params)
    assert not takes_something or "Example" in found.help
