"""How long the disk will do."""

from pathlib import Path

import pytest

from observability.space import FAR_S, Space, Trend


def test_a_disk_that_fills_steadily_is_full_when_the_line_says_so() -> None:
    trend = Trend()
    for at in range(0, 300, 10):
        trend.add(at, 10_000 - at)

    assert trend.zero_in_s() == pytest.approx(10_000 - 290)


def test_a_disk_that_does_not_fill_is_full_in_a_year() -> None:
    for step in (0, 5):
        trend = Trend()
        for at in range(0, 300, 10):
            trend.add(at, 10_000 + step * at)
        assert trend.zero_in_s() == FAR_S


def test_nothing_is_foretold_from_a_moment() -> None:
    trend = Trend()
    for at in range(0, 50, 10):
        trend.add(at, 1000 - at)

    assert trend.zero_in_s() == FAR_S


def test_what_is_long_past_does_not_count() -> None:
    trend = Trend()
    for at in range(0, 2000, 10):
        trend.add(at, 100_000 - (100 * at if at < 900 else 90_000))

    assert trend.zero_in_s() == FAR_S


def test_space_knows_the_directories_and_the_newest_snapshot(tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    data.mkdir()
    log.mkdir()
    (data / f"snapshot.{1:016x}").write_bytes(b"x" * 5000)
    (data / f"snapshot.{2:016x}.new").write_bytes(b"half")
    for first in (1, 9):
        (log / f"log.{first:016x}").write_bytes(b"y" * 4096)
    space = Space({"data": data, "log": log})

    assert space.figure("snapshot_bytes")() == 5000
    assert 0 <= space.figure("snapshot_age_s")() < 60
    assert space.figure("log_segments")() == 2
    assert space.figure("directory_bytes")()["log"] >= 8192
    assert space.figure("disk_free_bytes")()["data"] <= space.figure("disk_size_bytes")()["data"]


def test_a_directory_that_is_not_there_yet_has_no_figures(tmp_path: Path) -> None:
    space = Space({"data": tmp_path / "none", "log": tmp_path / "none"})

    assert space.figure("disk_free_bytes")() == {}
    assert space.figure("snapshot_age_s")() is None
