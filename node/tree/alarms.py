"""Alarms that stop writes: a member whose disk is nearly full says so in the log, so that all know, in its place among
the writes. While one stands, so does a node of its name below /zookeeper."""

from typing import TYPE_CHECKING

from node.tree.acl import READ_ONLY
from node.tree.paths import ZOOKEEPER
from node.tree.tree import Tree
from node.tree.znode import Znode

if TYPE_CHECKING:
    from node.tree.execute import Replica

PREFIX = b"nospace-"


def pack_alarm(*, member: int, is_raised: bool, text: str) -> bytes:
    """The body of ALARM."""
    return bytes((member, is_raised)) + text.encode()


def set_alarm(replica: "Replica", record: bytes, at: int, end: int, zxid: int) -> bytes:
    """Of a member's processor 0. Who raises what stands already, or lowers what does not, changes nothing."""
    path = alarm_path(record[at])
    node = replica.nodes.get(path)
    if record[at + 1] and node is None and ZOOKEEPER in replica.nodes:
        replica.tree.add(Znode(path, record[at + 2:end], READ_ONLY, 0, zxid, replica.now_ms))
    elif not record[at + 1] and node is not None and not node.children:
        replica.tree.detach(node)
    return b""


def alarm_path(member: int) -> bytes:
    return b"%b/%b%d" % (ZOOKEEPER, PREFIX, member)


def alarms_of(tree: Tree) -> list[tuple[int, bytes]]:
    """Member and text of those that stand."""
    node = tree.nodes.get(ZOOKEEPER)
    names = [name for name in (node.children or () if node else ()) if name.startswith(PREFIX)]
    return [(int(name[len(PREFIX):]), tree.nodes[ZOOKEEPER + b"/" + name].data or b"")
            for name in names if name[len(PREFIX):].isdigit()]
