"""Time travel beside a member that serves."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from node.cli.commands import corral
from tests.corral import ROOT, Ensemble, corral_ensemble, kazoo_client
from tests.waiting import wait_until


@contextmanager
def following(ensemble: Ensemble, config: str) -> Iterator[list[dict[str, Any]]]:
    """The lines that `corral log --follow` has printed so far."""
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(
        [sys.executable, "-m", "node", "log", config, "--follow", "--json", "--path", "/app"], cwd=ROOT,
        env=ensemble.environment, stdout=subprocess.PIPE, text=True,
    ) as process:
        assert process.stdout is not None
        output = process.stdout
        reader = threading.Thread(target=lambda: lines.extend(map(json.loads, output)), daemon=True)
        reader.start()
        try:
            yield lines
        finally:
            process.kill()
            reader.join()


def test_what_changes_is_told_while_it_happens_and_what_was_stays_visible(tmp_path: Path) -> None:
    with corral_ensemble(tmp_path, members=1) as ensemble, kazoo_client(ensemble.addresses) as client:
        config = str(ensemble.home(1) / "zoo.cfg")
        session = client.client_id[0]
        client.create("/app", b"first")
        with following(ensemble, config) as lines:
            wait_until(lambda: lines, seconds=60, what="what was before")
            client.set("/app", b"second")
            wait_until(lambda: len(lines) == 2, seconds=60, what="what happens now")

        shown = ensemble.corral("show", config, "/app", "--json")
        before = ensemble.corral("show", config, "/app", "--at", lines[0]["at"], "--raw")
        (difference,) = json.loads(
            ensemble.corral("diff", config, "--from", lines[0]["at"], "--json").stdout)["differences"]
        of_the_last_up = [ensemble.corral(*words).stdout for words in (
            ("log", "--json", "-n", "1"), ("show", "/app", "--json"), ("diff", "--from", lines[0]["at"], "--json"))]

    assert [(line["what"], line["data"]) for line in lines] == [("created", "first"), ("changed", "second")]
    assert (lines[1]["session"], lines[1]["address"]) == (f"0x{session:x}", "127.0.0.1")
    assert json.loads(shown.stdout)["data"] == "second"
    assert before.stdout == "first"
    assert (difference["path"], difference["parts"]) == ("/app", ["data"])
    last, now, differences = map(json.loads, of_the_last_up)
    assert (last["data"], now["data"], differences["differences"]) == ("second", "second", [difference])


@pytest.mark.parametrize("words", [["log"], ["show", "/app"], ["diff", "--from", "1h"], ["self-check"]])
def test_where_no_member_is_known_one_is_asked_for(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    done = CliRunner().invoke(corral, words)

    assert done.exit_code == 2
    assert "say which member: its zoo.cfg" in done.output
