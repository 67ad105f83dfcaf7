"""A member with a short history, and a client that makes more of it."""

from pathlib import Path

import pytest

from tests.backup.states import Written, configured, tree_of
from tests.tree.ensemble import Client


@pytest.fixture
def member(tmp_path: Path) -> Written:
    ensemble, _ = tree_of(3)
    return Written(configured(tmp_path, members=1)[0], ensemble)


@pytest.fixture
def client(member: Written) -> Client:
    return member.ensemble.client(connection=5)
