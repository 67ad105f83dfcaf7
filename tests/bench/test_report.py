"""What a run leaves behind: results that later runs add to, and a page that keeps its text."""

import json
from pathlib import Path

import pytest

from bench.figures import Result, reduce
from bench.fit import exponent, shape
from bench.measure import is_comparable
from bench.report import as_stored, by_group, figures_text, growth_text, merge, with_section
from bench.rows import ROWS, Row, chosen

NAMES = ["corral", "zookeeper"]


def row(name: str) -> Row:
    return next(each for each in ROWS if each.name == name)


def measured(name: str, own: float, other: float) -> list[tuple[Row, Result]]:
    return [
        (row(name), reduce(figure, [{"corral": own, "zookeeper": other}], "corral", ["zookeeper"], [0.5]))
        for figure in row(name).figures]


def test_a_later_run_replaces_the_rows_that_it_measured_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "new" / "results.json"
    merge(file, as_stored({"cpu": "old"}, NAMES, measured("set", 10, 2) + measured("get", 10, 2), is_quick=False))
    merge(file, as_stored({"cpu": "new"}, NAMES, measured("get", 90, 3), is_quick=False))

    stored = json.loads(file.read_text())
    results = by_group(stored)["core"]

    assert stored["about"] == {"cpu": "new"}
    assert [(each.figure.key, each.ratio and each.ratio.median) for each in results] == [
        ("ops_per_sec", 5.0), ("ops_per_sec", 30.0)]
    assert results == [result for _, result in measured("set", 10, 2) + measured("get", 90, 3)]


def test_the_page_names_machine_and_versions_and_says_which_run_was_quick() -> None:
    text = figures_text(as_stored({"cpu": "2 × fast"}, NAMES, measured("set", 10, 2), is_quick=True))

    assert "- cpu: 2 × fast" in text
    assert "| set, 10 × 100 in flight | ops/s | 10.0 | 2.00 | 5.00× | ≥ 4× | reached | ≥ 8× | missed | 0.50 |" in text
    assert "quick run" in text
    assert "quick run" not in figures_text(as_stored({}, NAMES, measured("set", 10, 2), is_quick=False))


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = "before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n"

    assert with_section(page, "figures", "new") == page.replace("old", "new")
    with pytest.raises(ValueError, match="end of growth"):
        with_section(page, "growth", "new")


def test_rows_are_chosen_by_name_and_by_group_and_stay_in_their_order() -> None:
    assert [each.name for each in chosen("open,get,set")] == ["set", "get", "set-open"]
    assert chosen("core,values,open,sessions,memory,recovery") == list(ROWS)
    with pytest.raises(ValueError, match="no row or group gett, putt"):
        chosen("putt,set,gett")


def test_etcd_is_measured_where_it_has_a_like_operation_and_nowhere_else() -> None:
    compared = {each.name for each in ROWS if is_comparable(each, is_etcd=True)}

    assert {"set", "get", "sync-get", "memory", "idle"} <= compared
    assert not {"multi", "sessions", "large", "kill"} & compared
    assert all(is_comparable(each, is_etcd=False) for each in ROWS)


def test_names_of_rows_and_keys_of_their_figures_are_unique() -> None:
    keys = [(each.name, figure.key) for each in ROWS for figure in each.figures]

    assert len(keys) == len(set(keys))
    assert len(ROWS) == len({each.name for each in ROWS})


@pytest.mark.parametrize(("power", "words"), [
    (0.0, "does not grow"), (0.5, "grows more slowly than in step"), (1.0, "grows in step"),
    (2.0, "grows faster than in step")])
def test_the_exponent_of_a_power_law_is_found_whatever_its_factor(power: float, words: str) -> None:
    fitted = exponent([(10.0 ** n, 7 * 10.0 ** (n * power)) for n in range(1, 6)])

    assert fitted == pytest.approx(power)
    assert shape(fitted) == words


def test_no_power_law_goes_through_one_point() -> None:
    with pytest.raises(ValueError, match="no power law"):
        exponent([(10, 1), (10, 2)])


def test_a_curve_is_told_with_its_points_and_its_shape() -> None:
    text = growth_text([
        {"title": "set", "x": "connections", "unit": "µs", "points": [[1, 2.0], [10, 20.0]], "exponent": 1.0}])

    assert "| set, µs | 1: 2; 10: 20 | grows in step | 1.00 |" in text
