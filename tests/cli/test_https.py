"""Commands for operators, of members whose HTTP is nothing but HTTPS."""

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.auth.certificates import ClientIds
from node.auth.tls import make_context
from node.cli.errors import Failure
from node.cli.local import load_ensemble
from node.cli.scrape_jobs import write_jobs
from node.cli.site import Site, Trust, site_of_member, sites_of
from node.config.security import Store, Tls
from observability.endpoint import JSON, AdminServer, Response
from observability.https import Https
from tests.certificates import Authority
from tests.corral import corral
from tests.waiting import wait_until

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None and os.environ.get("CI") != "true", reason="no prometheus: .ci/packages")


@dataclass
class Files:
    """Of an authority, and of a member that it has signed under the name 127.0.0.1."""

    authority: Path
    member: Path
    stranger: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    directory = tmp_path_factory.mktemp("certificates")
    authority = Authority()
    return Files(
        authority.pem(directory / "ca.pem"),
        authority.issue_to("member", names=("127.0.0.1",)).pem(directory / "member.pem"),
        Authority("Another").pem(directory / "stranger.pem"))


# One port ------------------------------------------------------------------------------------------


def served(files: Files, *, wants_client: bool = False) -> AdminServer:
    context = make_context(Tls(
        addresses=(), port=0, is_unified=False, key_store=Store("ssl.keyStore", files.member, "", None),
        trust_store=Store("ssl.trustStore", files.authority, "", None) if wants_client else None,
        client_auth="need" if wants_client else "none", oldest="TLSv1.2", newest="TLSv1.3", ciphers="",
        ids=ClientIds()))
    server = AdminServer(
        "127.0.0.1", 0, {"/it": lambda _: Response(b'{"a":1}', JSON)}, https=Https(lambda: context, refuses_plain=True))
    server.start()
    return server


@pytest.fixture
def port(files: Files) -> Iterator[int]:
    server = served(files)
    try:
        yield server.port
    finally:
        server.shutdown()
        server.server_close()


def test_the_authority_makes_it_good(files: Files, port: int) -> None:
    (site,) = sites_of([f"https://127.0.0.1:{port}"], Trust(ca=str(files.authority)))

    assert site.get_json("/it") == {"a": 1}
    assert str(site) == f"127.0.0.1:{port}"


@pytest.mark.parametrize(("scheme", "ca", "host", "said"), [
    ("http", None, "127.0.0.1", r"nothing but HTTPS \(admin.forceHttps\): say https://"),
    ("https", None, "127.0.0.1", "is not trusted .*: --ca FILE"),
    ("https", "stranger", "127.0.0.1", "is not trusted .*: --ca FILE"),
    ("https", "authority", "localhost", "for another name"),
])
def test_what_is_wrong_is_said_with_the_cure(
    files: Files, port: int, scheme: str, ca: str | None, host: str, said: str
) -> None:
    trust = Trust(ca=str(getattr(files, ca)) if ca else None)

    with pytest.raises(OSError, match=said):
        Site(f"{host}:{port}", scheme == "https", trust).get("/it")


def test_a_port_that_wants_a_certificate_says_so_and_takes_it(files: Files) -> None:
    server = served(files, wants_client=True)
    try:
        with pytest.raises(OSError, match="a certificate of yours"):
            Site(f"127.0.0.1:{server.port}", True, Trust(ca=str(files.authority))).get("/it")
        own = Trust(ca=str(files.authority), certificate=str(files.member))
        assert Site(f"127.0.0.1:{server.port}", True, own).get_json("/it") == {"a": 1}
    finally:
        server.shutdown()
        server.server_close()


def test_a_port_without_https_says_so(files: Files) -> None:
    server = AdminServer("127.0.0.1", 0, {})
    server.start()
    try:
        with pytest.raises(OSError, match="speaks no HTTPS"):
            Site(f"127.0.0.1:{server.port}", True, Trust(ca=str(files.authority))).get("/it")
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("text", ["ftp://zk1:7000", "https://zk1:7000/metrics", "https://"])
def test_what_is_no_metrics_port_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="host:port, http://host:port or https://host:port"):
        sites_of([text])


