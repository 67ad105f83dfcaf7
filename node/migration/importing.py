"""ZooKeeper's tree and sessions as a state of Corral's, and what of them cannot be carried over.

Every zxid, time and version stays as it was, so clients find the Stats that they know; the ensemble goes on at an epoch
above all of them. Sessions keep id, timeout and password: their clients come back with their ephemerals.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version

import msgspec

from node.migration.renumbering import renumber
from node.sessions.table import Session, SessionTable
from node.tree.paths import CONFIG, LIMITS, QUOTA, STATS, guarded_path
from node.tree.quotas import BYTES, COUNT, pack_track, size_of
from node.tree.state import State
from node.tree.tree import Tree
from node.tree.znode import Znode, is_session
from node.zookeeper_files.directory import show_zxid
from node.zookeeper_files.recovery import Recovered
from node.zookeeper_files.sessions import zookeeper_password
from transport.entry import ControlEntry
from transport.zxid import EPOCH_MAX, epoch_of

EPOCHS_LEFT = 2000  # that there must be above an import: a restoration takes up to so many
_SCHEMES = (b"world", b"digest", b"ip", b"x509", b"sasl")
_EXAMPLES = 3


class ImportRefusedError(Exception):
    """With the cure."""


@dataclass(slots=True)
class Imported:
    """*last_zxid*: ZooKeeper's.  *remarks*: what differs from what was there, each with its cure or consequence."""

    state: State
    last_zxid: int
    digests: int
    ephemerals: int
    is_renumbered: bool
    remarks: list[str] = field(default_factory=list)


def make_state(
    recovered: Recovered, *, settings: dict[str, str], feature_level: int, keeps_sessions: bool, renumbers: bool,
) -> Imported:
    """*settings*: replicated ones, of the ensemble to be.  *renumbers*: also where nothing forces it.

    The recovered tree's nodes become the state's. Raises ImportRefusedError.
    """
    tree = recovered.tree
    last = tree.zxid
    if last <= 0:
        raise ImportRefusedError("nothing was ever written there: there is nothing to import — start an empty ensemble")
    if not renumbers and epoch_of(last) > EPOCH_MAX - EPOCHS_LEFT:
        raise ImportRefusedError(
            f"the last zxid, {show_zxid(last)}, leaves no room for epochs above it — add --renumber: zxids are counted "
            "anew from 1, in their order, and sessions end")
    keeps_sessions = keeps_sessions and not renumbers
    remarks = _remarks(recovered, settings)
    zxid = renumber(tree.nodes.values()) if renumbers else last
    ephemerals = sum(1 for node in tree.nodes.values() if is_session(node.owner))
    control = ControlEntry(
        leader=0, feature_level=feature_level, settings=settings, incarnations={}, voters=[], version=version("corral"))
    state = State(_tree(tree.nodes.values()), SessionTable(), msgspec.msgpack.encode(control), zxid)
    if keeps_sessions:
        _add_sessions(state, tree.sessions)
    else:
        _remove_ephemerals(state)
    if tree.sessions and not keeps_sessions:
        remarks.append(f"{len(tree.sessions)} sessions end, with {ephemerals} ephemerals: clients make new ones")
    return Imported(state, last, tree.digests, ephemerals if keeps_sessions else 0, renumbers, remarks)


# The state -------------------------------------------------------------------------------------


def _tree(nodes: Iterable[Znode]) -> Tree:
    """In the order of creation, a parent before its children also where one transaction made both."""
    tree = Tree()
    for node in sorted(nodes, key=lambda each: (each.czxid, each.path)):
        node.contribution = 0  # of ZooKeeper's digest
        if node.path == CONFIG:
            node.data = b""  # Corral's servers are others
        tree.add(node)
    for node in Tree.initial().nodes.values():  # releases before 3.5 have no /zookeeper/config
        if node.path not in tree.nodes:
            node.children = None
            tree.add(node)
    _count_usage(tree)
    return tree


