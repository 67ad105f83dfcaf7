"""Values of znodes, which may hold anything: as JSON for scripts, in colour and layout for people."""

import base64
import gzip
import json
import re
import zlib
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text

from node.cli.waterfall import harmless

HIGHLIGHTED_MAX: Final = 256 << 10  # what is longer is shown without colours
DUMP_BYTES: Final = 16  # a line of a dump
UNPACKED_MAX: Final = 8 << 20
_GZIP: Final = b"\x1f\x8b"
_YAML_LINE: Final = re.compile(r"\s*(#.*|-( .*)?|(- )?[\w.\"'/ -]+:( .*)?|---)?")
_PROPERTY_LINE: Final = re.compile(r"\s*([#;!].*|\[.*\]|[\w.-]+\s*=.*)?")
_TEXT: Final = re.compile(r"[^\0-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]*")


def value_json(data: bytes | None) -> dict[str, Any]:
    """Keys data and encoding: text as it is, what is none in base64; None is ZooKeeper's null."""
    if data is None:
        return {"data": None, "encoding": None}
    text = text_of(data)
    if text is None:
        return {"data": base64.b64encode(data).decode(), "encoding": "base64"}
    return {"data": text, "encoding": "utf-8"}


def text_of(data: bytes) -> str | None:
    """None: it is not text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if _TEXT.fullmatch(text) else None


def kind_of(data: bytes | None) -> str:
    """null, empty, gzip, json, yaml, xml, ini, text or binary."""
    if not data:
        return "null" if data is None else "empty"
    if data.startswith(_GZIP):
        return "gzip"
    text = text_of(data)
    return "binary" if text is None else _kind_of_text(text)


def _kind_of_text(text: str) -> str:
    begin = text.lstrip()[:1]
    if begin in ("{", "[") and _parsed(text) is not None:
        return "json"
    if begin == "<" and text.rstrip().endswith(">"):
        return "xml"
    lines = text.splitlines()[:200]
    for kind, pattern, sign in (("yaml", _YAML_LINE, ":"), ("ini", _PROPERTY_LINE, "=")):
        if all(pattern.fullmatch(line) for line in lines) and any(sign in line for line in lines):
            return kind
    return "text"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def shown(data: bytes | None) -> RenderableType:
    """For a terminal: laid out and coloured by what it is."""
    kind = kind_of(data)
    if data is None:
        return Text("null", style="dim")
    if kind == "empty":
        return Text("(empty)", style="dim")
    if kind == "gzip":
        return _unpacked(data)
    text = text_of(data)
    if text is None:
        return dump(data)
    if kind == "json":
        text = json.dumps(_parsed(text), indent=2, ensure_ascii=False)
    text = "\n".join(harmless(line.replace("\t", "    ")) for line in text.splitlines())
    if kind == "text" or len(text) > HIGHLIGHTED_MAX:
        return Text(text)
    return Syntax(text, kind, theme="ansi_dark", background_color="default", word_wrap=True)


def _unpacked(data: bytes) -> RenderableType:
    """As Curator's compression stores values."""
    try:
        plain = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return dump(data)
    note = Text(f"gzip: {len(data):,} bytes, unpacked {len(plain):,}", style="dim")
    return Group(note, shown(plain) if len(plain) <= UNPACKED_MAX and plain[:2] != _GZIP else dump(plain[:4096]))


def dump(data: bytes) -> Text:
    """Offset, hexadecimal, characters; as `hexdump -C` does."""
    text = Text()
    for at in range(0, len(data), DUMP_BYTES):
        line = data[at:at + DUMP_BYTES]
        text.append(f"{at:08x}  ", style="dim")
        text.append(f"{line.hex(' '):<{3 * DUMP_BYTES}} ")
        text.append("".join(chr(each) if 32 <= each < 127 else "." for each in line) + "\n", style="cyan")
    text.rstrip()
    return text


def size_text(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
