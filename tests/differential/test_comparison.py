"""Who watches the watchman: no difference where there is none, and one where there is."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from tests.differential.comparison import compare, difference
from tests.differential.normalise import normalise
from tests.differential.runner import Closed, Item, Trace, roots, run
from tests.differential.steps import Sequence
from tests.differential.strategies import sequences
from tests.wire import (
    CLOSE_SESSION,
    EXISTS,
    GET_ACL,
    GET_CHILDREN2,
    GET_DATA,
    MULTI,
    SET_DATA,
    Acls,
    Children,
    Event,
    Handshake,
    Reply,
    Stat,
)
from tests.wire_connection import Address

FOUND_WITHIN = 1_500


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=sequences())
def test_genuine_zookeeper_differs_nowhere_from_itself(genuine: list[Address], sequence: Sequence) -> None:
    assert compare(sequence, genuine, genuine) == ""


Lie = Callable[[Item], Item | None]


def in_reply(opcode: int, lie: Callable[[Reply], Reply]) -> Lie:
    """A lie about every successful reply to this opcode."""

    def tell(item: Item) -> Item | None:
        is_it = isinstance(item, Reply) and item.opcode == opcode and item.err == 0
        return lie(item) if isinstance(item, Reply) and is_it else item

    return tell


def in_stat(**changes: Callable[[Stat], int]) -> Lie:
    """A lie about the Stat of every getData."""

    def lie(reply: Reply) -> Reply:
        data, stat = reply.body
        told = stat._replace(**{name: change(stat) for name, change in changes.items()})
        return reply._replace(body=(data, told))

    return in_reply(GET_DATA, lie)


def wrong_error(right: int, wrong: int) -> Lie:
    def tell(item: Item) -> Item | None:
        is_it = isinstance(item, Reply) and item.err == right
        return item._replace(err=wrong) if isinstance(item, Reply) and is_it else item

    return tell


def no_event_of_type(event_type: int) -> Lie:
    return lambda item: None if isinstance(item, Event) and item.type == event_type else item


def hidden_child(reply: Reply) -> Reply:
    children, stat = reply.body
    return reply._replace(body=(Children(children[1:]), stat))


def acl_backwards(reply: Reply) -> Reply:
    acl, stat = reply.body
    return reply._replace(body=(Acls(reversed(acl)), stat))


def any_session_is_taken(item: Item) -> Item | None:
    is_refusal = isinstance(item, Handshake) and item.timeout_ms == 0
    return item._replace(timeout_ms=10_000) if isinstance(item, Handshake) and is_refusal else item


LIES: dict[str, Lie] = {
    "wrong version": in_stat(version=lambda stat: stat.version + 1),
    "cversion counts creates only": in_stat(cversion=lambda s: (s.cversion + s.num_children) // 2),
    "pzxid never moves": in_stat(pzxid=lambda stat: stat.czxid),
    "mzxid never moves": in_stat(mzxid=lambda stat: stat.czxid),
    "one read tells another mtime": in_stat(mtime=lambda stat: stat.mtime - 1),
    "times in seconds": in_stat(ctime=lambda stat: stat.ctime // 1000, mtime=lambda stat: stat.mtime // 1000),
    "ephemerals have no owner": in_stat(ephemeral_owner=lambda _: 0),
    "null data told as empty": in_reply(
        GET_DATA, lambda reply: reply._replace(body=(reply.body[0] or b"", reply.body[1]))
    ),
    "a child hidden": in_reply(GET_CHILDREN2, hidden_child),
    "ACL backwards": in_reply(GET_ACL, acl_backwards),
    "stale zxid in the header of a read": in_reply(EXISTS, lambda reply: reply._replace(zxid=1)),
    "the zxid of a write is the one after": in_reply(SET_DATA, lambda reply: reply._replace(zxid=reply.zxid + 1)),
    "multi without its results": in_reply(MULTI, lambda reply: reply._replace(body=())),
    "not empty told as no node": wrong_error(-111, -101),
    "no permission told as no node": wrong_error(-102, -101),
    "bad arguments told as marshalling error": wrong_error(-8, -5),
    "no NodeCreated": no_event_of_type(1),
    "no NodeDeleted": no_event_of_type(2),
    "no NodeDataChanged": no_event_of_type(3),
    "no NodeChildrenChanged": no_event_of_type(4),
    "no end of the connection": lambda item: None if isinstance(item, Closed) else item,
    "a wrong password is taken": any_session_is_taken,
    "a closed session is not answered": in_reply(CLOSE_SESSION, lambda r: r._replace(err=-112)),
}


def told(trace: Trace, lie: Lie) -> Trace:
    entries = [(entry, lie(entry.item)) for entry in trace.entries]
    return replace(trace, entries=[replace(e, item=item) for e, item in entries if item])


def events_late(trace: Trace) -> Trace:
    """Each event that came before a reply comes after it."""
    entries = list(trace.entries)
    for i in range(len(entries) - 1):
        if isinstance(entries[i].item, Event) and isinstance(entries[i + 1].item, Reply):
            entries[i : i + 2] = entries[i + 1], entries[i]
    return replace(trace, entries=entries)


def assert_found(genuine: list[Address], liar: Callable[[Trace], Trace]) -> None:
    def is_found(sequence: Sequence) -> bool:
        trace = run(sequence, genuine, next(roots))
        return difference(sequence, normalise(trace), normalise(liar(trace))) != ""

    find(
        sequences(),
        is_found,
        settings=settings(max_examples=FOUND_WITHIN, phases=[Phase.generate], database=None),
        random=random.Random(2),
    )


@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_lies_is_found(genuine: list[Address], lie: str) -> None:
    assert_found(genuine, lambda trace: told(trace, LIES[lie]))


def test_events_behind_the_replies_that_they_belong_before_are_found(
    genuine: list[Address],
) -> None:
    assert_found(genuine, events_late)
