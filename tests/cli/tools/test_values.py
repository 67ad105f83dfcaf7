"""What a value is taken for, and how it is shown."""

import gzip
import io
import random

import pytest
from rich.console import Console

from node.cli.shell.paths import resolve
from node.cli.shell.values import kind_of, shown, size_text, value_json


def text_of(data: bytes | None) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    console.print(shown(data))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.mark.parametrize(("data", "kind"), [
    (None, "null"), (b"", "empty"), (b'{"a": [1]}', "json"), (b"[1, 2]", "json"), (b"{not json", "text"),
    (b"name: x\nlist:\n  - 1\n  - b: 2\n", "yaml"), (b"a=1\nb.c = 2\n", "ini"), (b"[part]\nkey=1", "ini"),
    (b"<a><b/></a>", "xml"), (b"10.0.0.7", "text"), ("grüße".encode(), "text"), (b"\xff\xfe\0", "binary"),
    (b"\0\0\0\5", "binary"), (gzip.compress(b"x"), "gzip"), (b"no: yes, or\nis it", "text"),
])
def test_a_value_is_known_by_its_looks(data: bytes | None, kind: str) -> None:
    assert kind_of(data) == kind


def test_json_is_laid_out_and_coloured() -> None:
    text = text_of(b'{"a":{"b":1}}')

    assert text.count("\n") >= 5
    assert "\x1b[" in text


def test_what_is_packed_is_shown_unpacked() -> None:
    assert "hello" in text_of(gzip.compress(b"hello"))
    assert "1f 8b" in text_of(b"\x1f\x8bbroken")


def test_bytes_are_dumped_with_offset_and_characters() -> None:
    assert "00000010" in text_of(bytes(range(17)))
    assert "AB." in text_of(b"\xff\0AB\0")


def test_nothing_that_a_terminal_obeys_gets_through() -> None:
    plain = Console(file=io.StringIO(), width=100)
    plain.print(shown("a\u202eb\x1b]0;title\x07c".encode()))
    plain.print(shown('{"a\u202e": "b\\u001b[2J"}'.encode()))
    file = plain.file
    assert isinstance(file, io.StringIO)

    assert not set(file.getvalue()) & {"\u202e", "\x1b", "\x07"}


def test_any_bytes_can_be_shown_and_told() -> None:
    chance = random.Random(7)
    for _ in range(300):
        data = chance.randbytes(chance.randrange(40)) if chance.random() < 0.7 else b"\x1f\x8b" + chance.randbytes(9)
        text_of(data)
        assert value_json(data)["encoding"] in ("utf-8", "base64")


@pytest.mark.parametrize(("path", "found"), [
    ("b", "/a/b"), ("../c", "/c"), ("/x//y/./z/", "/x/y/z"), ("../../..", "/"), (".", "/a"), ("/", "/")])
def test_paths_are_said_from_where_one_is(path: str, found: str) -> None:
    assert resolve(path, cwd="/a") == found


def test_sizes_have_units() -> None:
    assert [size_text(each) for each in (5, 2048, 3 << 20, 5 << 30)] == ["5 B", "2.0 KiB", "3.0 MiB", "5.0 GiB"]
