#!/usr/bin/env python3
"""Writes dist/corral-VERSION.cdx.json: all that a wheelhouse brings to a host, with licences, as CycloneDX has it.

    python ansible/wheelhouse.py && python ansible/sbom.py
    python ansible/sbom.py --wheelhouse dist/wheelhouse-0.1.0.tar.gz --output /tmp

The release is installed into a folder of its own, and asked: so it is what runs, not what was asked for. The hashes of
the wheels stand in requirements.txt of the wheelhouse. The same wheelhouse gives the same file.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import wheelhouse  # lies beside this file

HERE = Path(__file__).resolve().parent


def write(packed: Path, output: Path) -> Path:
    """Ends the program where the wheelhouse cannot be installed; the installer's words name the cure."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        house = wheelhouse.unpack(packed, folder / "unpacked")
        version = (house / "VERSION").read_text().strip()
        made = output / f"corral-{version}.cdx.json"
        _run(str(house / "release.py"), "install", "--root", str(folder / "root"))
        _run("-m", "cyclonedx_py", "environment", "--output-reproducible", "--output-file", str(made),
             "--pyproject", str(HERE.parent / "pyproject.toml"),
             str(folder / "root/releases" / version / "bin/python"))
        return made


def _run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"sbom: {' '.join(arguments[:3])} … ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def main() -> None:
    house, output = wheelhouse.of_command_line(__doc__ or "")
    sys.stdout.write(f"{write(house, output)}\n")


if __name__ == "__main__":
    main()
