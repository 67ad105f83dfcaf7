"""PathUtils.validatePath (A1.8, rule 11)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.tree.paths import is_valid


@pytest.mark.parametrize("path", [
    "/", "/a", "/a/b", "/a b", "/...", "/..a", "/a..", "/.a/b.", "/\u00e9",
    "/\u4e2d/x", "/\uffef", "/\ud7ff", "/\uf900", "/\u00a0",
])
def test_valid(path: str) -> None:
    assert is_valid(path.encode())


@pytest.mark.parametrize("path", [
    "", "a", "a/b", "/a/", "//", "//a", "/a//b", "/.", "/..", "/a/.", "/a/..", "/./a", "/../a", "/a/./b", "/a\0b",
    "/\x01", "/\x1f",
    "/\x7f", "/\x80", "/\x9f", "/\ue000", "/\uf8ff", "/\ufff0", "/\uffff", "/\U00010000", "/\U0001f600", "/a\n",
])
def test_refused(path: str) -> None:
    assert not is_valid(path.encode())


@pytest.mark.parametrize("path", [b"/\xff", b"/\xc0\x80", b"/\xed\xa0\x80", b"/a\xe4\xb8"])
def test_malformed_utf8_is_refused_as_javas_replacement_character_is(path: bytes) -> None:
    assert not is_valid(path)


def naive(path: str) -> bool:
    """ZooKeeper's loop over UTF-16 code units, to the letter."""
    if not path.startswith("/"):
        return False
    if path == "/":
        return True
    if path.endswith("/"):
        return False
    raw = path.encode("utf-16-be", "surrogatepass")
    units = [int.from_bytes(raw[i:i + 2], "big") for i in range(0, len(raw), 2)]
    dot, slash = ord("."), ord("/")
    last = slash
    for i in range(1, len(units)):
        unit = units[i]
        at_end = i + 1 == len(units) or units[i + 1] == slash
        if unit == 0 or (unit == slash and last == slash):
            return False
        if unit == dot and last == dot:
            if units[i - 2] == slash and at_end:
                return False
        elif unit == dot:
            if units[i - 1] == slash and at_end:
                return False
        elif (0 < unit <= 0x1F or 0x7F <= unit <= 0x9F or 0xD800 <= unit <= 0xF8FF or 0xFFF0 <= unit <= 0xFFFF):
            return False
        last = unit
    return True


@given(st.text(st.sampled_from("/.a-\0\x1f\x7f\u00e9\ue000\ufff0\U00010000"), max_size=12).map(lambda rest: "/" + rest))
def test_same_as_the_naive_loop(path: str) -> None:
    assert is_valid(path.encode()) == naive(path)


@given(st.characters(exclude_categories=["Cs"]))
def test_same_as_the_naive_loop_for_every_character(character: str) -> None:
    assert is_valid(f"/a{character}b".encode()) == naive(f"/a{character}b")
