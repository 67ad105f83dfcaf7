"""The nodes by which clients learn what extensions there are: /keeper, as ClickHouse looks for them."""

from node.tree.acl import READ_ONLY
from node.tree.paths import KEEPER
from node.tree.tree import Tree
from node.tree.znode import Znode

# Number of a flag in ClickHouse's KeeperFeatureFlag; left out is 5, MULTI_WATCHES, watches set within a multiRead.
FILTERED_LIST, MULTI_READ, CHECK_NOT_EXISTS, CREATE_IF_NOT_EXISTS, REMOVE_RECURSIVE = range(5)
CHECK_STAT, PERSISTENT_WATCHES, CREATE_WITH_STATS, TRY_REMOVE, LIST_WITH_STAT_AND_DATA = range(6, 11)
FLAGS = (
    FILTERED_LIST, MULTI_READ, CHECK_NOT_EXISTS, CREATE_IF_NOT_EXISTS, REMOVE_RECURSIVE, CHECK_STAT,
    PERSISTENT_WATCHES, CREATE_WITH_STATS, TRY_REMOVE, LIST_WITH_STAT_AND_DATA)
API_VERSION = b"2"  # WITH_MULTI_READ: for clients from before the flags


def _bits(flags: tuple[int, ...]) -> bytes:
    """The first flag is the highest bit of the first byte."""
    value = bytearray(max(flags) // 8 + 1)
    for flag in flags:
        value[flag // 8] |= 0x80 >> flag % 8
    return bytes(value)


NODES = (
    (KEEPER, b""),
    (KEEPER + b"/api_version", API_VERSION),
    (KEEPER + b"/feature_flags", _bits(FLAGS)),
    (KEEPER + b"/corral_extensions", b"600 LIST_PAGE\n601 LINEARIZABLE_READ\n"),
)


def show_extensions(tree: Tree, *, zxid: int, time_ms: int) -> None:
    """Where there is a /keeper, an application's own or ours, it stays as it is."""
    if KEEPER in tree.nodes:
        return
    for path, data in NODES:
        tree.add(Znode(path, data, READ_ONLY, 0, zxid, time_ms))
