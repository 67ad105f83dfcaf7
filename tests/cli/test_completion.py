"""What a shell completes, and what man(1) shows: from the commands themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli.commands import COMMANDS

CORRAL = str(Path(sys.executable).with_name("corral"))

needs_man = pytest.mark.skipif(
    shutil.which("groff") is None and os.environ.get("CI") != "true", reason="not installed: groff-base")


def corral(*arguments: str, **environment: str) -> str:
    return subprocess.run([CORRAL, *arguments], check=True, capture_output=True, text=True,
                          env={**os.environ, **environment}).stdout


@pytest.mark.parametrize(("typed", "offered"), [("sta", ["status", "start"]), ("keys ", ["init", "add", "show"])])
def test_bash_completes_commands(typed: str, offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "corral").write_text(corral("completion", "bash"))
    words = ["corral", *typed.split(" ")]
    asks = f"""
        source {tmp_path}/corral
        COMP_WORDS=({" ".join(words)} {"''" if typed.endswith(" ") else ""}) COMP_CWORD={len(words) - 1}
        _corral_completion corral
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    told = subprocess.run(["bash", "-c", asks], check=True, capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{Path(CORRAL).parent}:{os.environ['PATH']}"})

    assert set(offered) <= set(told.stdout.split())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_theirs(shell: str) -> None:
    assert "_CORRAL_COMPLETE" in corral("completion", shell)


@needs_man
def test_every_command_has_a_page_that_man_shows_without_a_complaint(tmp_path: Path) -> None:
    corral("manual", str(tmp_path))

    assert {f"corral-{name}.1" for name in COMMANDS} < {each.name for each in tmp_path.iterdir()}
    for each in tmp_path.iterdir():
        shown = subprocess.run(["groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-P-cbou", str(each)],
                               check=True, capture_output=True, text=True)
        assert shown.stderr == ""
        assert all(word in shown.stdout for word in ("NAME", "SYNOPSIS", "DESCRIPTION", each.stem.upper()))


@needs_man
def test_a_page_shows_examples_as_they_are_typed(tmp_path: Path) -> None:
    corral("manual", str(tmp_path))
    shown = subprocess.run(["groff", "-man", "-Tascii", "-P-cbou", str(tmp_path / "corral-member.1")],
                           check=True, capture_output=True, text=True).stdout

    assert "corral member --check /etc/zookeeper/conf/zoo.cfg\n" in shown
