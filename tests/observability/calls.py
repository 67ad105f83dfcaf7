"""The calls in our packages that write a line of the log: (event, level or "", where)."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("node", "transport", "observability")
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
# Methods and functions whose first text is an event's name, and whose level is the table's.
PASSED_ON = {"report", "alarm", "_alarm", "_warn", "log_limited", "log_event"}


class Call(NamedTuple):
    event: str
    level: str
    where: str


def log_calls() -> list[Call]:
    found = []
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            found += list(_calls_of(file))
    return found


def _calls_of(file: Path) -> Iterator[Call]:
    where = file.relative_to(ROOT)
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = _name(node.func)
        is_level = name in LEVELS and isinstance(node.func, ast.Attribute) and _is_log(node.func.value)
        if not is_level and name not in PASSED_ON:
            continue
        texts = next(filter(None, map(_texts, node.args)), [])
        yield from (Call(text, name if is_level else "", f"{where}:{node.lineno}") for text in texts)


def _texts(value: ast.expr) -> list[str]:
    """A constant, or either of two."""
    if isinstance(value, ast.IfExp):
        return _texts(value.body) + _texts(value.orelse)
    return [value.value] if isinstance(value, ast.Constant) and isinstance(value.value, str) else []


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_log(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):  # get_logger(…).error(…)
        return _name(value.func) == "get_logger"
    return _name(value).lstrip("_") == "log"
