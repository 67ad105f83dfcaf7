"""Huge znodes: values, families, and sequence counters that end."""

from collections.abc import Iterable
from typing import Final, TypeVar

from node.cli.doctor.subject import Subject
from node.cli.shell.values import size_text
from node.cli.shell.walk import Found, walk
from node.cli.waterfall import harmless
from node.self_check.finding import Finding, Level

JUTE_MAX: Final = 0xFFFFF  # jute.maxbuffer, where nothing else is said: what clients take
VALUE_MAX: Final = JUTE_MAX // 2
COUNTER_MAX: Final = (1 << 31) - 1
COUNTER_WARNED: Final = 1 << 30
COUNTER_FAILED: Final = COUNTER_MAX - 10_000_000
NAMED_MAX: Final = 5  # of a kind
_LENGTH_BYTES: Final = 4  # before each name
_NAME: Final = "znodes"

Row = TypeVar("Row", tuple[int, str], tuple[int, int, str])


def check(subject: Subject) -> list[Finding]:
    assert subject.client is not None
    return judge(walk(subject.client, "/"))


def judge(znodes: Iterable[Found]) -> list[Finding]:
    values: list[tuple[int, str]] = []
    families: list[tuple[int, int, str]] = []
    counters: list[tuple[int, str]] = []
    for each in znodes:
        if each.is_hidden:
            continue
        if each.stat.data_length > VALUE_MAX:
            values.append((each.stat.data_length, each.path))
        size = sum(len(name.encode(errors="surrogateescape")) + _LENGTH_BYTES for name in each.children)
        if size > VALUE_MAX:
            families.append((size, len(each.children), each.path))
        creates = (each.stat.cversion + each.stat.num_children) // 2
        if creates >= COUNTER_WARNED:
            counters.append((creates, each.path))
    return [*map(_value, _worst(values)), *map(_family, _worst(families)), *map(_counter, _worst(counters))]


def _worst(rows: list[Row]) -> list[Row]:
    return sorted(rows, reverse=True)[:NAMED_MAX]


def _value(row: tuple[int, str]) -> Finding:
    size, path = row
    return Finding(
        _NAME, Level.WARNING, f"{harmless(path)} holds {size_text(size)}; clients take {size_text(JUTE_MAX)} at most",
        "keep large things elsewhere and their place here, or split it: each change travels to every member")


def _family(row: tuple[int, int, str]) -> Finding:
    size, count, path = row
    level = Level.FAILURE if size > JUTE_MAX else Level.WARNING
    what = "no client with the default jute.maxbuffer can list it" if size > JUTE_MAX else "near what clients can list"
    return Finding(_NAME, level, f"{harmless(path)} has {count:,} children, {size_text(size)} of names: {what}",
                   "spread them over several parents; delete what nobody needs (`corral sh rm -r`)")


def _counter(row: tuple[int, str]) -> Finding:
    creates, path = row
    level = Level.FAILURE if creates >= COUNTER_FAILED else Level.WARNING
    return Finding(
        _NAME, level,
        f"{harmless(path)} has had {creates:,} children; numbers of sequential ones end at {COUNTER_MAX:,}",
        "use a new parent: beyond the end numbers are negative, and sort wrong")
