"""The tests of the paper's properties can fail: a rule is broken, and some walk violates a property or its safety."""

import pytest

from node.zab.discovery import Discovery
from node.zab.synchronisation import common_point
from tests.simulation.mutations import broadcast
from tests.simulation.mutations.mutation import Mutation, applied, around, everywhere
from tests.zab import test_paper as paper
from tests.zab.walk import Unsafe, Walk

PROPERTIES = (
    paper.test_integrity_what_is_delivered_was_broadcast, paper.test_total_order, paper.test_agreement,
    paper.test_local_primary_order, paper.test_global_primary_order, paper.test_primary_integrity,
    paper.test_nothing_committed_is_lost)
SEEDS = 40
BROKEN = (
    Mutation(
        "histories are compared by their ends alone", "11", lambda: everywhere(common_point, broadcast.by_ends_alone)),
    Mutation(
        "who was elected leads though a follower is ahead", "10",
        lambda: around(Discovery, "on_ack_epoch", broadcast.never_ahead)),
)


def violated(seed: int) -> str:
    """By a walk of five: the property, or what the walk itself saw; empty: nothing."""
    walk = Walk(seed, 5)
    try:
        walk.run(400)
        walk.converge()
    except Unsafe as found:
        return str(found)
    except AssertionError:
        return ""  # the product noticed it itself: not what is looked for
    for claim in PROPERTIES:
        try:
            claim([walk.ensemble])
        except AssertionError:
            return claim.__name__
    return ""


@pytest.mark.parametrize("mutation", BROKEN, ids=lambda mutation: mutation.name)
def test_a_broken_rule_violates_a_property(mutation: Mutation) -> None:
    with applied(mutation):
        found = next((what for seed in range(SEEDS) if (what := violated(seed))), "")

    assert found
