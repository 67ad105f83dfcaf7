"""ZooKeeper's own shell, as Debian packages it, prints the same of both servers."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corral import Servers, connect_string, fresh_root
from tests.fourletter.conftest import Pair, started
from tests.genuine import require_genuine
from tests.wire_connection import Address

ZKCLI = Path("/usr/share/zookeeper/bin/zkCli.sh")
CLI_S = 60

SCRIPT = """
create {root}/a one
create -s {root}/n- two
create -e {root}/e three
create {root}/a again
create {root}/missing/child x
get {root}/a
get -s {root}/a
get {root}/nowhere
set {root}/a four
set -s {root}/a five
set -v 0 {root}/a six
stat {root}/a
ls {root}
ls -s {root}
ls -R {root}
getAcl {root}/a
setAcl {root}/a world:anyone:cdra
getAcl -s {root}/a
set {root}/a denied
addauth digest ann:password
create {root}/hers secret auth::cdrwa
getAcl {root}/hers
create -c {root}/box
stat {root}/box
create -t 100000 {root}/timed
setquota -n 3 {root}/box
create {root}/box/thing 12345
listquota {root}/box
setquota -B 9 {root}/box
set {root}/box/thing 1234567890
listquota {root}/box
delquota -n {root}/box
listquota {root}/box
delquota {root}/box
listquota {root}/box
addWatch -m PERSISTENT {root}/box/thing
removewatches {root}/box/thing
removewatches {root}/box/thing
config
reconfig -remove 9
sync {root}
getEphemerals {root}
getAllChildrenNumber {root}
get -w {root}/n-0000000001
set {root}/n-0000000001 changed
getEphemerals
ls -w {root}/box
stat -w {root}/hers
config -s
config -w
reconfig -s -v 5 -remove 9
reconfig -add server.9=127.0.0.1:1:2
reconfig -members server.1=127.0.0.1:1:2;3
reconfig -file {root}
addWatch {root}/a
addWatch -m NONE {root}/a
addWatch -m PERSISTENT_RECURSIVE {root}/deep
create {root}/deep
create {root}/deep/er
create {root}/deep/er/still
setAcl -R {root}/deep world:anyone:cdrwa,ip:127.0.0.1:r
setAcl -s -v 1 {root}/deep world:anyone:cdrwa
setAcl -v 7 {root}/deep world:anyone:cdrwa
setAcl {root}/deep nonsense:x:r
getAcl {root}/deep/er/still
getAcl {root}/nowhere
ls -R -s {root}/deep
ls {root}/nowhere
getAllChildrenNumber {root}/deep
getAllChildrenNumber {root}/nowhere
removewatches {root}/deep -c
removewatches {root}/box -l
removewatches {root}/nowhere -a
setquota -b 100 {root}/deep
setquota -N 2 {root}/deep
create {root}/deep/more
setquota -n 3 {root}/deep/er
listquota {root}/deep
listquota {root}/nowhere
delquota -b {root}/deep
delquota -N {root}/deep
delquota -B {root}/deep
delquota {root}/nowhere
deleteall -b 2 {root}/deep
stat {root}/deep
stat {root}/nowhere
set {root}/nowhere x
get {root}/a/
get a
create a
create {root}/x y world:anyone:r
create -e -s {root}/es-
create -c -e {root}/ce
create -t 0 {root}/timed
create -e -t 100 {root}/timed
create {root}/e/child
deleteall {root}/nowhere
delete {root}/nowhere
delete {root}
sync {root}/nowhere
sync
version
printwatches off
printwatches
printwatches on
history
redo 0
redo 2
nonsense
ls
delete -v 7 {root}/a
delete {root}/a
delete {root}/e
deleteall {root}/hers
ls {root}
delete /zookeeper/quota
whoami
close
ls /
connect {address}
whoami
ls /zookeeper
help
quit
"""

MASKS = (
    (re.compile(r"0x[0-9a-f]+"), "0xN"),
    (re.compile(r"\b(\w{3} ){2}\d\d \d\d:\d\d:\d\d \w+ \d{4}"), "TIME"),
    (re.compile(r"\[zk: .*?\] ?"), ""),
    (re.compile(r"localhost:\d+|127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"/t-[0-9a-f]{12}"), "ROOT"),
)
# What the client says of itself, not of the server.
NOISE = re.compile(
    r"^(\d{4}-\d\d-\d\d|\[main|\[Thread|log4j|SLF4J|Connecting to|Welcome|JLine|\s*at |Exiting)|"
    r"INFO |WARN |DEBUG |WatchedEvent state:Closed"
)


def shell(address: Address, script: str) -> list[str]:
    """All that it prints, line by line, with what differs from run to run masked."""
    done = subprocess.run(
        ["bash", str(ZKCLI), "-server", connect_string([address])],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=CLI_S,
        env={"PATH": "/usr/bin:/bin", "JVMFLAGS": "-XX:TieredStopAtLevel=1", "TERM": "dumb"},
    )
    lines = []
    for line in (done.stdout + done.stderr).splitlines():
        for pattern, mask in MASKS:
            line = pattern.sub(mask, line)
        if line.strip() and not NOISE.search(line):
            lines.append(line.rstrip())
    return lines


def apart(lines: list[str]) -> tuple[list[str], list[str]]:
    """What watches told, which the shell prints from another thread, and the rest."""
    told = [line for line in lines if line.startswith("Watch")]
    return told, [line for line in lines if line not in told and line != "WATCHER::"]


def said(servers: Servers) -> list[str]:
    address = connect_string(servers.addresses[:1])
    return shell(servers.addresses[0], SCRIPT.format(root=fresh_root(servers), address=address))


def commands(printed: list[str]) -> set[str]:
    """Those that it has, by its own `help`."""
    return words("\n".join(line for line in printed if line.startswith("\t")))


def words(text: str) -> set[str]:
    """The first of each line."""
    return {line.split()[0] for line in text.splitlines() if line.strip()}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    require_genuine()
    if not ZKCLI.exists():
        pytest.skip(f"NOT COMPARED with zkCli.sh: no {ZKCLI}: apt install zookeeper")
    with started(tmp_path_factory, 1) as pair:
        yield pair


def test_the_shell_prints_the_same_of_both_servers(pair: Pair) -> None:
    genuine, corral = (said(servers) for servers in pair.both)

    told, printed = apart(corral)
    assert "ROOT/n-0000000001" in printed  # else nothing was compared
    assert any("NodeDataChanged" in line for line in told)
    assert commands(printed) - words(SCRIPT) == set()
    assert (told, printed) == apart(genuine)
