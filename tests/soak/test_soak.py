"""The soak test in small: the leader dies, every session reconnects at once, a member is restarted."""

import asyncio
from pathlib import Path

from tests.corral import corral_ensemble
from tests.soak.members import Process
from tests.soak.run import Plan, Run
from tests.soak.verdict import Sample, file_growth, memory_growth, socket_leaks

# Machines of CI stand still for seconds: sessions must outlive that.
SMALL = Plan(
    minutes=0.12, sessions=300, watches=3000, watched=300, znodes=5000, rate=100, timeout_ms=60_000, restart_s=4,
    window_s=2, workers=20)


def test_a_storm_after_the_leaders_death_loses_no_session_and_no_watch(tmp_path: Path) -> None:
    said: list[str] = []
    with corral_ensemble(tmp_path, settings=SMALL.settings) as ensemble:
        result = asyncio.run(Run(SMALL, ensemble, said.append).run())

    # Of memory and descriptors a run as short as this says nothing.
    broken = [each for each in result.broken if not each.startswith(("memory", "descriptors"))]
    assert broken == [], said
    assert result.expired == 0, said
    assert result.reconnects >= SMALL.sessions
    assert result.answered > 0


# The verdict itself -------------------------------------------------------------------------------


def samples(kb: list[int], files: list[int], sockets: list[int]) -> list[Sample]:
    return [
        Sample(at, 10, 1, 1, 1, 1, 0, [Process(1, "broadcast", 7, kb[at], files[at] + sockets[at], sockets[at])])
        for at in range(len(kb))]


def test_memory_that_grows_on_and_on_is_named() -> None:
    steady = samples([100_000] * 8, [10] * 8, [10] * 8)
    growing = samples([100_000 + 20_000 * at for at in range(8)], [10] * 8, [10] * 8)

    assert memory_growth(steady) == []
    (found,) = memory_growth(growing)
    assert found.process == "broadcast"
    assert found.after > found.before


def test_descriptors_that_stay_open_are_named() -> None:
    assert file_growth(samples([1] * 8, [10, 12, 11, 10, 13, 10, 11, 12], [10] * 8)) == []
    assert file_growth(samples([1] * 8, [20 * at for at in range(8)], [10] * 8))
    assert socket_leaks(samples([1] * 8, [1] * 8, [10] * 8), sessions=10) == []
    assert socket_leaks(samples([1] * 8, [1] * 8, [10 + 50 * at for at in range(8)]), sessions=10)
