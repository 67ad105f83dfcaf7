"""The one place that says which differences between two servers are allowed.

A trace becomes lines that must be equal on both servers. What is done, and why:

- root: every run has a root of its own; paths are told from there.
- zxids: ZooKeeper and Corral split them differently (32/32, 24/40), and Corral orders `sync` and
  attach through the log. A zxid becomes the number of this sequence's writes up to it, failed ones
  included. In a Stat it must be exactly that of a write, or it becomes a fraction.
- times: wall clocks differ. Every time belongs to the zxid beside it: one zxid has one time, later
  zxids no earlier times, near the present. A breach is a line of its own; the times are dropped.
- session ids become the order in which the sessions were opened; passwords are dropped.
- getChildren, getEphemerals, whoAmI: the order is unspecified; names are sorted.
- ACLs: the ids that scheme `auth` stands for come from a hash set; neighbours of equal permissions
  and scheme are sorted.
- events: the zxid of a notification is dropped (-1 up to 3.8, real since 3.9).
- closing a session deletes its ephemerals in an order of the server's choice: consecutive events of
  such a step are sorted.
- an unknown opcode: -6 everywhere, but ZooKeeper then closes, and its header has zxid -1 instead
  of the last one. The zxid is dropped; see also steps.Unknown.
- after the reply to a closeSession: ZooKeeper races its own close; dropped up to the close.
"""

import bisect
import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tests.differential.runner import Closed, Entry, Item, Silent, Trace
from tests.later_requests import CREATE_CONTAINER, CREATE_TTL, RECONFIG, WHO_AM_I
from tests.wire import (
    CLOSE_SESSION,
    CREATE,
    CREATE2,
    DELETE,
    MULTI,
    SET_ACL,
    SET_DATA,
    Acls,
    Children,
    Event,
    Handshake,
    Reply,
    Result,
    Stat,
)

WRITES = {
    CREATE, CREATE2, DELETE, SET_DATA, SET_ACL, MULTI, CLOSE_SESSION, CREATE_CONTAINER, CREATE_TTL, RECONFIG
}  # fmt: skip
OPCODES = {*range(1, 10), *range(11, 20), 21, 22, 100, 101, *range(103, 108), CLOSE_SESSION}
MARSHALLING_ERROR = -5  # what cannot be decoded need not reach the log
CLOCK_TOLERANCE_MS = 3_600_000


class Line(NamedTuple):
    """One comparable thing that one client received."""

    step: int
    slot: int
    what: tuple[Any, ...]


def normalise(trace: Trace) -> list[Line]:
    entries = list(without_race(trace.entries))
    rules = Rules(trace, entries)
    closing = {entry.step for entry in entries if is_session_close(entry.item)}
    lines: list[Line] = []
    for (step, slot), group in itertools.groupby(entries, key=place_of):
        whats: Iterable[tuple[Any, ...]] = [rules.item(entry.item) for entry in group]
        if step in closing:
            whats = with_sorted_events(whats)
        lines += [Line(step, slot, what) for what in whats]
    return lines + [Line(-1, -1, breach) for breach in clock_breaches(entries)]


def place_of(entry: Entry) -> tuple[int, int]:
    return entry.step, entry.slot


def without_race(entries: list[Entry]) -> Iterator[Entry]:
    """The entries by step and client, without what may or may not follow a closeSession."""
    for _, group in itertools.groupby(sorted(entries, key=place_of), key=place_of):
        is_closing = False
        for entry in group:
            if isinstance(entry.item, Closed | Handshake):
                is_closing = False
            if not is_closing:
                yield entry
            is_closing = is_closing or is_session_close(entry.item)


def is_session_close(item: Item) -> bool:
    return isinstance(item, Reply) and item.opcode == CLOSE_SESSION


def with_sorted_events(whats: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    for kind, group in itertools.groupby(whats, key=lambda what: what[0]):
        run = list(group)
        yield from sorted(run) if kind == "event" else run


class Rules:
    """How the values of one trace are told."""

    def __init__(self, trace: Trace, entries: list[Entry]) -> None:
        self.root = trace.root
        self.sessions = trace.sessions
        self.writes = sorted({reply.zxid for reply in replies(entries) if took_a_zxid(reply)})

    def item(self, item: Item) -> tuple[Any, ...]:
        match item:
            case Reply():
                place = self.place(item.zxid) if item.opcode in OPCODES else -1
                body = sorted(item.body) if item.opcode == WHO_AM_I else item.body
                return ("reply", item.xid, item.opcode, item.err, place, *map(self.value, body))
            case Event():
                return ("event", item.type, item.state, self.value(item.path))
            case Handshake():
                owner = self.owner(item.session_id)
                length = len(item.password)
                return ("handshake", item.timeout_ms, owner, length, item.read_only)
            case Closed():
                return ("closed",)
            case Silent():
                return ("silence",)

    def place(self, zxid: int) -> int:
        return bisect.bisect_right(self.writes, zxid) if zxid > 0 else zxid

    def exact_place(self, zxid: int) -> float:
        place = self.place(zxid)
        return place if place and self.writes[place - 1] == zxid else place + 0.5

    def owner(self, session_id: int) -> int:
        """0 for none, from 1 on for the sequence's own sessions, -1 for any other."""
        return self.sessions.get(session_id, -2) + 1 if session_id else 0

    def value(self, value: Any) -> Any:
        match value:
            case str():
                return value.removeprefix(self.root)
            case Children():
                return ("children", *sorted(name.removeprefix(self.root) for name in value))
            case Acls():
                runs = itertools.groupby(value, key=lambda acl: (acl.perms, acl.scheme))
                return ("acl", *(acl for _, run in runs for acl in sorted(run)))
            case Stat():
                return self.stat(value)
            case Result():
                return ("result", value.opcode, value.err, *map(self.value, value.body))
            case _:
                return value

    def stat(self, stat: Stat) -> tuple[Any, ...]:
        told = stat._asdict()
        del told["ctime"], told["mtime"]
        for name in ("czxid", "mzxid", "pzxid"):
            told[name] = self.exact_place(told[name])
        told["ephemeral_owner"] = self.owner(stat.ephemeral_owner)
        return ("stat", *told.items())


def replies(entries: list[Entry]) -> Iterator[Reply]:
    return (entry.item for entry in entries if isinstance(entry.item, Reply))


def took_a_zxid(reply: Reply) -> bool:
    return reply.opcode in WRITES and reply.zxid > 0 and reply.err != MARSHALLING_ERROR


def clock_breaches(entries: list[Entry]) -> Iterator[tuple[Any, ...]]:
    """What the rule of times above forbids."""
    time_of: dict[int, int] = {}
    for stat in stats(entries):
        for zxid, time_ms in ((stat.czxid, stat.ctime), (stat.mzxid, stat.mtime)):
            if time_of.setdefault(zxid, time_ms) != time_ms:
                yield ("two times of one zxid", zxid, time_ms, time_of[zxid])
    in_order = [time_of[zxid] for zxid in sorted(time_of)]
    if in_order != sorted(in_order):
        yield ("times against the order of zxids", *sorted(time_of.items()))
    now_ms = time.time() * 1000
    if any(abs(time_ms - now_ms) > CLOCK_TOLERANCE_MS for time_ms in in_order):
        yield ("times far from now", *in_order)


def stats(entries: list[Entry]) -> Iterator[Stat]:
    for reply in replies(entries):
        for value in reply.body:
            inner = value.body if isinstance(value, Result) else (value,)
            yield from (stat for stat in inner if isinstance(stat, Stat))
