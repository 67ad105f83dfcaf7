"""The sequential specification: what ordered requests do to a tree, one after the other; written apart from node/tree.

It knows only what simulated clients ask for: everybody may do everything, nothing has a quota, versions do not wrap.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from node.tree.state import State
from node.tree.znode import CONTAINER_OWNER, TTL_OWNER_MIN
from tests.simulation import jute_frames as jute
from tests.simulation.ordered import Batch, Request
from transport.errors import Err
from transport.opcodes import OpCode
from transport.zxid import counter_of, epoch_of

EXPIRE = jute.struct.Struct("<QI")  # the token that was seen: source, connection
ROOT = b""


@dataclass(slots=True)
class Node:
    """*made*: how many children it ever had, which numbers sequential ones. *ttl_ms*: None: it has none."""

    value: bytes
    czxid: int
    mzxid: int
    mtime_ms: int
    owner: int = 0
    ttl_ms: int | None = None
    is_container: bool = False
    version: int = 0
    made: int = 0
    children: int = 0


class Outcome(NamedTuple):
    """*path*: of a create, as made. *failed*: of a multi, the results of its operations if it failed."""

    zxid: int
    err: int
    path: bytes = b""
    node: Node | None = None
    failed: tuple[int, ...] = ()


class Refused(Exception):  # noqa: N818 - the answer of an operation
    def __init__(self, err: int) -> None:
        self.err = err


@dataclass(slots=True)
class Session:
    token: tuple[int, int]
    ephemerals: dict[bytes, None] = field(default_factory=dict)


class Model:
    def __init__(self) -> None:
        self.nodes: dict[bytes, Node] = {ROOT: Node(b"", 0, 0, 0)}
        self.sessions: dict[int, Session] = {}
        self.past: dict[bytes, list[tuple[int, Node | None]]] = {}  # path -> what it has been from which zxid on
        self.undo: list[tuple[bytes, Node | None, int]] | None = None  # of a multi: path, node and past before
        self.now_ms = 0
        self.reaped = 0
        self.upgraded = 0

    def begin_with(self, state: State) -> None:
        for path, node in state.tree.nodes.items():
            if path.strip(b"/") and not path.startswith(b"/zookeeper"):
                self.nodes[path] = Node(
                    node.data or b"", node.czxid, node.mzxid, node.mtime, version=node.version, made=node.cversion,
                    children=len(node.children or ()), owner=node.owner if node.is_ephemeral else 0,
                    is_container=node.owner == CONTAINER_OWNER,
                    ttl_ms=node.owner - TTL_OWNER_MIN if TTL_OWNER_MIN < node.owner < 0 else None)
                self.past[path] = [(0, self.nodes[path])]
        self.nodes[ROOT].made = state.tree.nodes[ROOT].cversion
        for session in state.sessions.values():
            self.sessions[session.id] = Session(
                (session.source, session.connection), dict.fromkeys(session.ephemerals))

    def at(self, path: bytes, zxid: int) -> Node | None:
        """What stood there when *zxid* had been executed."""
        for since, node in reversed(self.past.get(path, ())):
            if since <= zxid:
                return node
        return None

    def execute(self, batch: Batch, request: Request) -> Outcome:
        try:
            return self.dispatch(batch, request)
        except Refused as refused:
            return Outcome(request.zxid, refused.err)

    def dispatch(self, batch: Batch, request: Request) -> Outcome:
        session, token = self.sessions.get(request.session), (batch.token, request.connection)
        if session is not None and session.token == token:
            return self.operation(request, session, token)
        if request.is_local and session is None:
            return self.operation(request, None, token)
        match request.op:
            case OpCode.CREATE_SESSION:
                self.sessions[session_id(batch.source[0], request.zxid)] = Session(token)
            case OpCode.REATTACH if session is not None:
                session.token = token
            case OpCode.EXPIRE if session is not None:
                if EXPIRE.unpack(request.body) != session.token:
                    raise Refused(Err.SESSION_MOVED)
                self.end_session(request.session, request.zxid)
            case OpCode.DELETE_CONTAINER:
                self.reap(request)
            case _:
                raise Refused(Err.SESSION_EXPIRED if session is None else Err.SESSION_MOVED)
        return Outcome(request.zxid, Err.OK)

    def operation(self, request: Request, session: Session | None, token: tuple[int, int]) -> Outcome:
        """Of a client. *session*: None: a local one."""
        zxid, body = request.zxid, request.body
        match request.op:
            case OpCode.CREATE | OpCode.CREATE_CONTAINER | OpCode.CREATE_TTL:
                return Outcome(zxid, Err.OK, self.create(request, body, request.op, token)[0])
            case OpCode.SET_DATA:
                path, at = jute.read_text(body, 0)
                value, at = jute.read_text(body, at)
                return Outcome(zxid, Err.OK, path, self.set_data(path, value, jute.INT.unpack_from(body, at)[0], zxid))
            case OpCode.DELETE:
                path, at = jute.read_text(body, 0)
                self.delete(path, jute.INT.unpack_from(body, at)[0], zxid)
            case OpCode.MULTI:
                return self.multi(request, token)
            case OpCode.CLOSE_SESSION if session is not None:
                self.end_session(request.session, zxid)
            case OpCode.EXPIRE if session is not None and EXPIRE.unpack(body) == session.token:
                self.end_session(request.session, zxid)
            case OpCode.SYNC | OpCode.REATTACH | OpCode.CLOSE_SESSION:
                pass
            case _:
                raise AssertionError(f"the model knows no {OpCode(request.op).name}")
        return Outcome(zxid, Err.OK)

    # --- operations ---

    def touch(self, path: bytes) -> None:
        """Before anything there changes."""
        if self.undo is not None:
            node = self.nodes.get(path)
            self.undo.append((path, None if node is None else replace(node), len(self.past.get(path, ()))))

    def roll_back(self) -> None:
        assert self.undo is not None
        for path, node, past in reversed(self.undo):
            if node is None:
                self.nodes.pop(path, None)
            else:
                self.nodes[path] = node
            del self.past.setdefault(path, [])[past:]

    def put(self, path: bytes, node: Node | None, zxid: int) -> None:
        self.touch(path)
        if node is None:
            del self.nodes[path]
        else:
            self.nodes[path] = node
        self.past.setdefault(path, []).append((zxid, None if node is None else replace(node)))

    def create(self, request: Request, body: bytes, op: int, token: tuple[int, int]) -> tuple[bytes, int]:
        """Returns the path made, and the offset behind the operation in *body*."""
        path, at = jute.read_text(body, 0)
        value, at = jute.read_text(body, at)
        at += len(jute.OPEN_ACL)
        (flags,) = jute.INT.unpack_from(body, at)
        at += jute.INT.size
        node = Node(value, request.zxid, request.zxid, self.now_ms)
        if op == OpCode.CREATE_TTL:
            node.ttl_ms = int.from_bytes(body[at:at + 8], "big")
            at += 8
        elif op == OpCode.CREATE_CONTAINER:
            node.is_container = True
        elif flags & jute.EPHEMERAL:
            self.become_global(request, token)
            node.owner = request.session
        parent = self.nodes.get(parent_of(path))
        if parent is None:
            raise Refused(Err.NO_NODE)
        if op == OpCode.CREATE and flags & jute.SEQUENCE:
            path = b"%b%010d" % (path, parent.made)
        if path in self.nodes:
            raise Refused(Err.NODE_EXISTS)
        self.touch(parent_of(path))
        parent.made += 1
        parent.children += 1
        self.put(path, node, request.zxid)
        if node.owner:
            self.sessions[node.owner].ephemerals[path] = None
        return path, at

    def become_global(self, request: Request, token: tuple[int, int]) -> None:
        if request.session not in self.sessions:
            if not request.may_upgrade:
                raise Refused(Err.EPHEMERAL_ON_LOCAL_SESSION)
            self.upgraded += 1
            self.sessions[request.session] = Session(token)

    def set_data(self, path: bytes, value: bytes, version: int, zxid: int) -> Node:
        self.check(path, version)
        node = replace(self.nodes[path], value=value, mzxid=zxid, mtime_ms=self.now_ms)
        node.version += 1
        self.put(path, node, zxid)
        return replace(node)

    def check(self, path: bytes, version: int) -> None:
        node = self.nodes.get(path)
        if node is None:
            raise Refused(Err.NO_NODE)
        if version not in (-1, node.version):
            raise Refused(Err.BAD_VERSION)

    def delete(self, path: bytes, version: int, zxid: int) -> None:
        self.check(path, version)
        node = self.nodes[path]
        if node.children:
            raise Refused(Err.NOT_EMPTY)
        self.touch(parent_of(path))
        self.nodes[parent_of(path)].children -= 1
        self.put(path, None, zxid)
        if node.owner in self.sessions:
            self.sessions[node.owner].ephemerals.pop(path, None)

    def end_session(self, session: int, zxid: int) -> None:
        for path in list(self.sessions[session].ephemerals):
            self.delete(path, -1, zxid)
        del self.sessions[session]

    def reap(self, request: Request) -> None:
        """A container goes while it is empty, a TTL node once it was not set for so long: looked at again, here."""
        path, at = jute.read_text(request.body, 0)
        node = self.nodes.get(path)
        if node is None:
            raise Refused(Err.NO_NODE)
        if node.czxid != int.from_bytes(request.body[at:at + 8], "big"):
            raise Refused(Err.BAD_VERSION)
        if node.children:
            raise Refused(Err.NOT_EMPTY)
        if not node.is_container and (node.ttl_ms is None or self.now_ms - node.mtime_ms <= node.ttl_ms):
            raise Refused(Err.BAD_VERSION)
        self.delete(path, -1, request.zxid)
        self.reaped += 1

    def multi(self, request: Request, token: tuple[int, int]) -> Outcome:
        """All of its operations, or none. Clients create no ephemerals in it."""
        body, at, done = request.body, 0, 0
        self.undo = []
        kinds = jute.multi_kinds(body)
        try:
            for kind in kinds:
                at = self.part(request, body, at + jute.MULTI_HEADER.size, kind, token)
                done += 1
        except Refused as refused:
            self.roll_back()
            behind = [int(Err.RUNTIME_INCONSISTENCY)] * (len(kinds) - done - 1)
            return Outcome(request.zxid, Err.OK, failed=(*[0] * done, refused.err, *behind))
        finally:
            self.undo = None
        return Outcome(request.zxid, Err.OK)

    def part(self, request: Request, body: bytes, at: int, kind: int, token: tuple[int, int]) -> int:
        """One operation of a multi; returns the offset behind it."""
        if kind == OpCode.CREATE:
            return at + self.create(request, body[at:], kind, token)[1]
        path, at = jute.read_text(body, at)
        if kind == OpCode.SET_DATA:
            value, at = jute.read_text(body, at)
            self.set_data(path, value, jute.INT.unpack_from(body, at)[0], request.zxid)
        else:
            self.check(path, jute.INT.unpack_from(body, at)[0])
        return at + jute.INT.size


def parent_of(path: bytes) -> bytes:
    return path[:path.rfind(b"/")]


def session_id(member: int, zxid: int) -> int:
    """The member in the top byte, the rest from the zxid of the session's creation; signed."""
    number = member << 56 | (epoch_of(zxid) & 0xFFFF) << 40 | counter_of(zxid)
    return number - (1 << 64) if number >> 63 else number
