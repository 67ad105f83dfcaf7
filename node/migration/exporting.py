"""A state of Corral's as a data directory that a ZooKeeper server starts from.

A zxid is a 64-bit number in both, and stays as it is: ZooKeeper reads its upper 32 bits as the epoch, which Corral's
epoch and counter together are. So a client that has seen Corral's zxids is not ahead of the server, whose next epoch is
above all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.sessions.table import SessionTable
from node.tree.paths import CONFIG
from node.tree.state import State
from node.tree.tree import Tree
from node.tree.znode import is_session
from node.zookeeper_files.directory import VERSION
from node.zookeeper_files.sessions import zookeeper_password
from node.zookeeper_files.writing import write_epochs, write_snapshot
from transport.entry import read_control
from transport.zxid import Zxid

DATA_BYTES_MAX: Final = 0xFFFFF - 1024  # jute.maxbuffer where nobody has set it, less the rest of a request


@dataclass(frozen=True, slots=True)
class Exported:
    """*sessions*: that are in the files; *continued*: of these, whose clients ZooKeeper will know again."""

    directories: list[Path]
    zxid: Zxid
    epoch: int
    znodes: int
    sessions: int
    continued: int
    remarks: list[str]


def export(state: State, directories: Sequence[Path], *, keeps_sessions: bool) -> Exported:
    """The same files into each `<directory>/version-2`, made here.

    Changes the state.  Raises FileExistsError, OSError.
    """
    remarks = _remarks(state, keeps_sessions=keeps_sessions)
    if not keeps_sessions:
        _end_sessions(state)
    config = state.tree.nodes.get(CONFIG)
    if config is not None:
        config.data, config.version = b"", 0  # ZooKeeper's servers are those of its own configuration
    sessions = {session.id: session.timeout_ms for session in state.sessions.values()}
    epoch = 0
    for directory in directories:
        place = directory / VERSION
        place.mkdir(parents=True)
        write_snapshot(place, state.tree, sessions, state.zxid)
        epoch = write_epochs(place, state.zxid)
    return Exported(
        list(directories), Zxid(state.zxid), epoch, len(state.tree.nodes) - 1, len(sessions),
        _continued(state.sessions), remarks)


def _end_sessions(state: State) -> None:
    for path in [path for path, node in state.tree.nodes.items() if path and is_session(node.owner)]:
        node = state.tree.nodes[path]
        parent = state.tree.nodes[path[:path.rfind(b"/")]]
        parent.pzxid = max(parent.pzxid, state.zxid)
        state.tree.detach(node)
    state.sessions = SessionTable()


def _continued(sessions: SessionTable) -> int:
    """ZooKeeper takes a session by the password that it would have given."""
    return sum(1 for each in sessions.values() if each.password == zookeeper_password(each.id))


def _remarks(state: State, *, keeps_sessions: bool) -> list[str]:
    remarks = []
    continued = _continued(state.sessions)
    others = len(state.sessions) - continued
    if not keeps_sessions:
        remarks.append(f"{len(state.sessions)} sessions end, with their ephemerals: clients make new ones")
    elif others:
        remarks.append(
            f"{others} sessions began here: ZooKeeper does not know their passwords, so it tells their clients that "
            "they have expired, and their ephemerals go when their timeouts have passed; --end-sessions ends them now")
    if state.control and read_control(state.control).servers:
        remarks.append("the servers in /zookeeper/config are not carried over: ZooKeeper's are those of its zoo.cfg")
    large = _large(state.tree)
    if large:
        remarks.append(f"{large} nodes are larger than ZooKeeper's clients may send by default: raise jute.maxbuffer")
    return remarks


def _large(tree: Tree) -> int:
    return sum(1 for node in tree.nodes.values() if node.data and len(node.data) > DATA_BYTES_MAX)
