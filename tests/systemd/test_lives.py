"""How often a process was started again, as it counts itself."""

import os
from pathlib import Path

import pytest

from node.lives import OwnLife, living, read_lives
from node.roles import RESTART_DELAY_MAX_S, Role
from node.storage.errors import RefusedError

ROLE = Role("back", "", start_order=0, restart_delay_s=0.2)


def lives(run_dir: Path, *, deaths_ms: list[int]) -> OwnLife:
    """Each but the last of them dies without having been asked to."""
    for now_ms in deaths_ms:
        life = OwnLife(run_dir, "broadcast", now_ms=now_ms)
        if now_ms != deaths_ms[-1]:
            life.close()
    return life


def test_a_life_that_ended_unasked_counts_as_a_restart_of_the_next(tmp_path: Path) -> None:
    lives(tmp_path, deaths_ms=[0, 1000, 2000])

    assert read_lives(tmp_path)["broadcast"].restarts == 2


def test_one_that_was_asked_to_end_does_not_count_and_does_not_reset_the_count(tmp_path: Path) -> None:
    life = lives(tmp_path, deaths_ms=[0, 1000])
    life.end()
    life.close()

    OwnLife(tmp_path, "broadcast", now_ms=2000)

    assert read_lives(tmp_path)["broadcast"].restarts == 1


def test_only_deaths_of_the_last_minute_make_it_wait(tmp_path: Path) -> None:
    life = lives(tmp_path, deaths_ms=[0, 1000, 2000, 61_500])

    assert life.life.restarts == 3
    assert life.life.deaths_ms == (2000, 61_500)


def test_a_second_one_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    first = OwnLife(tmp_path, "broadcast", now_ms=0)

    with pytest.raises(RefusedError, match=f"process {os.getpid()} is this member's broadcast already"):
        OwnLife(tmp_path, "broadcast", now_ms=0)

    OwnLife(tmp_path, "election", now_ms=0).close()
    first.close()


def test_who_lives_is_told_by_locks(tmp_path: Path) -> None:
    first, second = OwnLife(tmp_path, "broadcast", now_ms=0), OwnLife(tmp_path, "election", now_ms=0)
    second.close()

    assert living(tmp_path) == {"broadcast": os.getpid()}
    assert set(read_lives(tmp_path)) == {"broadcast", "election"}
    first.close()


def test_what_cannot_be_read_is_as_if_it_were_the_first_life(tmp_path: Path) -> None:
    (tmp_path / "broadcast.life").write_bytes(b"{")

    assert read_lives(tmp_path) == {}
    assert OwnLife(tmp_path, "broadcast", now_ms=0).life.restarts == 0


def test_pauses_grow_with_deaths_up_to_a_limit() -> None:
    assert [ROLE.restart_pause_s(deaths) for deaths in range(5)] == [0.2, 0.2, 0.4, 0.8, 1.6]
    assert ROLE.restart_pause_s(100) == RESTART_DELAY_MAX_S
