"""Who votes (rule 9), as a table."""

import pytest

from node.zab.membership import changed_entry, common_level, differing_setting, has_vote, opening_entry
from tests.zab.builders import VOTERS, control
from transport.zxid import MemberId

KNOWN = control(incarnations={1: "1-first", 2: "2-first"})


@pytest.mark.parametrize(
    ("member", "incarnation", "initial", "last_zxid", "entry", "expected"),
    [
        (1, "1-first", False, 7, KNOWN, True),
        (1, "1-second", False, 7, KNOWN, False),
        (1, "1-second", True, 0, KNOWN, False),
        (1, "1-first", False, 0, KNOWN, False),
        (1, "1-first", True, 0, KNOWN, True),
        (3, "3-first", True, 0, KNOWN, True),
        (3, "3-first", True, 7, KNOWN, True),
        (3, "3-first", False, 7, KNOWN, False),
        (4, "4-first", True, 0, KNOWN, False),
        (1, "1-first", True, 0, None, True),
        (1, "1-first", False, 0, None, False),
    ],
    ids=[
        "named, with a log", "lost its disk", "lost its disk and was initialised again",
        "lost its log but not its name", "named before it had any log", "not named yet, initialised",
        "not named yet, has some log", "not named, never initialised", "not a voter",
        "the first start of all", "an empty directory",
    ],
)
def test_who_votes(
    member: int, incarnation: str, initial: bool, last_zxid: int, entry: object, expected: bool,
) -> None:
    found = has_vote(
        member=member, incarnation=incarnation, initial=initial, last_zxid=last_zxid,
        control=entry, voters=VOTERS)  # type: ignore[arg-type]

    assert found is expected


def test_once_an_epoch_is_open_only_who_is_named_counts() -> None:
    assert not has_vote(
        member=3, incarnation="3-first", initial=True, last_zxid=0, control=KNOWN, voters=VOTERS,
        only_named=True)


def test_the_common_level_is_the_first_one_until_every_voter_has_spoken() -> None:
    one, two, three = VOTERS

    assert common_level({one: 4, two: 3}, VOTERS) == 1
    assert common_level({one: 4, two: 3, three: 5, MemberId(9): 2}, VOTERS) == 3


def test_the_version_that_raised_the_feature_level_stays_with_it() -> None:
    opened = opening_entry(
        None, leader=MemberId(1), voters=VOTERS, settings={}, feature_level=1, version="1.2", incarnations={})
    raised = changed_entry(opened, leader=MemberId(2), feature_level=2, version="1.4")

    assert opened.version == "1.2"
    assert raised.version == "1.4"
    assert changed_entry(raised, leader=MemberId(3), incarnations={3: "3-second"}).version == "1.4"
    assert opening_entry(
        raised, leader=MemberId(1), voters=VOTERS, settings={}, feature_level=2, version="1.5", incarnations={},
    ).version == "1.4"


def test_a_fixed_setting_that_differs_is_named_and_others_may_differ() -> None:
    hooks = "corral.testHooks"

    assert differing_setting({hooks: "1", "b": "2"}, {hooks: "1", "c": "3"}) is None
    assert differing_setting({"b": "2"}, {hooks: "1", "b": "2"}) == (hooks, None, "1")
