"""The checkers find what they are for: every rule broken on purpose is found, within so many seeds."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.minimise import minimise
from tests.simulation.mutations.known_bugs import KNOWN_BUGS
from tests.simulation.mutations.mutation import QUICK_SEEDS, SEEDS, Mutation, applied, find
from tests.simulation.mutations.page import PAGE, known_bug_rows, part, read_found
from tests.simulation.mutations.table import MUTATIONS
from tests.simulation.run import run

QUICK = [mutation for mutation in MUTATIONS if mutation.is_quick]
RARE = [mutation for mutation in MUTATIONS if not mutation.is_quick]
RULES = 12  # of design, section 3


def must_be_found(mutation: Mutation, seeds: int) -> None:
    result = find(mutation, seeds)

    assert result is not None, f"{mutation.name}: not found within {seeds} seeds"
    print(f"rule {mutation.rule}: {mutation.name}: {result.seed + 1} seeds, by {result.checker}")  # noqa: T201
    assert run(result.seed, mutation.options).finding is None, "the same seed, unbroken, must be clean"


@pytest.mark.parametrize("mutation", QUICK, ids=lambda mutation: mutation.name)
def test_a_broken_rule_is_found(mutation: Mutation) -> None:
    must_be_found(mutation, QUICK_SEEDS)


@pytest.mark.long
@pytest.mark.parametrize("mutation", RARE, ids=lambda mutation: mutation.name)
def test_a_rule_broken_where_it_rarely_matters_is_found(mutation: Mutation) -> None:
    must_be_found(mutation, SEEDS)


def test_a_failing_run_is_made_smaller_and_still_fails() -> None:
    mutation = next(each for each in MUTATIONS if each.rule == "3")
    found = find(mutation, QUICK_SEEDS)
    assert found is not None

    with applied(mutation):
        smaller = minimise(found, mutation.options)

    assert smaller.checker == found.checker
    assert len(smaller.faults) < len(found.faults)


def test_every_rule_is_broken() -> None:
    rules = {mutation.rule for mutation in MUTATIONS}

    assert {str(number) for number in range(1, RULES + 1)} <= rules
    assert len(MUTATIONS) == len({mutation.name for mutation in MUTATIONS}) >= 20


def test_what_went_wrong_in_zookeeper_is_a_mutation_or_has_a_reason() -> None:
    names = {mutation.name for mutation in MUTATIONS}

    for bug in KNOWN_BUGS:
        assert bool(bug.mutations) != bool(bug.reason), bug.issues
        assert names.issuperset(bug.mutations), bug.issues


# What others find first, when all look.
ALONE = (
    ("own reads", "a replica leaves a write out now and then"),
    ("session zxids", "a reply names an older zxid now and then"),
    ("synced reads", "a replica leaves a write out now and then"),
    ("ephemerals", "ephemerals outlive their session"),
)


@pytest.mark.parametrize(("checker", "name"), ALONE)
def test_a_checker_finds_it_alone(checker: str, name: str) -> None:
    mutation = next(each for each in MUTATIONS if each.name == name)
    alone = replace(mutation, scale=replace(mutation.scale, only_checker=checker))

    result = find(alone, QUICK_SEEDS)

    assert result is not None
    assert result.checker == checker


def test_every_checker_finds_a_mutation() -> None:
    finders = {checker for _, checker in read_found(PAGE.read_text()).values()} | {checker for checker, _ in ALONE}
    names = {
        name for file in (Path(__file__).parent / "checkers").glob("*.py")
        for name in re.findall(r'^    name = "(.+)"', file.read_text(), re.MULTILINE) if name != "checker"}

    assert names <= finders


def test_the_page_has_every_mutation_and_where_it_was_found() -> None:
    """`python -m tests.simulation.mutations --rewrite`; its numbers change with every change of the product."""
    page = PAGE.read_text()
    found = read_found(page)

    assert list(found) == [mutation.name for mutation in MUTATIONS]
    assert all(0 < found[each.name][0] <= QUICK_SEEDS for each in QUICK)
    assert all(0 < found[each.name][0] <= SEEDS for each in RARE)
    assert part(page, 1).splitlines() == known_bug_rows()
