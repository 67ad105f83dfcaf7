"""`corral reconfig`: members leave and come at their operator's word, whatever clients may do, and no write is lost."""

import json
from typing import Any

import pytest

from tests.corral import Ensemble, fresh_root
from tests.faults.conftest import Start
from tests.faults.figures import await_serving, log_lines
from tests.faults.trees import agreed_tree
from tests.faults.writers import await_progress, check, writing
from tests.waiting import wait_until

SETTINGS = {"standaloneEnabled": "false"}  # and reconfigEnabled is false


@pytest.fixture(scope="module")
def grown(start: Start) -> Ensemble:
    return start(settings=SETTINGS)


def reconfig(ensemble: Ensemble, *arguments: str, member: int | None = None, check: bool = True) -> Any:
    """What it printed, as JSON; where it failed, what it said."""
    config = str(ensemble.home(member or ensemble.leader()) / "zoo.cfg")
    done = ensemble.corral("reconfig", config, "--json", *arguments, check=check)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def adding(servers: dict[str, str], *members: int) -> list[str]:
    return [word for member in members for word in ("--add", f"server.{member}={servers[str(member)]}")]


def test_three_become_one_and_three_again_and_no_write_is_lost(grown: Ensemble) -> None:
    root, before = fresh_root(grown), reconfig(grown)
    assert (before["voters"], before["changed"]) == ([1, 2, 3], False)
    with writing(root, *([address] for address in grown.addresses)) as outcomes:
        alone = reconfig(grown, "--remove", "1", "--remove", "2")
        assert (alone["voters"], list(alone["servers"])) == ([3], ["3"])
        assert grown.leader() == 3
        await_progress(outcomes)  # those that vote no more follow

        assert not reconfig(grown, "--remove", "1", "--remove", "2")["changed"]
        again = reconfig(grown, *adding(before["servers"], 1, 2))
        assert (again["voters"], again["servers"]) == ([1, 2, 3], before["servers"])
        assert again["version"] > alone["version"] > before["version"]
        grown.kill(3)
        await_serving(grown, 1, 2)
        await_progress(outcomes[:2])
        grown.start(3)
    check(agreed_tree(grown, root), root, outcomes)


def test_what_would_be_changed_is_said_and_not_done(grown: Ensemble) -> None:
    version = reconfig(grown)["version"]

    would = reconfig(grown, "--remove", "2", "--check")

    assert would["changed"]
    assert list(would["servers"]) == ["1", "3"]
    assert reconfig(grown)["version"] == version


def test_every_member_shows_who_they_are_but_the_leader_alone_changes_them(grown: Ensemble) -> None:
    leader = grown.leader()
    follower = next(member for member in (1, 2, 3) if member != leader)
    shown = reconfig(grown)
    wait_until(lambda: reconfig(grown, member=follower) == shown, what="the follower has the last entry")

    said = reconfig(grown, "--remove", str(leader), member=follower, check=False)

    assert f"member {follower} does not lead: member {leader} does" in said


def test_a_refusal_says_of_each_new_voter_what_it_lacks(grown: Ensemble) -> None:
    lines = [word for member in (4, 5, 6, 7)
             for word in ("--add", f"server.{member}=127.0.0.{member}:2888:3888;2181")]

    said = reconfig(grown, *lines, check=False)

    assert "no quorum of the new voters is ready" in said
    assert "member 4 is not connected" in said
    assert log_lines(grown, grown.leader(), "reconfig_refused")


@pytest.mark.parametrize(("line", "what"), [
    ("server.4=nonsense", "nonsense"), ("server.255=zk:1:2;3", "255"), ("server.x=zk:1:2;3", "x"), ("zk4:1:2", "zk4")])
def test_what_is_no_server_line_is_refused_with_the_form_of_one(grown: Ensemble, line: str, what: str) -> None:
    said = reconfig(grown, "--add", line, check=False)

    assert what in said
    assert "server.ID=HOST:QUORUM_PORT:ELECTION_PORT;CLIENT_PORT" in said
