"""A gate that no slow machine closes: what a thousand requests cost, counted.

A limit that is passed is a cost that every request pays from now on. Where it buys something, raise the limit in the
same commit, and say there what it buys.
"""

import pytest

from tests.bench.counted import REQUESTS, Core, Three, calls, kept_blocks

# Of a thousand requests that came in one turn, ten connections: calls of functions (C's too), blocks of memory kept.
IN_ONE_TURN = {
    "set": (26_000, 1_100),
    "create": (30_000, 5_100),
    "delete": (22_000, 0),
    "get": (11_500, 50),
    "get with a watch": (28_000, 3_200),
    "exists": (23_000, 50),
    "children": (42_000, 50),
    "sync": (24_000, 50),
    "ping": (5_500, 50),
}
EACH_IN_ITS_TURN = {"set": 187_000, "get": 99_000, "ping": 93_000}  # calls

# Of a thousand sets of a follower's client, in three members: messages and bytes on each link.
ONE_IN_FLIGHT = {
    "processor → its broadcast": (50, 1_000),
    "processor → leader": (1_050, 130_000),
    "leader → follower": (2_550, 195_000),
    "follower → leader": (1_080, 15_500),
    "broadcast → processor": (1_080, 37_000),
    "broadcast → snapshotter": (1_080, 37_000),
}
A_HUNDRED_IN_FLIGHT = {
    "processor → its broadcast": (5, 100),
    "processor → leader": (30, 55_000),
    "leader → follower": (70, 57_000),
    "follower → leader": (30, 500),
    "broadcast → processor": (30, 1_000),
    "broadcast → snapshotter": (30, 1_000),
}


@pytest.mark.parametrize("kind", IN_ONE_TURN)
def test_a_turn_of_a_thousand_requests_calls_no_more_and_keeps_no_more(kind: str) -> None:
    calls_max, kept_max = IN_ONE_TURN[kind]
    counted, kept = Core(), Core()
    frames = counted.frames(kind)

    assert calls(lambda: counted.turn(frames)) <= calls_max
    assert kept_blocks(lambda: kept.turn(frames)) <= kept_max


@pytest.mark.parametrize("kind", EACH_IN_ITS_TURN)
def test_a_thousand_turns_of_one_request_call_no_more(kind: str) -> None:
    core = Core()
    frames = core.frames(kind)

    assert calls(lambda: core.turns(frames)) <= EACH_IN_ITS_TURN[kind]


DISK_ONE_IN_FLIGHT = {"pwrite": 3_030, "fdatasync": 3_030, "pread": 3_030}
DISK_A_HUNDRED_IN_FLIGHT = {"pwrite": 80, "fdatasync": 80, "pread": 80}


@pytest.mark.parametrize(
    ("window", "limits", "disk_limits"),
    [(1, ONE_IN_FLIGHT, DISK_ONE_IN_FLIGHT), (100, A_HUNDRED_IN_FLIGHT, DISK_A_HUNDRED_IN_FLIGHT)])
def test_writes_cost_no_more_messages_and_bytes_on_any_link_and_no_more_of_the_disk(
    window: int, limits: dict[str, tuple[int, int]], disk_limits: dict[str, int],
) -> None:
    three = Three()
    messages, sizes, disk = three.count(requests=REQUESTS, window=window)

    assert {name for link in messages if (name := three.kind_of(link)) not in limits} == set()
    over = {
        link: (messages[link], sizes[link]) for link in messages
        if messages[link] > limits[three.kind_of(link)][0] or sizes[link] > limits[three.kind_of(link)][1]}
    assert over == {}
    assert {name: count for name, count in disk.items() if count > disk_limits.get(name, 0)} == {}
