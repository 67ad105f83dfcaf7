"""What members say of themselves: by `corral status`' own question, in their logs, to Prometheus."""

import json
import re
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from node.cli.asking import MemberStatus, ask_all
from tests.corral import Ensemble
from tests.waiting import POLL_S, wait_until

SERVE_S = 60.0


def stays(condition: Callable[[], bool], *, seconds: float) -> None:
    """Fails the test if it ceases to be so within that time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert condition()
        time.sleep(POLL_S)  # between polls


def statuses(ensemble: Ensemble) -> dict[int, MemberStatus]:
    """By member; those that do not answer within 1.5 s are down."""
    local = ensemble.local
    found = ask_all(local.client_addresses)
    return {member.id: status for member, status in zip(local.members, found, strict=True)}


def await_serving(ensemble: Ensemble, *members: int) -> None:
    wait_until(
        lambda: all(statuses(ensemble)[member].is_serving for member in members),
        seconds=SERVE_S,
        what=f"members {members} serve",
    )


def await_all_serving(ensemble: Ensemble) -> None:
    """All members, in one epoch, all their processes running."""

    def whole() -> bool:
        found = statuses(ensemble).values()
        runs = all(0 not in pids_of_all(ensemble, m.id).values() for m in ensemble.local.members)
        return runs and all(s.is_serving for s in found) and len({s.epoch for s in found}) == 1

    wait_until(whole, seconds=SERVE_S, what="all members serve")


def pids_of_all(ensemble: Ensemble, member: int) -> dict[str, int]:
    """Also of those that wait for their restart: 0.  {"": 0}: the member does not run."""
    running = ensemble.running(member)
    return {p.name: p.pid for p in running.processes} if running else {"": 0}


def leader_of(ensemble: Ensemble) -> int:
    """The member that leads and serves; waits for it."""

    def leading() -> int:
        found = statuses(ensemble).items()
        return next((i for i, s in found if s.role == "leader" and s.is_serving), 0)

    return wait_until(leading, seconds=SERVE_S, what="a leader serves")


def followers_of(ensemble: Ensemble) -> list[int]:
    leader = leader_of(ensemble)
    return [member.id for member in ensemble.local.members if member.id != leader]


def epoch_of(ensemble: Ensemble) -> int:
    """That the leader leads in."""
    epoch = statuses(ensemble)[leader_of(ensemble)].epoch
    assert epoch is not None
    return epoch


def log_lines(ensemble: Ensemble, member: int, event: str = "") -> list[dict[str, Any]]:
    """The JSON lines of its log, those of one event if that is given."""
    lines = [json.loads(each) for each in ensemble.log(member).splitlines() if each[:1] == "{"]
    return [line for line in lines if not event or line.get("event") == event]


def metrics(ensemble: Ensemble, member: int) -> dict[str, float]:
    """Each metric of the member's endpoint, the highest of its processes."""
    with urllib.request.urlopen(ensemble.admin(member, "/metrics"), timeout=5) as answer:
        text = answer.read().decode()
    found: dict[str, float] = {}
    for name, value in re.findall(r"^(\w+)(?:\{[^}]*\})? (\S+)$", text, re.MULTILINE):
        found[name] = max(float(value), found.get(name, float("-inf")))
    return found
