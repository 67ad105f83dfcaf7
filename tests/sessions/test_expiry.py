"""Whose time is over (A1.8 rule 24; design: sessions)."""

import pytest

from node.sessions.expiry import TOUCH, Due, Expiry
from node.sessions.table import Session, SessionTable
from transport.batch import source_of
from transport.messages import Touches

TICK_MS = 2_000
TIMEOUT_MS = 6_000
HERE = source_of(member=1, processor=0, generation=7)
ELSEWHERE = source_of(member=2, processor=0, generation=8)


class Holder:
    """Processor 0: a table, its follower, and a clock that goes in ticks."""

    def __init__(self, count: int = 1, timeout_ms: int = TIMEOUT_MS) -> None:
        self.timeout_ms = timeout_ms
        self.table = SessionTable()
        for number in range(1, count + 1):
            self.add(number)
        self.now_ms = 1_000
        self.expiry = Expiry(self.table, tick_ms=TICK_MS, now_ms=self.now_ms)

    def add(self, number: int) -> None:
        self.table.add(Session(session_id=number, timeout_ms=self.timeout_ms, source=HERE, connection=number))

    def tick(self, *touched: int, idle_ms: int = 0, member: int = 1, generation: int = 7) -> list[int]:
        """One tick later, after a touch report of *touched*: the sessions that are due."""
        self.now_ms += TICK_MS
        self.touch(*touched, idle_ms=idle_ms, member=member, generation=generation)
        return [due.session_id for due in self.expiry.due(self.now_ms)]

    def touch(self, *touched: int, idle_ms: int = 0, member: int = 1, generation: int = 7) -> None:
        entries = b"".join(TOUCH.pack(number, idle_ms) for number in touched)
        self.expiry.touched(Touches(member, 0, generation, False, entries), self.now_ms)


def test_a_silent_session_expires_between_its_timeout_and_a_tick_later() -> None:
    holder = Holder()
    due: list[int] = []
    while not due:
        due = holder.tick()
    assert TIMEOUT_MS <= holder.now_ms - 1_000 <= TIMEOUT_MS + TICK_MS


def test_the_token_that_was_seen_is_named() -> None:
    holder = Holder()
    holder.tick()
    holder.tick()
    assert holder.expiry.due(9_000) == [Due(1, HERE, 1)]


def test_a_touched_session_lives_on() -> None:
    holder = Holder()
    assert not any(holder.tick(1) for _ in range(20))


def test_an_idle_age_counts_from_when_it_was_heard() -> None:
    holder = Holder()
    holder.tick()
    holder.tick()
    assert holder.tick(1, idle_ms=5_000) == []
    assert [holder.tick() for _ in range(2)] == [[], [1]]


def test_an_older_age_takes_nothing_away() -> None:
    holder = Holder()
    for _ in range(5):
        holder.tick(1)
        holder.touch(1, idle_ms=60_000)
    assert holder.tick(1) == []


def test_touches_by_another_than_the_present_holder_do_not_count() -> None:
    holder = Holder()
    ticks = [holder.tick(1, member=2, generation=8) for _ in range(4)]
    assert ticks[-1] == [1]


def test_a_session_that_moves_has_its_full_timeout_and_another_token() -> None:
    holder = Holder()
    holder.tick()
    holder.tick()
    holder.table.attach(holder.table[1], timeout_ms=TIMEOUT_MS, source=ELSEWHERE, connection=9)
    assert [holder.tick() for _ in range(4)] == [[], [], [], []]
    holder.now_ms += TICK_MS
    assert holder.expiry.due(holder.now_ms) == [Due(1, ELSEWHERE, 9)]


def test_a_session_that_came_later_has_its_full_timeout_and_one_that_left_is_forgotten() -> None:
    holder = Holder()
    holder.add(2)
    holder.table.remove(holder.table[1])
    assert [holder.tick() for _ in range(5)] == [[], [], [], [], [2]]


def test_what_is_still_there_is_named_again_after_another_timeout() -> None:
    holder = Holder()
    named = [bool(holder.tick()) for _ in range(9)]
    assert named.count(True) == 2


def test_a_new_holder_grants_full_timeouts() -> None:
    holder = Holder()
    for _ in range(2):
        holder.tick()
    holder.expiry = Expiry(holder.table, tick_ms=TICK_MS, now_ms=holder.now_ms)
    assert [holder.tick() for _ in range(2)] == [[], []]


def test_after_a_pause_of_its_own_it_grants_full_timeouts() -> None:
    holder = Holder()
    holder.tick()
    holder.now_ms += 60_000
    assert [holder.tick() for _ in range(3)] == [[], [], []]
    assert [holder.tick() for _ in range(2)] == [[], [1]]


def test_a_mass_silence_is_extended_once() -> None:
    holder = Holder(30)
    talking = range(1, 16)
    ticks = [holder.tick(*talking) for _ in range(9)]

    named = [tick for tick in ticks if tick]
    assert named == [list(range(16, 31))]
    assert ticks.index(named[0]) * TICK_MS >= 2 * TIMEOUT_MS - TICK_MS


def test_a_mass_silence_of_sessions_whose_pings_were_spread_over_many_ticks_is_one() -> None:
    holder = Holder(30, timeout_ms=30 * TICK_MS)
    parts = [range(first, 31, 10) for first in range(1, 11)]  # each pings every tenth tick
    for tick in range(20):
        holder.tick(*parts[tick % 10])

    ticks = [holder.tick() for _ in range(65)]

    assert [name for names in ticks[:50] for name in names] == []
    assert sorted(name for names in ticks[50:] for name in names) == list(range(1, 31))


def test_who_was_heard_of_after_an_extension_may_be_extended_again() -> None:
    holder = Holder(30)
    for _ in range(4):
        holder.tick()
    holder.tick(*range(1, 31))
    assert [holder.tick() for _ in range(4)] == [[], [], [], []]


@pytest.mark.parametrize("silent", [1, 10])
def test_a_few_silent_sessions_are_no_mass_silence(silent: int) -> None:
    holder = Holder(12)
    talking = range(silent + 1, 13)
    ticks = [holder.tick(*talking) for _ in range(4)]
    assert ticks[-1] == list(range(1, silent + 1))


def test_once_stopped_the_table_keeps_no_list_of_changes() -> None:
    holder = Holder()
    holder.expiry.stop()
    holder.add(2)
    assert holder.table.changed is None
