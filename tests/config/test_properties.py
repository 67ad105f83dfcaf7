"""Java's Properties format, with line numbers."""

from pathlib import Path

from node.config.properties import Entry, parse_properties

FILE = Path("zoo.cfg")


def pairs(text: str) -> list[tuple[int, str, str]]:
    return [(entry.line, entry.key, entry.value) for entry in parse_properties(text, FILE)]


def test_comments_and_blank_lines_are_no_entries() -> None:
    assert parse_properties("# a=1\n\n  ! b=2\n a=3\n", FILE) == [Entry(FILE, 4, "a", "3")]


def test_the_separator_is_an_equals_sign_a_colon_or_a_blank() -> None:
    text = "a=1\nb : 2\nc 3\nserver.1:host:2888:3888:observer\nd = x=y\n"

    assert pairs(text) == [
        (1, "a", "1"),
        (2, "b", "2"),
        (3, "c", "3"),
        (4, "server.1", "host:2888:3888:observer"),
        (5, "d", "x=y"),
    ]


def test_a_line_continues_after_an_odd_number_of_backslashes() -> None:
    assert pairs("a=1,\\\n   2\nb=3\\\\\nc=4") == [(1, "a", "1,2"), (3, "b", "3\\"), (4, "c", "4")]


def test_escapes_are_javas() -> None:
    assert pairs("a\\=b=\\u0041\\tx") == [(1, "a=b", "A\tx")]


def test_line_ends_of_other_systems_count_as_lines() -> None:
    assert pairs("a=1\r\nb=2\rc=3") == [(1, "a", "1"), (2, "b", "2"), (3, "c", "3")]
