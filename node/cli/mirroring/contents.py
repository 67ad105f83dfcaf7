"""What of a znode can be carried over by a client: its value and its ACL."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from node.cli.shell import requests
from node.cli.shell.client import Client
from node.cli.shell.errors import RefusedError
from node.cli.shell.walk import Found, walk
from node.tree.state import State
from node.tree.znode import is_session
from transport.errors import Err
from transport.records import ACL, Id, Stat

OWN: Final = "/zookeeper"  # what servers keep about themselves
AclOf = tuple[tuple[int, bytes, bytes], ...]
_MASKED: Final = b":x"  # instead of a hash, to those who may read a node but not administer it


@dataclass(frozen=True, slots=True)
class Content:
    data: bytes | None
    acl: AclOf

    @property
    def acl_on_the_wire(self) -> list[ACL]:
        return [ACL(perms, Id(scheme, ident)) for perms, scheme, ident in self.acl]


@dataclass(slots=True)
class Tree:
    """*hidden*: that may not be read, or whose ACLs may not. *ephemerals*: left out. *creates*: how many children each
    node has had, which is the next number of a sequence below it."""

    nodes: dict[str, Content]
    hidden: set[str]
    ephemerals: set[str]
    creates: dict[str, int]


def read_tree(client: Client, top: str) -> Tree:
    """All below *top*, and itself; empty where it does not exist.  Raises RefusedError, Failure."""
    try:
        return _read(client, walk(client, top, with_data=True, skip=OWN if client.whole(top) == "/" else ""))
    except RefusedError as error:
        if error.code != Err.NO_NODE:
            raise
        return Tree({}, set(), set(), {})


def read_some(client: Client, paths: Iterable[str]) -> Tree:
    """Those of the paths that exist; nothing is said of *creates*."""
    found, hidden = [], []
    for request, answer in client.call_all(requests.get(client.whole(path)) for path in paths):
        path = client.own(request.path)
        if not isinstance(answer, RefusedError):
            found.append(Found(path, 0, answer[1], (), answer[0]))
        elif answer.code == Err.NO_AUTH:
            hidden.append(path)
        elif answer.code != Err.NO_NODE:
            raise answer
    tree = _read(client, iter(found))
    tree.hidden.update(hidden)
    return tree


def contents_of(state: State, top: str) -> Tree:
    """The same of a state; what only servers know, containers and TTLs, becomes plain nodes."""
    nodes, ephemerals, creates = {}, set(), {}
    prefix = "/" if top == "/" else f"{top}/"
    for key, node in state.tree.nodes.items():
        path = key.decode(errors="surrogateescape")
        if not key or (path != top and not path.startswith(prefix)) or (top == "/" and is_own(path)):
            continue
        if is_session(node.owner):
            ephemerals.add(path)
            continue
        nodes[path] = Content(node.data, tuple(node.acl))
        creates[path] = node.cversion
    return Tree(nodes, set(), ephemerals, creates)


def contents_above(state: State, path: str) -> dict[str, Content]:
    """The znodes from the root's child down to the parent of *path*."""
    names = path.split("/")[1:-1]
    above = ["/" + "/".join(names[:count]) for count in range(1, len(names) + 1)]
    nodes = {each: state.tree.nodes[each.encode(errors="surrogateescape")] for each in above}
    return {each: Content(node.data, tuple(node.acl)) for each, node in nodes.items()}


def is_own(path: str) -> bool:
    return path == OWN or path.startswith(f"{OWN}/")


def creates_of(stat: Stat) -> int:
    """Clients see twice the creations less the children that there are."""
    return (stat.cversion + stat.num_children) // 2


def _read(client: Client, walked: Iterator[Found]) -> Tree:
    tree = Tree({}, set(), set(), {})
    data: dict[str, bytes | None] = {}
    for found in walked:
        if found.is_hidden:
            tree.hidden.add(found.path)
        elif found.stat.ephemeral_owner:
            tree.ephemerals.add(found.path)
        else:
            data[found.path] = found.data
            tree.creates[found.path] = creates_of(found.stat)
    for request, answer in client.call_all(requests.get_acl(client.whole(path)) for path in list(data)):
        path = client.own(request.path)
        if isinstance(answer, RefusedError):
            if answer.code not in (Err.NO_NODE, Err.NO_AUTH):
                raise answer
            if answer.code == Err.NO_AUTH:
                tree.hidden.add(path)
            continue
        acl = _acl(answer[0])
        if acl is None:
            tree.hidden.add(path)
        else:
            tree.nodes[path] = Content(data[path], acl)
    return tree


def _acl(entries: list[Any]) -> AclOf | None:
    """None: its hashes are not shown to this client."""
    acl = tuple((each.perms, each.id.scheme or b"", each.id.id or b"") for each in entries)
    return None if any(scheme == b"digest" and ident.endswith(_MASKED) for _, scheme, ident in acl) else acl
