#!/usr/bin/env python3
"""Builds dist/wheelhouse-VERSION.tar.gz: all that a host needs to run Corral, so that hosts need no internet.

    python ansible/wheelhouse.py                                of this work tree, for Python 3.11 and 3.13
    python ansible/wheelhouse.py --python 3.12 --output DIR
    python ansible/wheelhouse.py --plain                        Corral's wheel not compiled: minutes less
    python ansible/wheelhouse.py --wheel FILE --from OLD        another build of Corral, the other wheels as in OLD

Corral's hot modules are compiled for the Python that runs this, where there is a C compiler; hosts with another Python
run the same modules as they are. In it: wheels/ (Corral's, those of what it needs, pip's own), requirements.txt (one
version and the hashes of each), systemd/ (the units), release.py (installs it), VERSION. Runs on the control host, by a
Python that has pip.
"""

import argparse
import gzip
import hashlib
import io
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import build_wheel  # lies beside this file

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.13")  # of Debian 12 and 13
SOURCES = ("pure-sasl",)  # of pure Python, and in the index as source alone: the wheel is made here, for every Python
GLIBCS = ("2_17", "2_24", "2_26", "2_27", "2_28", "2_31", "2_34")
PIP = [sys.executable, "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check", "--no-input"]


def build(folder: Path, pythons: Sequence[str], *, plain: bool) -> str:
    """Fills FOLDER/wheels from the work tree and the index; Corral's version."""
    wheels = folder / "wheels"
    corral = build_wheel.build(wheels, compiled=False)
    if not plain and (lacks := build_wheel.missing()):
        sys.stderr.write(f"wheelhouse: Corral is not compiled, and slower, for want of {lacks}\n")
    elif not plain:
        sys.stderr.write("wheelhouse: compiling Corral takes some minutes\n")
        build_wheel.build(wheels, compiled=True)
    _run(*PIP, "wheel", "--no-deps", "--wheel-dir", str(wheels), *SOURCES)
    pinned = folder / "pinned.txt"
    for python in pythons:
        constraint = ["--constraint", str(pinned)] if pinned.exists() else []
        _run(*PIP, "download", "--only-binary=:all:", "--implementation", "cp", "--python-version", python,
             *_platforms(), "--find-links", str(wheels), "--dest", str(wheels), *constraint, str(corral))
        if not constraint:
            pinned.write_text("".join(f"{name}=={version}\n" for name, version in _packages(wheels)
                                      if name != "corral"))
    pinned.unlink(missing_ok=True)
    _run(*PIP, "download", "--no-deps", "--only-binary=:all:", "--dest", str(wheels), "pip")
    return corral.name.split("-")[1]


def rebuild(folder: Path, wheel: Path, old: Path) -> str:
    """Fills FOLDER/wheels with those of an older wheelhouse, but for Corral's own; Corral's version."""
    inner = unpack(old, folder)
    (inner / "wheels").rename(folder / "wheels")
    shutil.rmtree(inner)
    for own in (folder / "wheels").glob("corral-*.whl"):
        own.unlink()
    shutil.copyfile(wheel, folder / "wheels" / wheel.name)
    return wheel.name.split("-")[1]


def unpack(packed: Path, folder: Path) -> Path:
    """The one folder that a wheelhouse has, now in *folder*, which was empty or is made.

    Ends the program where there is none.
    """
    try:
        with tarfile.open(packed) as archive:
            if hasattr(tarfile, "data_filter"):  # Debian 12's Python 3.11.2 has none yet
                archive.extraction_filter = tarfile.data_filter
            archive.extractall(folder)
        inner, = folder.iterdir()
    except (OSError, tarfile.TarError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        sys.exit(f"{packed} is no wheelhouse: {reason}; python ansible/wheelhouse.py builds one")
    return inner


def lock(wheels: Path) -> str:
    """requirements.txt: one version of each, with the hash of every wheel of it."""
    hashes: dict[tuple[str, str], list[str]] = {}
    for wheel in sorted(wheels.glob("*.whl")):
        name, version = _package(wheel)
        if name != "pip":
            hashes.setdefault((name, version), []).append(hashlib.sha256(wheel.read_bytes()).hexdigest())
    lines = ["# Written by wheelhouse.py.\n"]
    for (name, version), each in sorted(hashes.items()):
        lines.append(f"{name}=={version}" + "".join(f" \\\n    --hash=sha256:{one}" for one in each) + "\n")
    return "".join(lines)


def pack(folder: Path, version: str, systemd: Path, output: Path) -> Path:
    """The same input gives the same bytes."""
    (folder / "requirements.txt").write_text(lock(folder / "wheels"))
    (folder / "VERSION").write_text(f"{version}\n")
    shutil.copyfile(ROOT / "ansible" / "release.py", folder / "release.py")
    shutil.copytree(systemd, folder / "systemd", ignore=shutil.ignore_patterns("*.md", "__pycache__"))
    output.mkdir(parents=True, exist_ok=True)
    made, aside = output / f"wheelhouse-{version}.tar.gz", output / f".wheelhouse-{version}.new"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, f"wheelhouse-{version}/{path.relative_to(folder)}", recursive=False, filter=_plain)
    aside.write_bytes(gzip.compress(buffer.getvalue(), compresslevel=1, mtime=0))
    aside.replace(made)
    return made


def of_command_line(description: str) -> tuple[Path, Path]:
    """For programs that make something of a wheelhouse: which one, and the folder for what they make."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheelhouse", type=Path, metavar="FILE", help="else the newest of OUTPUT")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR")
    asked = parser.parse_args()
    houses = sorted(asked.output.glob("wheelhouse-*.tar.gz"), key=lambda each: each.stat().st_mtime)
    if not houses and not asked.wheelhouse:
        parser.error(f"no wheelhouse in {asked.output}: python ansible/wheelhouse.py makes one")
    return asked.wheelhouse or houses[-1], asked.output


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "root", "root"
    info.mode = 0o755 if info.isdir() else 0o644
    return info


def _platforms() -> Iterator[str]:
    machine = platform.machine()
    for tag in (*(f"manylinux_{glibc}_{machine}" for glibc in GLIBCS), f"manylinux2014_{machine}", "any"):
        yield from ("--platform", tag)


def _package(wheel: Path) -> tuple[str, str]:
    name, version = wheel.name.split("-")[:2]
    return name.replace("_", "-").lower(), version


def _packages(wheels: Path) -> list[tuple[str, str]]:
    return sorted({_package(wheel) for wheel in wheels.glob("*.whl")})


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False)
    if done.returncode:
        sys.exit(f"wheelhouse: {' '.join(command[:4])} … ended with {done.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", metavar="VERSION", help="of the hosts; may be given again")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR")
    parser.add_argument("--wheel", type=Path, metavar="FILE", help="a wheel of Corral that is there already")
    parser.add_argument("--from", dest="old", type=Path, metavar="WHEELHOUSE", help="goes with --wheel")
    parser.add_argument("--systemd", type=Path, default=ROOT / "systemd", metavar="DIR", help="of the units")
    parser.add_argument("--plain", action="store_true", help="Corral's hot modules are not compiled")
    asked = parser.parse_args()
    if (asked.wheel is None) != (asked.old is None):
        parser.error("--wheel and --from go together")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pythons = asked.python or PYTHONS
        version = rebuild(folder, asked.wheel, asked.old) if asked.wheel else build(folder, pythons, plain=asked.plain)
        made = pack(folder, version, asked.systemd, asked.output)
    sys.stdout.write(f"{made} {made.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
