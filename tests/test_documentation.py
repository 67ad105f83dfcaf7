"""The documentation: it is one site without a broken link, and its first steps work as they are written."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.genuine import free_ports

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
START = ROOT / "docs/start.md"
_BLOCK = re.compile(r"^```(console|python)(?: title=\"(.*?)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_site_is_built_and_no_link_is_broken(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(BIN / "mkdocs"), "build", "--strict", "--quiet", "--site-dir", str(tmp_path)], cwd=ROOT, check=False,
        capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})

    assert done.returncode == 0, done.stdout + done.stderr
    assert "corral status" in (tmp_path / "commands.html").read_text()


def test_the_site_fetches_nothing_from_elsewhere(tmp_path: Path) -> None:
    subprocess.run([str(BIN / "mkdocs"), "build", "--quiet", "--site-dir", str(tmp_path)], cwd=ROOT, check=True,
                   capture_output=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    fetched = re.compile(r'<(?:script|img|link)[^>]+(?:src|href)="(https?:[^"]+)"')

    assert {found for page in tmp_path.rglob("*.html") for found in fetched.findall(page.read_text())} == set()


def steps(text: str) -> Iterator[tuple[str, str]]:
    """(command, what it prints); files that a page shows are written where they stand."""
    for kind, title, body in _BLOCK.findall(text):
        if kind == "python":
            yield f"cat > {title} <<'END OF FILE'\n{body}END OF FILE", ""
        for command in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:] if kind == "console" else ():
            line, _, printed = command.partition("\n")
            yield line, printed


def matches(printed: str, wanted: str) -> bool:
    pattern = ".*".join(map(re.escape, wanted.strip().split("…")))
    return not wanted or re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@pytest.mark.skipif(
    shutil.which("nc") is None and os.environ.get("CI") != "true", reason="not installed: netcat-openbsd")
def test_the_first_steps_print_what_the_page_says(tmp_path: Path) -> None:
    port, = free_ports(1)
    done = list(steps(START.read_text().replace("2181", str(port))))
    script = "\n".join(f"{command}\necho; echo '@@@@'" for command, _ in done)
    told = subprocess.run(
        ["bash", "-c", f"set -m; shopt -s expand_aliases\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n{script}"],
        cwd=tmp_path, check=False, capture_output=True, text=True, timeout=240,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "XDG_STATE_HOME": str(tmp_path)})

    printed = told.stdout.split("\n@@@@\n")[:-1]
    assert len(printed) == len(done), told.stdout + told.stderr
    wrong = [(command, wanted, found) for (command, wanted), found in zip(done, printed, strict=True)
             if not matches(found, wanted)]
    assert wrong == [], told.stderr
