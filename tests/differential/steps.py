"""What a differential sequence is made of: steps of a few clients, with paths below an unnamed root."""

from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from tests.wire import Multi, PathRequest, Request, SetWatches, Text


class Since(Enum):
    """The relativeZxid of a setWatches: a zxid itself differs between servers."""

    SEEN = "the last zxid that this client saw, as real clients send"
    START = "the zxid that created the root"
    ZERO = "0: everything is news"


class Password(Enum):
    RIGHT = "as granted"
    WRONG = "16 other bytes"
    EMPTY = "no bytes"


class ZxidSeen(Enum):
    """The lastZxidSeen of a reattach."""

    TRUE = "what this client saw"
    ZERO = "0"
    FUTURE = "beyond anything that the server has"


@dataclass(frozen=True)
class Step:
    slot: int  # which client


@dataclass(frozen=True)
class Burst(Step):
    """Requests sent in one piece, before any reply is read."""

    requests: tuple[Request, ...]


@dataclass(frozen=True)
class Rewatch(Step):
    """A setWatches, or with persistent watches a setWatches2."""

    since: Since
    data: tuple[Text, ...]
    exist: tuple[Text, ...]
    child: tuple[Text, ...]
    persistent: tuple[Text, ...] = ()
    recursive: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Disconnect(Step):
    """The client's connection ends; its session stays."""


@dataclass(frozen=True)
class Reattach(Step):
    """The client's session on a new connection, perhaps while the old one is open."""

    password: Password = Password.RIGHT
    zxid_seen: ZxidSeen = ZxidSeen.TRUE
    hop: int = 0  # by how many members to move on, where there are several
    timeout_ms: int = 10_000


@dataclass(frozen=True)
class Fatal(Step):
    """A request or bytes after which the server closes, and nothing more is sent."""

    what: Request | bytes


@dataclass(frozen=True)
class Unknown(Step):
    """A request of no known opcode. ZooKeeper then closes, others may not: the client does."""

    request: Request


@dataclass(frozen=True)
class Quota:
    """What `setquota` of a client makes: limits, and the usage, which the server keeps."""

    path: str
    limits: bytes


@dataclass(frozen=True)
class Sequence:
    """planted: znodes that exist before the first step, parents first; then the quotas."""

    clients: int
    planted: tuple[str, ...]
    steps: tuple[Step, ...]
    quotas: tuple[Quota, ...] = ()


QUOTA = "quota:"  # before the path that a quota is for: where that lies below /zookeeper/quota
LIMITS, STATS = "/zookeeper_limits", "/zookeeper_stats"


def below(root: str, text: Text) -> Text:
    """The path below the root; one that is not absolute is bad, and stays as it is."""
    match text:
        case str() if text.startswith(QUOTA):
            return f"/zookeeper/quota{root}{text.removeprefix(QUOTA)}"
        case str() if text == "" or text.startswith("/"):
            return root + text
        case bytes() if text.startswith(b"/"):
            return root.encode() + text
        case _:
            return text


def relocate(request: Request, root: str) -> Request:
    """The request with all its paths below the root."""
    match request:
        case PathRequest():
            return replace(request, path=below(root, request.path))
        case Multi():
            return replace(request, ops=tuple(relocate(op, root) for op in request.ops))
        case SetWatches():
            lists = [field.name for field in fields(request) if field.name != "relative_zxid"]
            moved: dict[str, Any] = {
                name: tuple(below(root, path) for path in getattr(request, name)) for name in lists
            }
            return replace(request, **moved)
        case _:
            return request