def _count_usage(tree: Tree) -> None:
    """What quotas hold, counted anew, as ZooKeeper does at a start: each of its servers counts by itself."""
    for node in tree.nodes.values():
        guarded = guarded_path(node.path)
        if not guarded or not node.path.endswith(STATS):
            continue
        sizes = [size_of(each.data) for path, each in tree.nodes.items()
                 if path == guarded or path.startswith(guarded + b"/")]
        node.data = pack_track({COUNT: len(sizes), BYTES: sum(sizes)})


def _add_sessions(state: State, sessions: dict[int, int]) -> None:
    for session_id, timeout_ms in sessions.items():
        state.sessions.add(Session(
            session_id=session_id, timeout_ms=timeout_ms, source=0, connection=0,
            password=zookeeper_password(session_id)))
    for path, node in state.tree.nodes.items():
        if is_session(node.owner):
            state.sessions[node.owner].ephemerals[path] = None


def _remove_ephemerals(state: State) -> None:
    """As if their sessions had ended now."""
    nodes = state.tree.nodes
    for node in [each for each in nodes.values() if is_session(each.owner)]:
        parent = nodes[node.path[:node.path.rfind(b"/")]]
        parent.pzxid = max(parent.pzxid, state.zxid)
        state.tree.detach(node)
        state.tree.digest.touched(parent)


# What to say -----------------------------------------------------------------------------------


def _remarks(recovered: Recovered, settings: dict[str, str]) -> list[str]:
    nodes = recovered.tree.nodes
    remarks = [f"passed over: {problem}" for problem in recovered.passed_over]
    if recovered.out_of_order:
        remarks.append(f"{recovered.out_of_order} log entries stand behind newer ones and were passed over")
    if not recovered.tree.digests:
        remarks.append("the files hold no digest to compare with (ZooKeeper before 3.6, or digests switched off): "
                       "checksums were all that could be checked")
    for session, paths in recovered.dead.items():
        remarks.append(f"session 0x{session % (1 << 64):x} is over, its ephemerals are gone: {_some(paths)}")
    config = nodes.get(CONFIG)
    if config is not None and config.data:
        remarks.append("the servers in /zookeeper/config are not carried over: Corral's are those of its zoo.cfg")
    remarks += _remarks_on_acls(nodes.values())
    ttl = [node.path for node in nodes.values() if node.owner < 0 and not is_session(node.owner)]
    if ttl and settings.get("extendedTypesEnabled") != "true" and any(_has_ttl(nodes[path]) for path in ttl):
        remarks.append("there are TTL nodes: set extendedTypesEnabled=true in every zoo.cfg, or no more can be created")
    return remarks


def _has_ttl(node: Znode) -> bool:
    return node.owner != -(1 << 63)


def _remarks_on_acls(nodes: Iterable[Znode]) -> list[str]:
    unknown: dict[bytes, list[bytes]] = {}
    for node in nodes:
        for scheme in {scheme for _, scheme, _ in node.acl}.difference(_SCHEMES):
            unknown.setdefault(scheme, []).append(node.path)
    return [
        f"ACLs of scheme {scheme.decode(errors='replace')!r} are kept, but nobody can prove to be one of its ids here, "
        f"only a super user gets in: {_some(paths)}" for scheme, paths in sorted(unknown.items())]


def _some(paths: list[bytes]) -> str:
    shown = ", ".join(path.decode(errors="replace") for path in paths[:_EXAMPLES])
    return shown + (f" and {len(paths) - _EXAMPLES} more" if len(paths) > _EXAMPLES else "")


def kinds_of(state: State) -> Counter[str]:
    """So many nodes of each kind, for a report."""
    kinds: Counter[str] = Counter()
    for path, node in state.tree.nodes.items():
        if not path:
            continue
        if is_session(node.owner):
            kinds["ephemeral"] += 1
        elif node.owner < 0:
            kinds["ttl" if _has_ttl(node) else "container"] += 1
        elif path.startswith(QUOTA + b"/") and path.endswith(LIMITS):
            kinds["quota"] += 1
        else:
            kinds["persistent"] += 1
    return kinds
