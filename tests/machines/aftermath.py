"""What is there at the end, on every member, written into the history; and what the members have to say."""

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.faults.trees import nodes_of
from tests.histories import counters as counter_checks
from tests.histories import ephemerals as ephemeral_checks
from tests.histories import sets as set_checks
from tests.histories.checks import Finding
from tests.histories.operation import History
from tests.machines.ensemble import Ensemble
from tests.machines.workloads import counters, ephemerals, sets
from tests.waiting import wait_until
from tests.wire import GetChildren, Sync
from tests.wire_connection import Address, Connection

EXPIRED_S: Final = 60.0
AGREED_S: Final = 30.0
# What must never be logged, whatever was done to the member.
ALARMS: Final = frozenset([
    "batch_malformed", "digest_differs", "digests_without_majority", "execution_failed", "histories_diverge",
    "memory_changed_by_itself", "process_failed", "processor_failed", "refused", "snapshot_damaged", "voters_differ"])
# Of a machine that has just gone off, or has no room: then such an end is all right.
DISK: Final = ("Input/output error", "No space left on device")

Tree = dict[str, tuple[Any, ...]]  # path -> data, stat, ACL, children


def read_all(ensemble: Ensemble, history: History) -> list[Finding]:
    """Once all serve again, and no client is at work any more."""
    read_ephemerals(ensemble.addresses()[0], history)
    trees: dict[int, Tree] = {}

    def agreed() -> bool:
        trees.update({number: tree_of(*ensemble.addresses(number)) for number in ensemble.members})
        first, *rest = trees.values()
        return all(first == other for other in rest)

    try:
        wait_until(agreed, seconds=AGREED_S)
    except AssertionError:
        return [Finding("members agree", difference(trees))]
    for number, tree in trees.items():
        read_set(f"member-{number}", tree, history)
        read_counters(f"member-{number}", tree, history)
    return []


def read_ephemerals(address: Address, history: History) -> None:
    """Sessions that nobody closed expire, in time."""
    left: list[str] = []

    def are_gone() -> bool:
        with Connection.open(address) as connection:
            assert connection.call(Sync("/")).err == 0
            left[:] = connection.call(GetChildren(ephemerals.ROOT)).body[0]
        return not left

    pending = history.begin(ephemeral_checks.KIND, "aftermath", ephemerals.ROOT, "all")
    try:
        wait_until(are_gone, seconds=EXPIRED_S)
    except AssertionError:
        pending.ok(sorted(left))
        return
    pending.ok([])


def read_set(client: str, tree: Tree, history: History) -> None:
    children = [[path, facts[0].decode()] for path, facts in tree.items() if path.startswith(f"{sets.ROOT}/")]
    history.begin(set_checks.KIND, client, sets.ROOT, "all").ok(children)


def read_counters(client: str, tree: Tree, history: History) -> None:
    marks = {path.rpartition("/")[2]: facts[0].decode() for path, facts in tree.items()
             if path.startswith(f"{counters.MARKS}/")}
    end = {"first": tree[counters.FIRST][1].version, "second": tree[counters.SECOND][1].version, "marks": marks}
    history.begin(counter_checks.KIND, client, counters.ROOT, "all").ok(end)


def tree_of(address: Address) -> Tree:
    """All that a member knows after a sync."""
    with Connection.open(address) as connection:
        assert connection.call(Sync("/")).err == 0
        tree: Tree = {}
        paths = ["/"]
        while paths:
            found = nodes_of(connection, paths)
            tree |= found
            paths = [f"{path.rstrip('/')}/{name}" for path, facts in found.items() for name in facts[3]
                     if (path, name) != ("/", "zookeeper")]
        # The order of children is unspecified.
        return {path: (*facts[:3], sorted(facts[3])) for path, facts in tree.items()}


def difference(trees: dict[int, Tree]) -> str:
    lines = ["trees differ after all clients have ended:"]
    for path in sorted({path for tree in trees.values() for path in tree}):
        facts = {number: tree.get(path) for number, tree in trees.items()}
        if len({repr(each) for each in facts.values()}) > 1:
            lines += [path, *(f"  member {number}: {each}" for number, each in facts.items())]
    return "\n".join(lines[:60])


def alarms(ensemble: Ensemble) -> Iterator[Finding]:
    """In the members' logs: what is no JSON is a refusal to start, or a traceback."""
    for member in ensemble.members.values():
        for line in member.log().splitlines():
            if any(each in line for each in DISK):
                continue
            if line[:1] != "{":
                yield Finding("no alarm", f"member {member.id} printed {line}")
                break
            if json.loads(line)["event"] in ALARMS:
                yield Finding("no alarm", f"member {member.id} logged {line}")


def failures(ensemble: Ensemble) -> dict[str, int]:
    """Why processes ended by themselves, and how often."""
    reasons: dict[str, int] = {}
    for member in ensemble.members.values():
        for line in member.log().splitlines():
            event = json.loads(line) if line[:1] == "{" else {"event": ""}
            if event["event"] == "process_failed":
                reason = str(event["reason"])
                reasons[reason] = reasons.get(reason, 0) + 1
    return reasons
