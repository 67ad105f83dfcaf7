"""The rules of the house as tests: tools that must find nothing, and words that must not occur."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = Path(sys.executable).parent
NOT_OURS = {".git", ".venv", "build", "dist", "run", "__pycache__", ".hypothesis"}
SCRIPTS = [str(ROOT / "bench/peers" / name) for name in ("zookeeper3", "etcd3", "etcdload")]

# A letter in brackets keeps this file from finding itself.
MACHINE_PATH = re.compile(r"(?<![\w.])/(w[o]rk|f[a]rm|r[o]ot)/")
REGISTRY_HOST = re.compile(r"p[y]pi\.org|p[y]thonhosted|deb\.d[e]bian|n[p]mjs")
STUB = re.compile(r"N[o]tImplementedError|\bT[O]DO\b|\bF[I]XME\b|\bX[X]X\b")
SLEEP = re.compile(r"\b(time|asyncio)\.s[l]eep\((?!.*# .*\bpolls?\b)")  # …unless it says why


def our_files() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(
            name for name in folders if name not in NOT_OURS and not name.endswith("_cache")
        )
        yield from (Path(folder, name) for name in sorted(names) if name != ".git")


def lines_with(pattern: re.Pattern[str], files: Iterator[Path]) -> list[str]:
    """'path:line: text' of each match; files that are not text are passed over."""
    found = []
    for file in files:
        try:
            lines = file.read_text().splitlines()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        name = file.relative_to(ROOT)
        found += [
            f"{name}:{n}: {line.strip()}" for n, line in enumerate(lines, 1) if pattern.search(line)
        ]
    return found


def must_be_content(tool: str, *arguments: str) -> None:
    """Fails with all that a tool of this environment has to say."""
    done = subprocess.run(
        [str(TOOLS / tool), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    if done.returncode:
        pytest.fail(f"{tool}:\n{done.stdout}{done.stderr}", pytrace=False)


def test_ruff_finds_nothing() -> None:
    must_be_content("ruff", "check", "--quiet", "--output-format=concise", str(ROOT), *SCRIPTS)


def test_mypy_finds_nothing_in_the_packages() -> None:
    must_be_content("mypy")


def test_mypy_finds_nothing_in_the_bench() -> None:
    must_be_content("mypy", "--explicit-package-bases", "bench")


def test_imports_go_one_way() -> None:
    must_be_content("lint-imports", "--no-cache", "--no-logo")


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ("no path of one machine", MACHINE_PATH),
        ("no host of a registry", REGISTRY_HOST),
        ("nothing half done", STUB),
    ],
)
def test_no_file_breaks_a_rule_of_words(rule: str, pattern: re.Pattern[str]) -> None:
    assert lines_with(pattern, our_files()) == [], rule


def test_no_test_sleeps_where_it_should_wait_for_a_condition() -> None:
    tests = (file for file in our_files() if file.is_relative_to(ROOT / "tests"))

    assert lines_with(SLEEP, tests) == []


@pytest.mark.skipif(shutil.which("dash") is None, reason="no dash here")
@pytest.mark.parametrize("script", ["environment", "packages"])
def test_the_scripts_of_make_are_plain_shell(script: str) -> None:
    done = subprocess.run(["dash", "-n", str(ROOT / ".ci" / script)], check=False)
    assert done.returncode == 0
