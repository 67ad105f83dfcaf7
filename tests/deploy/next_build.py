"""The next version of Corral, made from this one: for tests of upgrades.

    python -m tests.deploy.next_build DIR            the source tree, in DIR/corral-<version>
    python -m tests.deploy.next_build DIR --wheel    and its wheel, in DIR; prints where

It has the next minor version, the next feature level, and from that on records of the next version. One behaviour
depends on the level: nodes whose path begins with NEW can be created below it as ever; from it on, that is
unimplemented (-6).
"""

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent.parent
NEW: Final = "/next-level"

_COPIED: Final = ("node", "transport", "observability", "dashboards", "pyproject.toml", "README.md")
_EXECUTED: Final = """                    if op == _SET_DATA:
"""
_BEHAVIOUR: Final = """                    if (  # made by tests/deploy/next_build.py: such paths go with the level
                        op in (int(OpCode.CREATE), int(OpCode.CREATE2)) and self.feature_level >= {level}
                        and record[at + 4:end].startswith({path!r})
                    ):
                        result = Err.UNIMPLEMENTED
                    elif op == _SET_DATA:
"""


def next_version() -> str:
    """The next minor one."""
    major, minor, *_ = _this_version().split(".")
    return f"{major}.{int(minor) + 1}.0"


def make_tree(directory: Path) -> Path:
    """The source tree, in *directory*. With it in PYTHONPATH, it is what `import node` finds."""
    version = next_version()
    tree = directory / f"corral-{version}"
    tree.mkdir(parents=True)
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, tree / name)
    _change(tree / "pyproject.toml", f'version = "{_this_version()}"', f'version = "{version}"')
    entry = tree / "transport/entry.py"
    level = _raise_number(entry, r"^FEATURE_LEVEL: Final = (\d+)")
    versions = _line(entry, r"^RECORD_VERSIONS: Final = \{.*\}$")
    known = versions.partition("=")[2].count(":")
    _change(entry, versions, f"{versions[:-1]}, {level}: {known + 1}}}")
    _change(tree / "node/tree/execute.py", _EXECUTED, _BEHAVIOUR.format(path=NEW.encode(), level=level))
    _write_metadata(tree, version)
    return tree


def build_wheel(tree: Path, directory: Path) -> Path:
    """Raises CalledProcessError."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(directory), str(tree)],
        check=True)
    (wheel,) = directory.glob(f"corral-{next_version()}-*.whl")
    return wheel


def _this_version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def _write_metadata(tree: Path, version: str) -> None:
    """What `importlib.metadata` reads where the tree is not installed, but in PYTHONPATH."""
    folder = tree / f"corral-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: corral\nVersion: {version}\n")


def _line(path: Path, pattern: str) -> str:
    (line,) = re.findall(pattern, path.read_text(), re.MULTILINE)
    assert isinstance(line, str)
    return line


def _raise_number(path: Path, pattern: str) -> int:
    """The number that the pattern finds, one higher; returns it."""
    number = int(_line(path, pattern))
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    assert found is not None
    _change(path, found[0], found[0].replace(str(number), str(number + 1)))
    return number + 1


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path}: {old!r} is there {text.count(old)} times"
    path.write_text(text.replace(old, new))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--wheel", action="store_true", help="build the wheel, too")
    arguments = parser.parse_args()
    made = make_tree(arguments.directory)
    if arguments.wheel:
        made = build_wheel(made, arguments.directory)
    sys.stdout.write(f"{made}\n")


if __name__ == "__main__":
    main()
