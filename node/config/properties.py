"""The text of zoo.cfg, in the format of java.util.Properties, which is how ZooKeeper reads it.

Comments start with # or !; the separator is the first unescaped =, : or blank; a line that ends in
an odd number of backslashes continues.  So `server.1:host:2888:3888` is a legal line, and is in
ZooKeeper's own documentation of observers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LINE_END = re.compile(r"\r\n|\r|\n")
_ENTRY = re.compile(r"((?:\\.|[^\\=:\s])*)[ \t\f]*(?:[=:][ \t\f]*)?(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One key and its value, both stripped as ZooKeeper does.  line: where it starts, from 1."""

    file: Path
    line: int
    key: str
    value: str


def parse_properties(text: str, file: Path) -> list[Entry]:
    """All entries in the file's order; a key given twice is there twice."""
    entries = []
    for line, logical in _logical_lines(text):
        match = _ENTRY.fullmatch(logical)
        assert match is not None  # the pattern's last part takes whatever is left
        key, value = match.groups()
        entries.append(Entry(file, line, _unescape(key).strip(), _unescape(value).strip()))
    return entries


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    start, joined = 0, ""  # start: 0 while no line is being continued
    for number, raw in enumerate(_LINE_END.split(text), start=1):
        line = raw.lstrip(" \t\f")
        if not start:
            if not line or line[0] in "#!":
                continue
            start = number
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            joined += line[:-1]
            continue
        yield start, joined + line
        start, joined = 0, ""
    if start:
        yield start, joined


def _unescape(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    escape = match.group(1)
    if len(escape) == 5:
        return chr(int(escape[1:], 16))
    return _CONTROL.get(escape, escape)
