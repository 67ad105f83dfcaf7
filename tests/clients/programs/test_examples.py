"""The example of docs/clients.md in each language: it registers itself, follows its configuration through a connection
that is cut, and ends when it is told to, leaving nothing behind."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.clients.genuine_ensemble import genuine_ensemble
from tests.clients.programs.java import CURATOR, CURATOR_PACKAGES, QUICK_JAVA
from tests.clients.programs.running import compiled, require
from tests.clients.programs.test_programs import GO_PATH, NODE_PACKAGE
from tests.clients.proxy import Proxy
from tests.corral import ROOT, Servers, corral_ensemble, fresh_root, kazoo_client
from tests.waiting import wait_until

EXAMPLES = ROOT / "examples"
RUN_WITH = "127.0.0.1:2181 /demo"


@dataclass(frozen=True)
class Example:
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module", params=["corral", pytest.param("genuine", marks=pytest.mark.long)])
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    start = genuine_ensemble if request.param == "genuine" else corral_ensemble
    with start(tmp_path_factory.mktemp("examples"), members=1) as servers:
        yield servers


def in_python(_: Path) -> Example:
    return Example([sys.executable, EXAMPLES / "python/worker.py"])


def in_java(_: Path) -> Example:
    require("java", "javac", package="default-jdk-headless")
    require(*CURATOR, package=CURATOR_PACKAGES)
    return Example(["java", *QUICK_JAVA, "-cp", ":".join(CURATOR), EXAMPLES / "java/Worker.java"])


def in_c(directory: Path) -> Example:
    require("gcc", package="gcc")
    require("/usr/include/zookeeper/zookeeper.h", package="libzookeeper-mt-dev")
    compiled(["gcc", "-Wall", "-Werror", "-DTHREADED", EXAMPLES / "c/worker.c", "-lzookeeper_mt", "-o",
              directory / "worker"])
    return Example([directory / "worker"])


def in_go(directory: Path) -> Example:
    """With what Debian packages: the same client before it had its new name."""
    package = Path(GO_PATH, "src/github.com/samuel/go-zookeeper/zk")
    require("go", package="golang-go")
    require(package, package="golang-github-samuel-go-zookeeper-dev")
    (directory / "src/github.com/go-zookeeper").mkdir(parents=True)
    shutil.copytree(package, directory / "src/github.com/go-zookeeper/zk")
    go = {"GO111MODULE": "off", "GOPATH": str(directory), "GOCACHE": str(directory / "cache")}
    compiled([shutil.which("env") or "env", *(f"{key}={value}" for key, value in go.items()),
              "go", "build", "-o", directory / "worker", EXAMPLES / "go/worker.go"])
    return Example([directory / "worker"])


def in_node(directory: Path) -> Example:
    require("node", "npm", package="nodejs npm")
    compiled(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", directory,
              NODE_PACKAGE])
    return Example(["node", EXAMPLES / "node/worker.js"], {"NODE_PATH": str(directory / "node_modules")})


@contextmanager
def running(example: Example, address: str, root: str, log: Path) -> Iterator["subprocess.Popen[str]"]:
    with open(log, "wb") as said, subprocess.Popen(
        [*example.command, address, root], env={**os.environ, **example.environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=said, text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: "subprocess.Popen[str]", wanted: str, log: Path) -> str:
    """The next one that begins so."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(wanted):
            return line.rstrip("\n")
    raise AssertionError(f"it ended without {wanted!r}: {log.read_text()[-2000:]}")


@pytest.mark.parametrize("made", [
    in_python, in_java, in_c, pytest.param(in_go, marks=pytest.mark.long),
    pytest.param(in_node, marks=pytest.mark.long)])
def test_an_example_registers_itself_follows_its_configuration_and_ends(
    made: Callable[[Path], Example], servers: Servers, tmp_path: Path,
) -> None:
    root, log = fresh_root(servers), tmp_path / "log"
    example = made(tmp_path)
    with kazoo_client(servers.addresses, chroot=root) as client, Proxy(servers.addresses[0]) as proxy:
        client.create("/config", b"one")
        with running(example, f"127.0.0.1:{proxy.address[1]}", root, log) as process:
            path = line_of(process, f"registered {root}/workers/", log).removeprefix(f"registered {root}")
            line_of(process, "config: one", log)
            assert client.exists(path).ephemeralOwner

            client.set("/config", b"two")
            line_of(process, "config: two", log)
            proxy.cut()
            client.set("/config", b"three")  # while nobody can tell it
            proxy.mend()
            line_of(process, "config: three", log)
            client.delete("/config")
            line_of(process, "config: (none)", log)
            client.create("/config", b"stop")
            line_of(process, "config: stop", log)

            assert process.wait(timeout=60) == 0, log.read_text()
        wait_until(lambda: client.get_children("/workers") == [], what="its registration goes with it")


@pytest.mark.parametrize(
    "file", ["python/worker.py", "java/Worker.java", "c/worker.c", "go/worker.go", "node/worker.js"])
def test_the_page_and_the_example_name_the_same_command(file: str) -> None:
    page = (ROOT / "docs/clients.md").read_text()
    commands = [line.strip(" */\t\n") for line in (EXAMPLES / file).read_text().splitlines() if RUN_WITH in line]

    assert commands
    assert [command for command in commands if command not in page] == []