# A member ------------------------------------------------------------------------------------------


@dataclass
class Forced:
    data: Path
    environment: dict[str, str]
    url: str

    def corral(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return corral(*arguments, environment=self.environment, check=False)


@pytest.fixture(scope="module")
def forced(tmp_path_factory: pytest.TempPathFactory, files: Files) -> Iterator[Forced]:
    """With Prometheus beside it, where there is one."""
    directory = tmp_path_factory.mktemp("forced")
    data, environment = directory / "run", {**os.environ, "XDG_DATA_HOME": str(directory / "home")}
    environment.pop("CORRAL_CA", None)
    corral("up", "--observe", "--detach", "--members=1", "--client-port=0", f"--data={data}",
           "--set=admin.forceHttps=true", f"--set=ssl.keyStore.location={files.member}", environment=environment)
    try:
        ensemble = load_ensemble(data)
        config = ensemble.config(ensemble.members[0])
        wait_until((config.run_dir / "metrics-port").exists, what="telemetry, for which nobody waits, serves")
        yield Forced(data, environment, site_of_member(config).url)
    finally:
        corral("down", "--wipe", f"--data={data}", environment=environment)


def test_top_of_a_local_ensemble_trusts_its_members_certificates(forced: Forced) -> None:
    def told() -> dict[str, Any]:
        """Empty before it has heard."""
        done = forced.corral("top", "--once", "--json", "-d", "0.5", f"--data={forced.data}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found if found["members"][0]["role"] == "leader" else {}

    found = wait_until(told, seconds=60, what="telemetry has heard of the leader")

    assert forced.url.startswith("https://")
    assert found["members"][0]["server"] == forced.url.removeprefix("https://")


def test_top_and_trace_of_a_url_want_the_authority(forced: Forced, files: Files) -> None:
    done = forced.corral("top", "--once", "--json", "-d", "0.5", forced.url)
    assert (done.returncode, "--ca FILE" in done.stdout) == (1, True)
    done = forced.corral("top", "--once", "--json", "-d", "0.5", forced.url, f"--ca={files.authority}")
    assert "why" not in json.loads(done.stdout)["members"][0]

    done = forced.corral("trace", "/nothing", f"--server={forced.url}")
    assert (done.returncode, "--ca FILE" in done.stderr) == (1, True)
    done = forced.corral("trace", "/nothing", f"--server={forced.url}", f"--ca={files.authority}")
    assert "no write of path /nothing is among the newest" in done.stderr


def test_doctor_looks_at_the_metrics_too(forced: Forced, files: Files) -> None:
    done = forced.corral("doctor", f"--data={forced.data}", "--json", "--watch=0.5")
    assert "hot znodes" in json.loads(done.stdout)["looked_at"]

    done = forced.corral("doctor", f"--data={forced.data}", "--json", "--watch=0.5", f"--metrics={forced.url}")
    assert "--ca FILE" in " ".join(json.loads(done.stdout)["left_out"].values())


@needs_prometheus
def test_prometheus_scrapes_it_with_its_certificate(forced: Forced) -> None:
    url = json.loads((forced.data / "observe/running.json").read_text())["url"]

    def health() -> list[tuple[str, str, str]]:
        with urllib.request.urlopen(f"{url}/api/v1/targets", timeout=5) as answer:
            targets = json.loads(answer.read())["data"]["activeTargets"]
        return [(t["labels"]["job"], t["labels"]["member"], t["health"]) for t in targets]

    wait_until(lambda: health() == [("corral", "1", "up")], seconds=60, what="the member is scraped")


def test_a_certificate_without_names_is_taken_as_it_is(forced: Forced, files: Files, tmp_path: Path) -> None:
    assert "server_name: \"127.0.0.1\"" in write_jobs(load_ensemble(forced.data), tmp_path)
    Authority().issue_to("nameless").pem(files.member)  # telemetry has read the other one

    assert "insecure_skip_verify: true" in write_jobs(load_ensemble(forced.data), tmp_path)
