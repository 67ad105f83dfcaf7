"""The tree of each member, as it answers after a sync, by a raw client: what all must agree on."""

from typing import Any

from tests.corral import Ensemble
from tests.faults.figures import await_serving
from tests.waiting import wait_until
from tests.wire import GetAcl, GetChildren2, GetData, Reply, Request, Sync
from tests.wire_connection import Connection

Tree = dict[str, tuple[Any, ...]]  # path -> data, stat, ACL
MEMBERS = (1, 2, 3)
PIPELINE = 500  # requests in flight


def tree_of(ensemble: Ensemble, member: int, root: str = "/") -> Tree:
    """All that the member knows of the nodes from *root* down, but /zookeeper, after a sync."""
    with Connection.open(ensemble.addresses[member - 1]) as connection:
        assert connection.call(Sync("/")).err == 0
        paths, tree = [root], {}
        while paths:
            found = nodes_of(connection, paths)
            tree.update({path: facts[:3] for path, facts in found.items()})
            paths = [
                f"{path.rstrip('/')}/{name}"
                for path, facts in found.items()
                for name in facts[3]
                if (path, name) != ("/", "zookeeper")
            ]
        return tree


def nodes_of(connection: Connection, paths: list[str]) -> dict[str, tuple[Any, ...]]:
    """(data, stat, ACL, names of children) of those that are there still: ephemerals go."""
    found: dict[str, tuple[Any, ...]] = {}
    for at in range(0, len(paths), PIPELINE):
        some = paths[at : at + PIPELINE]
        requests: list[Request] = []
        for path in some:
            requests += [GetData(path), GetAcl(path), GetChildren2(path)]
        replies = iter(ask(connection, requests))
        for path, data, acl, children in zip(some, replies, replies, replies, strict=False):
            if data.err == acl.err == children.err == 0:
                found[path] = (*data.body, acl.body[0], children.body[0])
    return found


def ask(connection: Connection, requests: list[Request]) -> list[Reply]:
    connection.send(*requests)
    replies: list[Reply] = []
    while len(replies) < len(requests):
        answer = connection.receive()
        assert answer is not None, "closed before the reply"
        if isinstance(answer, Reply):
            replies.append(answer)
    return replies


def agreed_tree(ensemble: Ensemble, root: str = "/", members: tuple[int, ...] = MEMBERS) -> Tree:
    """The tree of all these members, which is the same; retried, since sessions that end change it."""
    await_serving(ensemble, *members)
    trees: dict[int, Tree] = {}

    def equal() -> bool:
        trees.update({member: tree_of(ensemble, member, root) for member in members})
        first, *others = trees.values()
        return all(first == other for other in others)

    try:
        wait_until(equal, seconds=10)
    except AssertionError:
        raise AssertionError(differences(trees)) from None
    return next(iter(trees.values()))


def differences(trees: dict[int, Tree]) -> str:
    lines = ["trees differ:"]
    for path in sorted({path for tree in trees.values() for path in tree}):
        facts = {member: tree.get(path) for member, tree in trees.items()}
        if len({repr(fact) for fact in facts.values()}) > 1:
            lines += [f"{path}", *(f"  member {m}: {fact}" for m, fact in facts.items())]
    return "\n".join(lines[:200])
