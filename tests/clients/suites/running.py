"""Another project's tests, run by pytest in a process of its own, and what came of each."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.corral import ROOT

SUITE_S = 3000.0
Outcomes = dict[str, str]  # name of a test to passed, skipped: why, failed: the last line, or error: likewise


def run_suite(
    directory: Path,
    arguments: Sequence[str],
    *,
    plugin: str,
    environment: Mapping[str, str],
    ini: str = "",
) -> Outcomes:
    """arguments: modules of tests, as `--pyargs` takes them, and options.  plugin: a module that brings the servers.
    ini: lines of the suite's own configuration."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    report = directory / "report.xml"
    ours = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST_")}
    with open(directory / "output", "wb") as output:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-c",
                str(directory / "pytest.ini"),
                f"--rootdir={directory}",
                f"--basetemp={directory / 'tmp'}",
                "-p",
                "no:cacheprovider",
                "-p",
                plugin,
                "-v",
                "--timeout=240",
                f"--junitxml={report}",
                "--pyargs",
                *arguments,
            ],
            cwd=directory,
            env={**ours, "PYTHONPATH": str(ROOT), **environment},
            stdout=output,
            stderr=output,
            check=False,
            timeout=SUITE_S,
        )
    assert report.exists(), (directory / "output").read_text(errors="replace")[-4000:]
    return read_report(report)


def read_report(report: Path) -> Outcomes:
    outcomes = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '')}::{case.get('name')}"
        outcomes[name] = outcome_of(case)
    return outcomes


def outcome_of(case: ElementTree.Element) -> str:
    for kind in ("error", "failure", "skipped"):
        found = case.find(kind)
        if found is not None:
            reason = (found.get("message") or "").strip().splitlines()
            return f"{kind}: {reason[-1] if reason else ''}"
    return "passed"


def differences(genuine: Outcomes, corral: Outcomes) -> dict[str, tuple[str, str]]:
    """What each said where not both passed, or both were skipped, or both failed."""
    names = sorted(genuine.keys() | corral.keys())
    pairs = {name: (genuine.get(name, "not run"), corral.get(name, "not run")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0].split(":")[0] != pair[1].split(":")[0]}
