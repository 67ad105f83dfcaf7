"""The table of keys keeps its own rules."""

from collections import Counter

from node.config.table import KEYS, Kind, Standing, find_key, nearest_name


def test_every_key_has_one_row() -> None:
    assert [name for name, n in Counter(key.name for key in KEYS).items() if n > 1] == []


def test_every_key_that_is_not_honoured_names_the_loss() -> None:
    assert [k.name for k in KEYS if k.standing is not Standing.HONOURED and not k.loss] == []


def test_a_default_never_loses_anything() -> None:
    assert [key.name for key in KEYS if key.loses(key.default)] == []


def test_defaults_of_numbers_are_within_their_bounds() -> None:
    numbers = [key for key in KEYS if key.kind is Kind.INT and key.default]

    assert [k.name for k in numbers if not k.least <= int(k.default) <= k.most] == []


def test_an_exact_name_goes_before_its_family() -> None:
    assert find_key("quorum.auth.enableSasl") is not find_key("quorum.auth.other")
    assert find_key("server.12") is find_key("server.1")
    assert find_key("server.x") is None


def test_the_nearest_name_ignores_case_and_gives_up_on_nonsense() -> None:
    assert nearest_name("datadir") == "dataDir"
    assert nearest_name("ticktime") == "tickTime"
    assert nearest_name("qqqqqqqq") == ""
