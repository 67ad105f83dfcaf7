"""Unmodified clients in Java, C, JavaScript and Go print of Corral what they print of genuine ZooKeeper.

What that is stands in expected/: `make test-all` holds genuine ZooKeeper to it, too.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.clients.genuine_ensemble import genuine_ensemble
from tests.clients.programs.java import CURATOR, CURATOR_PACKAGES, QUICK_JAVA
from tests.clients.programs.running import FOLDER, compiled, require, transcript
from tests.corral import Servers, corral_ensemble
from tests.genuine import RELEASE

GO_PATH = "/usr/share/gocode"
NODE_PACKAGE = "node-zookeeper-client@1.1.3"


SETTINGS = {"extendedTypesEnabled": "true", "maxClientCnxns": "0"}


@pytest.fixture(scope="module", params=["corral", pytest.param("genuine", marks=pytest.mark.long)])
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Three members."""
    directory = tmp_path_factory.mktemp("programs")
    if request.param == "genuine":
        started: AbstractContextManager[Servers] = genuine_ensemble(directory, settings=SETTINGS)
    else:
        started = corral_ensemble(directory, settings={**SETTINGS, "corral.compatibility": RELEASE})
    with started as servers:
        yield servers


def expected(name: str) -> list[str]:
    return (FOLDER / "expected" / f"{name}.txt").read_text().splitlines()


def test_every_recipe_of_curator_finds_what_it_finds_with_genuine_zookeeper(servers: Servers, tmp_path: Path) -> None:
    require("java", "javac", package="default-jdk-headless")
    require(*CURATOR, package=CURATOR_PACKAGES)
    jars = ":".join(CURATOR)
    compiled(["javac", "-nowarn", "-d", tmp_path, "-cp", jars, *sorted(FOLDER.glob("curator/*.java"))])

    said = transcript(["java", *QUICK_JAVA, "-cp", f"{tmp_path}:{jars}", "Recipes"], servers, tmp_path)

    assert said == expected("curator")


def test_the_client_in_c_finds_what_it_finds_with_genuine_zookeeper(servers: Servers, tmp_path: Path) -> None:
    require("gcc", package="gcc")
    require("/usr/include/zookeeper/zookeeper.h", package="libzookeeper-mt-dev")
    program = tmp_path / "client"
    compiled(["gcc", "-Wall", "-o", program, FOLDER / "client.c", "-DTHREADED", "-lzookeeper_mt", "-lpthread"])

    assert transcript([program], servers, tmp_path) == expected("c")


@pytest.mark.long
def test_the_client_of_node_finds_what_it_finds_with_genuine_zookeeper(servers: Servers, tmp_path: Path) -> None:
    require("node", "npm", package="nodejs npm")
    compiled(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", tmp_path,
              NODE_PACKAGE])

    environment = {**os.environ, "NODE_PATH": str(tmp_path / "node_modules")}
    assert transcript(["node", FOLDER / "client.js"], servers, tmp_path, environment) == expected("node")


@pytest.mark.long
def test_the_client_in_go_finds_what_it_finds_with_genuine_zookeeper(servers: Servers, tmp_path: Path) -> None:
    require("go", package="golang-go")
    require(f"{GO_PATH}/src/github.com/samuel/go-zookeeper", package="golang-github-samuel-go-zookeeper-dev")
    go = {"GO111MODULE": "off", "GOPATH": GO_PATH, "GOCACHE": str(tmp_path / "cache"), "PATH": os.environ["PATH"]}
    program = tmp_path / "client"
    compiled([shutil.which("env") or "env", *(f"{key}={value}" for key, value in go.items()),
              "go", "build", "-o", program, FOLDER / "client.go"])

    assert transcript([program], servers, tmp_path) == expected("go")
