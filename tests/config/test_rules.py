"""Which znodes, sessions and answers there are: keys, defaults, and what all members must agree on."""

from pathlib import Path

import pytest

from node.config.member import Rules
from node.config.problems import ConfigError
from node.config.read import load_config


def rules_of(tmp_path: Path, text: str) -> Rules:
    (tmp_path / "zoo.cfg").write_text(f"dataDir={tmp_path}\nclientPort=0\n{text}")
    loaded = load_config(tmp_path / "zoo.cfg")
    assert loaded.warnings == ()
    return loaded.config.rules


def test_defaults_are_zookeepers(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "")

    assert (rules.check_interval_ms, rules.reaped_per_minute, rules.never_used_ms) == (60_000, 10_000, 0)
    assert not any((rules.has_extended_types, rules.enforces_quotas, rules.local_sessions))
    assert rules.compatibility == "3.9"


def test_what_changes_results_is_replicated_and_nothing_else(tmp_path: Path) -> None:
    keys = (
        "extendedTypesEnabled=true\nenforceQuota=true\nznode.container.checkIntervalMs=5\n"
        "localSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true\ncorral.compatibility=3.8\n")

    assert rules_of(tmp_path, "").replicated() == {}
    assert rules_of(tmp_path, keys).replicated() == {"extendedTypesEnabled": "true", "enforceQuota": "true"}


def test_a_release_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        rules_of(tmp_path, "corral.compatibility=3.7\n")
