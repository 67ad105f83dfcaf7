"""How an ensemble is, in words; and the last minutes out of samples."""

from typing import Any

import pytest

from observability.admin.history import History, quantile
from observability.admin.status import Health, StatusBoard
from observability.histogram import Histogram
from observability.samples import Figures
from transport.messages import Sample
from transport.zxid import make_zxid

MS = 1_000_000


def health(**fields: Any) -> Health:
    whole = {
        "role": "follower", "leader": 1, "epoch": 7, "zxid": make_zxid(epoch=7, counter=5), "lag": 0, "connections": 2,
        "sessions": 3, "down": [], "differs": False, "slack": None, "write_p99_s": None, "version": "1", **fields}
    return Health(**whole)


class Board:
    """A leader of three, whose clock and figures a test turns."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.figures: dict[str, Figures] = {
            "broadcast": {
                "up": 1, "is_serving": 1, "is_leader": 1, "leader": 1, "epoch": 7, "committed_epoch": 7,
                "committed_counter": 9, "quorum_slack": 1, "follower_lag_s": {"2": 0.0, "3": 0.0}},
            "processor-0": {"up": 1, "connections": 4, "sessions": 5},
            "election": {"up": 1}}
        self.board = StatusBoard(
            me=1, members=[3, 1, 2], ensemble="abc", version="1", figures=lambda: self.figures, history=History(),
            clock_s=lambda: self.now_s)

    def tell(self, *members: int, **fields: Any) -> None:
        for member in members:
            self.board.peers.take(member, health(**fields), self.now_s)

    def status(self) -> tuple[str, list[str]]:
        status = self.board.status()
        return status["level"], status["sentences"]

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def board() -> Board:
    """Looked at, and told of by all, a moment ago."""
    board = Board()
    board.status()
    board.tell(2, 3)
    return board


def test_all_is_well(board: Board) -> None:
    assert board.status() == ("ok", ["All 3 members serve. 1 more may fail."])


def test_a_member_is_missed_only_after_it_was_asked_for_a_while() -> None:
    board = Board()

    assert board.status() == ("ok", ["This member serves. 1 more may fail."])
    for _ in range(4):
        board.pass_s(1)
        board.tell(2)
        assert board.status()[0] == "ok"
    for _ in range(2):
        board.pass_s(1)
        board.tell(2)
        board.status()

    assert board.status() == ("degraded", ["Member 3 is not heard of."])


def test_what_was_told_before_anybody_looked_again_is_not_held_against_a_member(board: Board) -> None:
    board.pass_s(3600)

    assert board.status()[0] == "ok"


def test_a_quorum_without_slack_is_said_first(board: Board) -> None:
    board.figures["broadcast"] |= {"quorum_slack": 0, "follower_lag_s": {"2": 0.0}}

    assert board.status() == ("degraded", [
        "One more failure, and no write goes through: the quorum has no slack.",
        "Member 3 does not follow this leader."])


@pytest.mark.parametrize(("fields", "sentence"), [
    ({"role": "looking"}, "Member 2 serves nobody: it is looking for a leader."),
    ({"down": ["processor-0"]}, "Member 2: processor-0 is down."),
    ({"down": ["election", "snapshotter"]}, "Member 2: election, snapshotter are down."),
    ({"differs": True}, "Member 2: a replica differs from the majority's, and is built anew."),
    ({"lag": 12_345}, "Member 2 is 12,345 writes behind."),
])
def test_what_a_member_tells_of_itself_is_said(board: Board, fields: dict[str, Any], sentence: str) -> None:
    board.tell(2, **fields)

    assert board.status() == ("degraded", [sentence])


def test_a_member_that_looks_for_a_leader_serves_nobody(board: Board) -> None:
    board.figures["broadcast"] = {"up": 1, "is_serving": 0, "is_leader": 0}

    level, sentences = board.status()

    assert level == "down"
    assert sentences[0] == "Member 1 serves nobody: it is looking for a leader."


def test_a_dead_process_of_its_own_is_told_to_the_others(board: Board) -> None:
    board.figures["processor-0"] = {"up": 0}

    assert board.board.health().down == ["processor-0"]
    assert board.status() == ("degraded", ["Member 1: processor-0 is down."])


# History ------------------------------------------------------------------------------------------


class Second:
    """Samples of one second after the other, with what was added in it."""

    def __init__(self) -> None:
        self.history = History()
        self.now_s = 100.0
        self.writes = 0
        self.latency = Histogram()
        self.pid = 1

    def pass_one(self, *, writes: int = 0, ms: float = 1.0) -> None:
        self.now_s += 1.0
        self.writes += writes
        if writes:
            self.latency.observe(round(ms * MS), writes)
        values = {
            "writes": self.writes, "reads": 0,
            "request_write": {**self.latency.figure(), "buckets": list(self.latency.counts)}}
        self.history.take(Sample("processor-0", self.pid, values, 0), self.now_s)
        self.history.take(Sample("broadcast", 1, {}, 0), self.now_s)


def test_a_point_is_what_happened_in_its_second() -> None:
    second = Second()
    second.pass_one(writes=50)  # before anybody counted
    second.pass_one(writes=10, ms=3.0)
    second.pass_one()
    second.pass_one(writes=20, ms=100.0)

    series = second.history.series()

    assert series["writes"] == [10.0, 0.0, 20.0]
    assert series["write_p99_s"][1] is None
    assert [series["write_p99_s"][0], series["write_p99_s"][2]] == [
        pytest.approx(0.003, rel=0.5), pytest.approx(0.1, rel=0.5)]


def test_now_covers_the_last_seconds() -> None:
    second = Second()
    for _ in range(31):
        second.pass_one(writes=5, ms=200.0)
    for _ in range(10):
        second.pass_one(writes=40, ms=2.0)

    now = second.history.now()

    assert now["writes"] == pytest.approx(40.0)
    assert now["write"]["p99_s"] == pytest.approx(0.002, rel=0.5)
    assert now["read"] == {"p50_s": None, "p99_s": None}


def test_a_process_that_was_restarted_counts_from_nothing() -> None:
    second = Second()
    second.pass_one(writes=1000)
    second.pass_one(writes=10)
    second.pid, second.writes, second.latency = 2, 0, Histogram()
    second.pass_one(writes=7)

    assert second.history.series()["writes"] == [10.0, 7.0]


def test_a_quantile_is_within_its_bucket() -> None:
    histogram = Histogram()
    for value in range(1, 1001):
        histogram.observe(value * 10_000)
    figure = histogram.figure()

    found = [quantile(figure["first"], figure["buckets"], part) for part in (0.5, 0.99)]

    assert found == [pytest.approx(0.005, rel=0.05), pytest.approx(0.0099, rel=0.3)]
    assert quantile(figure["first"], [0, 0, 0], 0.5) is None
