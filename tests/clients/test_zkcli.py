"""ZooKeeper's own shell, as Debian packages it, prints the same of both servers."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corral import Servers, connect_string, fresh_root
from tests.fourletter.conftest import Pair, started
from tests.genuine import require_genuine
from tests.wire import Address

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
delete -v 7 {root}/a
delete {root}/a
delete {root}/e
deleteall {root}/hers
ls {root}
delete /zookeeper/quota
whoami
close
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
    return shell(servers.addresses[0], SCRIPT.format(root=fresh_root(servers)))


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
    assert (told, printed) == apart(genuine)
