#!/usr/bin/env python3
"""Installs the release that lies beside this file, without a network; a wheelhouse brings it along.

    python3 release.py install [--root /opt/corral] [--name NAME] [--build HASH]    into ROOT/releases/NAME
    python3 release.py check                                                        whether this Python can run it

Needs Python 3.11 with its standard library, neither pip nor ensurepip. Every file is held to its hash. An installation
that stopped half-way is made anew; a complete one is left as it is. Which release runs says the link ROOT/current,
which this program leaves alone.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.txt"
COMPLETE = "complete"  # a file in a release: the lock's hash, and what the installer said of the build


class ReleaseError(Exception):
    """The text names the cure."""


def version() -> str:
    return (HERE / "VERSION").read_text().strip()


def check() -> None:
    """Raises ReleaseError: this Python cannot run what is here."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    if sys.version_info < (3, 11):  # noqa: UP036  # it runs before anything has looked at the host
        raise ReleaseError(f"Python 3.11 or newer is needed, {sys.executable} is {sys.version.split()[0]}")
    tags = sorted({wheel.name.split("-")[-3] for wheel in (HERE / "wheels").glob("pyzmq-*.whl")} |
                  {wheel.name.split("-")[-3] for wheel in (HERE / "wheels").glob("msgspec-*.whl")})
    if tag not in tags:
        raise ReleaseError(f"the wheelhouse is for {', '.join(tags)}, {sys.executable} is {tag}: "
                           f"make wheelhouse PYTHONS='3.11 {sys.version_info.major}.{sys.version_info.minor}'")


def install(root: Path, name: str, build: str) -> bool:
    """Whether anything was to be done.  build: the wheelhouse's hash, if known.  Raises ReleaseError."""
    check()
    target = root / "releases" / name
    lock = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if (target / COMPLETE).exists():
        if (target / COMPLETE).read_text().split()[0] != lock:
            raise ReleaseError(f"{target} was installed from another wheelhouse: give this one another --name, or "
                               "remove that folder if nothing runs from it")
        return False
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    _run(sys.executable, "-m", "venv", "--without-pip", str(target))
    pip, = (HERE / "wheels").glob("pip-*.whl")
    _run(str(target / "bin/python"), f"{pip}/pip", "install", "--quiet", "--no-index", "--no-cache-dir",
         "--disable-pip-version-check", "--root-user-action=ignore", "--find-links", str(HERE / "wheels"),
         "--require-hashes", "--requirement", str(LOCK))
    _run(str(target / "bin/corral"), "--version")
    # Compiled modules may want a newer libc than this host has: better now than when the member starts.
    _run(str(target / "bin/python"), "-I", "-c", "import node.tree.execute, node.zab.leader, node.processes.broadcast")
    shutil.copytree(HERE / "systemd", target / "systemd")
    (target / COMPLETE).write_text(f"{lock}\n{build}\n")
    return True


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise ReleaseError(f"{' '.join(command[:3])} … ended with {done.returncode}:\n{said}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["install", "check"])
    parser.add_argument("--root", type=Path, default=Path("/opt/corral"))
    parser.add_argument("--name", default=version(), help="of the folder, where a version has several builds")
    parser.add_argument("--build", default="", metavar="HASH", help="of the wheelhouse, kept beside the release")
    asked = parser.parse_args()
    try:
        if asked.command == "check":
            check()
            sys.stdout.write(f"{version()} runs with {sys.executable}\n")
        else:
            done = install(asked.root, asked.name, asked.build)
            sys.stdout.write(f"{asked.name} {'installed' if done else 'unchanged'}\n")
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
