"""Debian's Prometheus, with the configuration that playbooks brought to the host that watches."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.site import ENSEMBLE, Site
from tests.waiting import wait_until

PORT = 19090
FOLDER = "/etc/prometheus/"


@dataclass(frozen=True)
class Prometheus:
    site: Site
    url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """Nothing, while it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}", timeout=5) as answer:
                return json.load(answer)["data"]
        except OSError:
            return {}

    def members(self) -> set[tuple[str, str, str]]:
        """Job, ensemble and member of those that serve, as far as it knows."""
        found = self.ask("/api/v1/query", query='corral_is_serving{job="corral"} == 1').get("result", [])
        return {(each["metric"]["job"], each["metric"]["ensemble"], each["metric"]["member"]) for each in found}

    def await_members(self) -> None:
        """It sees all of the site, and nobody else."""
        expected = {("corral", ENSEMBLE, str(number)) for number in self.site.members}
        wait_until(lambda: self.members() == expected, seconds=60, what=f"Prometheus sees {expected}")


@contextmanager
def watching(site: Site, folder: Path) -> Iterator[Prometheus]:
    """On the operator's machine, for hosts have no package of it."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus: apt-get install prometheus")
    root = site.fabric.hosts[0].root
    text = (root / "etc/prometheus/prometheus.yml").read_text()
    configuration = folder / "prometheus.yml"
    configuration.write_text(text.replace(FOLDER, f"{root}{FOLDER}"))
    address = f"[{site.fabric.operator_v6}]:{PORT}"
    with subprocess.Popen(
            [program, f"--config.file={configuration}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={address}", "--log.level=warn"]) as process:
        try:
            yield Prometheus(site, f"http://{address}")
        finally:
            process.kill()
