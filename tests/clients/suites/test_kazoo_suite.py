"""Kazoo's own tests, which its package brings along, say the same of Corral as of genuine ZooKeeper."""

from pathlib import Path

import pytest

from tests.clients.suites.running import Outcomes, differences, run_suite
from tests.genuine import require_genuine

PLUGIN = "tests.clients.suites.kazoo_cluster"
# What CI runs against Corral alone: each of these passes with genuine ZooKeeper, also on a machine that is busy.
PART = ["counter", "election", "party", "lock"]
# The first is a race in kazoo's start(): whether it has seen the connection before the password was refused decides
# whether it says AuthFailedError or that it took too long.  The second waits for 0.2 s in the hope that this is enough.
# The third reads by one client what another has created, perhaps of another member, which may not have it yet: no sync.
UNSTEADY = "not test_invalid_sasl_auth and not test_concurrent_execution and not test_lock_ephemeral"


def kazoos_tests(kind: str, directory: Path, *options: str) -> Outcomes:
    return run_suite(
        directory / kind, ["-k", UNSTEADY, *options], plugin=PLUGIN, environment={"CORRAL_SUITE_SERVERS": kind}
    )


def test_kazoos_own_tests_of_its_recipes_pass(tmp_path: Path) -> None:
    outcomes = kazoos_tests("corral", tmp_path, *(f"kazoo.tests.test_{name}" for name in PART))

    assert {name: outcome for name, outcome in outcomes.items() if not outcome.startswith(("passed", "skipped"))} == {}
    assert list(outcomes.values()).count("passed") > 20


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_all_of_kazoos_own_tests_say_the_same_of_both_servers(tmp_path: Path) -> None:
    require_genuine()

    genuine, corral = (kazoos_tests(kind, tmp_path, "kazoo.tests") for kind in ("genuine", "corral"))

    assert differences(genuine, corral) == {}
    assert list(corral.values()).count("passed") > 300
