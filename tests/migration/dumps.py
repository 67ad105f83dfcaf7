"""The whole tree as a client sees it: what two servers, or a server and a file, are compared by."""

from typing import Any

from kazoo.client import KazooClient

from node.tree.state import State
from node.tree.znode import STAT, pack_stat

Dump = dict[str, tuple[bytes | None, tuple[int, ...], list[tuple[int, str, str]]]]
OWN = ("/zookeeper/config", "/zookeeper/quota", "/zookeeper")


def dump(client: KazooClient) -> Dump:
    """path -> data, Stat, ACL; without what belongs to the servers themselves. The client must be a super user."""
    found: Dump = {}
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        data, stat = client.get(path)
        if path not in OWN:
            found[path] = (data, tuple(stat), [(each.perms, each.id.scheme, each.id.id) for each in _acl(client, path)])
        waiting += [f"{path.rstrip('/')}/{name}" for name in client.get_children(path)]
    return found


def dump_of(state: State) -> Dump:
    """The same of a state, as its clients would see it."""
    found: Dump = {}
    for path, node in state.tree.nodes.items():
        if path and path.decode() not in OWN:
            acl = [(perms, scheme.decode(), ident.decode()) for perms, scheme, ident in node.acl]
            found[path.decode()] = (node.data, STAT.unpack(pack_stat(node)), acl)
    return found


def _acl(client: KazooClient, path: str) -> list[Any]:
    acls, _ = client.get_acls(path)
    return list(acls)
