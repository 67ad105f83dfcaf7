"""What a wheel compiles must fit what it leaves as Python: mypyc finds out only when the module is run."""

import ast
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HOOK = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for package in ("node", "transport", "observability") for path in (ROOT / package).rglob("*.py")}


def is_compiled(path: Path) -> bool:
    name = f"/{path.relative_to(ROOT)}"
    is_left_out = any(each in (name, path.name) for each in HOOK["exclude"])
    return not is_left_out and any(fnmatch(name, pattern) for pattern in HOOK["include"])


def compiled_names(tree: ast.Module) -> set[str]:
    """What it imports from compiled modules."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module in MODULES
        for alias in node.names if is_compiled(MODULES[node.module])}


def mixed_classes() -> Iterator[str]:
    for path in MODULES.values():
        if is_compiled(path):
            continue
        tree = ast.parse(path.read_text())
        names = compiled_names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield from (f"{path.relative_to(ROOT)}: {node.name}({base.id})"
                            for base in node.bases if isinstance(base, ast.Name) and base.id in names)


def test_no_class_that_stays_python_inherits_from_a_compiled_one() -> None:
    assert is_compiled(MODULES["node.tree.execute"])
    assert list(mixed_classes()) == []
