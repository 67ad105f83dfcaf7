#!/usr/bin/env python3
"""Builds dist/corral_VERSION_ARCHITECTURE.deb from a wheelhouse: for hosts that apt manages, not the playbooks.

    python ansible/wheelhouse.py && python ansible/debian_package.py
    python ansible/debian_package.py --wheelhouse dist/wheelhouse-0.1.0.tar.gz --output /tmp

It is for Debian's own Python of the machine that builds it, and needs dpkg-deb. In it: the release under
/opt/corral/releases/VERSION, where the units look for it, the units, pages for man(1), completions, an example.
No network, neither here nor where it is installed. The same wheelhouse gives the same files.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import wheelhouse  # lies beside this file

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
ROOT = "opt/corral"
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/corral",
    "zsh": "usr/share/zsh/vendor-completions/_corral",
    "fish": "usr/share/fish/vendor_completions.d/corral.fish",
}


class PackageError(Exception):
    """The text names the cure."""


def build(packed: Path, output: Path) -> Path:
    """The package.  Raises PackageError."""
    for tool in ("dpkg-deb", "dpkg"):
        if shutil.which(tool) is None:
            raise PackageError(f"{tool} is missing: this needs Debian, or a system made of it")
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary, "stage")
        stage.mkdir(mode=0o755)
        house = wheelhouse.unpack(packed, Path(temporary, "unpacked"))
        version = (house / "VERSION").read_text().strip()
        release = _release(house, stage, version)
        _beside(stage, release, version)
        _control(stage, version)
        _modes(stage)
        output.mkdir(parents=True, exist_ok=True)
        made = output / f"corral_{version}_{_architecture()}.deb"
        _run("dpkg-deb", "--root-owner-group", "-Zzstd", "--build", str(stage), str(made))
        return made


def _release(house: Path, stage: Path, version: str) -> Path:
    """The release, as its installer makes it, but with the paths that it will have."""
    _run(PYTHON, str(house / "release.py"), "install", "--root", str(stage / ROOT))
    release = stage / ROOT / "releases" / version
    for each in _texts(release):
        text = each.read_bytes()
        if bytes(stage) in text:
            each.write_bytes(text.replace(f"{stage}/".encode(), b"/"))
    for cache in list(release.rglob("__pycache__")):
        shutil.rmtree(cache)
    # By content, not by time, which no package keeps to the second that it was compiled in.
    _run(PYTHON, "-m", "compileall", "-q", "-s", str(stage), "-p", "/", "--invalidation-mode", "unchecked-hash",
         str(release / "lib"))
    (stage / ROOT / "current").symlink_to(f"releases/{version}")
    return release


def _texts(release: Path) -> Iterator[Path]:
    """Files that hold the path of the environment."""
    yield release / "pyvenv.cfg"
    for each in (release / "bin").iterdir():
        if not each.is_symlink():
            yield each


def _beside(stage: Path, release: Path, version: str) -> None:
    """What lies outside of the release."""
    shutil.copytree(release / "systemd", stage / "usr/lib/systemd/system", dirs_exist_ok=True)
    _write(stage / "usr/lib/sysusers.d/corral.conf", 'u corral - "Corral, a coordination service" /nonexistent\n')
    (stage / "usr/bin").mkdir(parents=True)
    (stage / "usr/bin/corral").symlink_to("/opt/corral/current/bin/corral")
    # Not by bin/corral: its first line names a place where it is not yet.
    corral = (str(release / "bin/python"), "-I", "-m", "node")
    for shell, place in COMPLETIONS.items():
        _write(stage / place, _run(*corral, "completion", shell))
    manual = stage / "usr/share/man/man1"
    _run(*corral, "manual", str(manual))
    for each in list(manual.iterdir()):
        each.with_name(f"{each.name}.gz").write_bytes(gzip.compress(each.read_bytes(), mtime=0))
        each.unlink()
    about = stage / "usr/share/doc/corral"
    about.mkdir(parents=True)
    shutil.copyfile(HERE / "debian/README.Debian", about / "README.Debian")
    # Not among the documentation, which a host may be told to leave out.
    _write(stage / "usr/share/corral/zoo.cfg", (HERE / "debian/zoo.cfg").read_text())
    changes = HERE.parent / "CHANGELOG.md"
    (about / "changelog.gz").write_bytes(gzip.compress(changes.read_bytes(), mtime=0))


def _control(stage: Path, version: str) -> None:
    python = _run(PYTHON, "-c", "import sys; print(sys.version_info.minor)").strip()
    libc = _run("dpkg-query", "--show", "--showformat=${Version}", "libc6").split("-")[0]
    size = sum(each.lstat().st_size for each in stage.rglob("*") if each.is_file()) // 1024
    _write(stage / "DEBIAN/control", dedent(f"""\
        Package: corral
        Version: {version}
        Architecture: {_architecture()}
        Maintainer: The Corral team <corral@localhost>
        Installed-Size: {size}
        Depends: python3 (>= 3.{python}), python3 (<< 3.{int(python) + 1}), libc6 (>= {libc}), systemd
        Section: net
        Priority: optional
        Description: coordination service that speaks ZooKeeper's client protocol
         Leader election, service discovery, locks and shared configuration for other
         systems. Clients of Apache ZooKeeper connect unchanged; there is no JVM, and
         every member shows what it did for every write.
        """))
    for script in ("prerm", "postinst", "postrm"):
        shutil.copyfile(HERE / "debian" / script, stage / "DEBIAN" / script)


def _modes(stage: Path) -> None:
    """Readable by all, writable by root, whatever the umask of who builds it."""
    for each in [stage, *stage.rglob("*")]:
        if not each.is_symlink():
            is_script = each.parent.name == "DEBIAN" and each.name != "control"
            each.chmod(0o755 if is_script or each.stat().st_mode & 0o100 else 0o644)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _architecture() -> str:
    return _run("dpkg", "--print-architecture").strip()


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    if done.returncode:
        raise PackageError(f"{' '.join(command[:4])} … ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    house, output = wheelhouse.of_command_line(__doc__ or "")
    try:
        made = build(house, output)
    except PackageError as error:
        sys.exit(f"debian_package: {error}")
    sys.stdout.write(f"{made} {made.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
