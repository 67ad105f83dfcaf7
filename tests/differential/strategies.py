"""Random sequences: few paths, so that things collide; every operation; all kinds of mistakes.

Left out, because genuine ZooKeeper 3.8.0 itself gives no single answer:

- `check` alone: a failing one is answered, a successful one gets no reply at all.
- an auth, an unknown opcode or bad bytes behind other requests of a burst: ZooKeeper handles them
  outside of its pipeline, and they may overtake. They are steps of their own.
- a write behind a setACL of the same burst: ZooKeeper forgets the new ACL in what is pending, so
  whether the write is allowed depends on whether the setACL was applied when it was prepared.
- a null path or a TTL behind the other operations of a multi: ZooKeeper answers -5 and forgets to
  undo what is pending of these, so that requests behind it see znodes that never come to be.
- a sync of a path beyond the BMP or not in UTF-8: ZooKeeper echoes other bytes than it was sent.
- IPv6 in ACLs, which 3.8.0 refuses and Corral accepts.
- a createTTL with the flags of another kind and no ttl, which makes 3.8.0 log what it can't apply; a null path in
  addWatch and the like; a deleteContainer, which 3.8.0 takes from anybody.
- a client that watches in several modes: see watch_modes.py.
- a checkWatches of a known type: 3.8.0 finds the watches of any connection (ZOOKEEPER-4472, mended in 3.9).

- requests behind a write of the same burst, or of the same multi, where quotas are enforced: ZooKeeper checks them
  against a usage that lags behind. Limits and usages that are none, on which 3.8.0 answers -5 to every write below.

Against a 3.9 server (tests/genuine.py) these last two are in.
"""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.differential.steps import (
    LIMITS,
    QUOTA,
    STATS,
    Burst,
    Disconnect,
    Fatal,
    Password,
    Quota,
    Reattach,
    Rewatch,
    Sequence,
    Since,
    Step,
    Unknown,
    ZxidSeen,
)
from tests.differential.watch_modes import Mode, fitted
from tests.genuine import RELEASE
from tests.later_requests import (
    AddWatch,
    CheckWatches,
    CreateContainer,
    CreateTtl,
    GetAllChildrenNumber,
    GetEphemerals,
    MultiRead,
    Reconfig,
    RemoveWatches,
    WhoAmI,
)
from tests.wire import (
    ADMIN_PERM,
    ALL_PERMS,
    CREATE_PERM,
    DELETE_PERM,
    OPEN_ACL,
    READ_PERM,
    WRITE_PERM,
    Acl,
    Auth,
    Check,
    CloseSession,
    Create,
    Create2,
    Delete,
    Exists,
    GetAcl,
    GetChildren,
    GetChildren2,
    GetData,
    Multi,
    PathRequest,
    Ping,
    Raw,
    Request,
    SetAcl,
    SetData,
    Sync,
    Text,
    WatchingRequest,
    int32,
    ustring,
)

Acls = tuple[Acl, ...]


def pick(weights: dict[Any, int]) -> SearchStrategy[Any]:
    """One of the keys.  Shrinks towards the first."""
    return st.sampled_from([key for key, weight in weights.items() for _ in range(weight)])


DIGEST_U1 = "u1:fpT/y03U+EjItKZOSLGvjnJlyng="  # what add_auth of u1:p1 becomes
GOOD_PATHS: dict[Text, int] = {
    "/a": 6, "/b": 4, "/a/b": 5, "/a/c": 3, "": 2, "/b/b": 2, "/a/b/c": 2,
    "/a/0000000000": 1, "/a/s0000000001": 1, "/0000000001": 1, "/é": 1,
}  # fmt: skip
BAD_PATHS: dict[Text, int] = {
    "/a/": 1, "//a": 1, "/a//b": 1, "/./a": 1, "/a/..": 1, "/a\x00b": 1, "/a/\x01": 1, "a": 1,
    "/a/\x7f": 1, "/\U0001f600": 1, "/a/\uf000": 1, b"/a/\xff": 1, None: 1,
}  # fmt: skip
PATHS = pick(GOOD_PATHS | {"?": 2})
CREATED_PATHS = pick(GOOD_PATHS | {"?": 2, "/a/": 3, "/": 2, "/a/s": 3, "/b/": 1})
BAD = pick(BAD_PATHS)
SYNC_PATHS = pick(GOOD_PATHS | {"/a//b": 1, "a": 1, None: 1})
FLAGS = pick({0: 8, 1: 4, 2: 3, 3: 3, 4: 1, 5: 1, 6: 1, 7: 1, -1: 1})
TTL_FLAGS = (5, 6)
DATA = pick({b"": 2, None: 2, b"x": 3, b"yy": 2, bytes(range(100)): 1})
VERSIONS = pick({-1: 6, 0: 4, 1: 3, 2: 1, 3: 1, 7: 1, -2: 1})
IS_3_9 = RELEASE == "3.9"
WATCHER_TYPES = pick({3: 4, 1: 2, 2: 2, 0: 1, 4: 1, 6: 1} | ({4: 2, 5: 2} if IS_3_9 else {}))
CHECKED_WATCHER_TYPES = WATCHER_TYPES if IS_3_9 else pick({0: 1, 4: 1, 6: 1})
MODES = pick({0: 6, 2: 1, -1: 1} | ({1: 4} if IS_3_9 else {}))
WATCH = pick({False: 1, True: 2})
ACLS = pick(
    {
        OPEN_ACL: 20,
        (Acl(READ_PERM, "world", "anyone"),): 4,
        (Acl(WRITE_PERM | CREATE_PERM | DELETE_PERM, "world", "anyone"),): 4,
        (Acl(ALL_PERMS & ~ADMIN_PERM, "world", "anyone"),): 1,
        (Acl(ALL_PERMS, "auth", ""),): 4,
        (Acl(READ_PERM, "world", "anyone"), Acl(ALL_PERMS, "auth", "ignored")): 4,
        (Acl(ALL_PERMS, "digest", DIGEST_U1),): 2,
        (Acl(ALL_PERMS, "digest", "u2:x"), Acl(READ_PERM, "digest", "u1:y")): 2,
        (Acl(ALL_PERMS, "ip", "127.0.0.1"),): 1,
        (Acl(ALL_PERMS, "ip", "127.0.0.0/8"), Acl(READ_PERM, "ip", "10.0.0.0/8")): 5,
        (Acl(ALL_PERMS, "ip", "10.1.2.3"),): 1,
        (Acl(READ_PERM, "ip", "128.0.0.0/1"),): 1,
        (Acl(ALL_PERMS, "world", "anyone"), Acl(ALL_PERMS, "world", "anyone")): 1,
        (Acl(0, "world", "anyone"),): 1,
        (Acl(-1, "world", "anyone"),): 1,
        (): 1,
        None: 1,
        (Acl(ALL_PERMS, "world", "someone"),): 1,
        (Acl(ALL_PERMS, "nonsense", "x"),): 1,
        (Acl(ALL_PERMS, "digest", "nocolon"),): 1,
        (Acl(ALL_PERMS, "digest", "a:b:c"),): 1,
        (Acl(ALL_PERMS, "ip", "300.1.1.1"),): 1,
        (Acl(ALL_PERMS, "ip", "127.0.0.1/33"),): 1,
        (Acl(ALL_PERMS, "ip", "127.0.0.1/x"),): 1,
        (Acl(ALL_PERMS, "ip", "localhost"),): 1,
        (Acl(ALL_PERMS, "ip", "1.2.3"),): 1,
        (Acl(ALL_PERMS, None, None),): 1,
    }
)
AUTHS = pick(
    {
        Auth("digest", b"u1:p1"): 6,
        Auth("digest", b"u2:p2"): 3,
        Auth("digest", b"u3:p:q"): 1,
        Auth("digest", b"nocolon"): 1,
        Auth("digest", b""): 1,
        Auth("ip", b"x"): 1,
    }
)
TRUNCATED = pick(
    {
        Raw(1, ustring("/a") + b"\x00"): 1,
        Raw(2, b"\x00\x00\x00\x09/a"): 1,
        Raw(3, b""): 1,
        Raw(4, ustring("/a")): 1,
        Raw(5, int32(-7)): 1,
        Raw(6, b"\x00"): 1,
        Raw(7, ustring("/a") + int32(1000)): 1,
        Raw(8, b"\xff\xff"): 1,
        Raw(12, int32(2**30)): 1,
        Raw(14, b"\x00\x00\x00\x01\x00"): 1,
        Raw(14, b""): 1,
        Raw(16, ustring("server.1=x")): 1,
        Raw(17, ustring("/a")): 1,
        Raw(19, ustring("/a") + b"\x00"): 1,
        Raw(21, ustring("/a") + int32(0) + int32(0) + int32(5)): 1,
        Raw(22, b"\x00\x00\x00\x04\x00"): 1,
        Raw(103, b"\x00"): 1,
        Raw(104, int32(9)): 1,
        Raw(105, b"\x00" * 12): 1,
        Raw(106, ustring("/a")): 1,
    }
)
UNKNOWN_OPCODES = pick({Raw(77): 2, Raw(10, b"x"): 1, Raw(-1): 1, Raw(0): 1, Raw(9999): 1})
FATAL = pick(
    {
        Auth("world", b"anyone"): 2,
        Auth("nonsense", b"x"): 2,
        Raw(100, b"x"): 1,
        int32(-1): 1,
        int32(-(2**31)): 1,
        int32(1_048_576): 1,
        int32(2**31 - 1) + b"x": 1,
        b"GET / HTTP/1.1\r\n\r\n": 1,
    }
)


@st.composite
def paths(draw: DrawFn) -> Text:
    path: Text = draw(PATHS)
    return draw(BAD) if path == "?" else path


@st.composite
def creates(draw: DrawFn) -> Create:
    path = draw(CREATED_PATHS)
    kind = draw(st.sampled_from([Create, Create2]))
    return kind(draw(BAD) if path == "?" else path, data=draw(DATA), acl=draw(ACLS), flags=draw(FLAGS))


@st.composite
def special_creates(draw: DrawFn) -> Create:
    path = draw(CREATED_PATHS)
    path = draw(BAD) if path == "?" else path
    if draw(st.booleans()):
        # Not 1: 3.8.0 takes the container for an ephemeral until it is written, and refuses what comes in between.
        flags = draw(pick({4: 6, 0: 1, 2: 1, 7: 1}))
        return CreateContainer(path, data=draw(DATA), acl=draw(ACLS), flags=flags)
    flags, ttl_ms = draw(pick({(5, 1000): 3, (6, 1): 2, (5, 0): 1, (5, -1): 1, (6, 2**41): 1, (0, 1000): 1, (7, 1): 1}))
    return CreateTtl(path, data=draw(DATA), acl=draw(ACLS), flags=flags, ttl_ms=ttl_ms)


WRITES: dict[str, int] = {"create": 8, "special create": 2, "delete": 4, "set": 4}
READS: dict[str, int] = {
    "get": 4, "exists": 4, "children": 2, "children2": 2, "acl": 1, "descendants": 1, "ephemerals": 1,
    "check watches": 1, "remove watches": 1, "add watch": 3,
}  # fmt: skip
REST: dict[str, int] = {
    "setacl": 2, "multi": 3, "multi read": 2, "sync": 1, "ping": 1, "truncated": 1, "who am i": 1, "reconfig": 1,
}  # fmt: skip
REQUEST_KINDS = pick(WRITES | READS | REST)
SUB_KINDS = pick(WRITES | {"check": 4, "read": 1})


def of_kind(draw: DrawFn, kind: str) -> Request:
    match kind:
        case "create":
            return draw(creates())
        case "multi":
            return draw(multis())
        case "special create":
            return draw(special_creates())
        case "multi read":
            return draw(multi_reads())
        case "who am i":
            return WhoAmI()
        case "reconfig":
            return Reconfig(leaving="1")
        case "ping":
            return Ping()
        case "sync":
            return Sync(draw(SYNC_PATHS))
        case "truncated":
            truncated: Raw = draw(TRUNCATED)
            return truncated
    path = draw(paths())
    match kind:
        case "delete":
            return Delete(path, draw(VERSIONS))
        case "set":
            return SetData(path, draw(DATA), draw(VERSIONS))
        case "setacl":
            return SetAcl(path, draw(ACLS), draw(VERSIONS))
        case "check":
            return Check(path, draw(VERSIONS))
        case "acl":
            return GetAcl(path)
        case "read":
            return GetData(path)
        case "descendants":
            return GetAllChildrenNumber(path)
        case "ephemerals":
            return GetEphemerals(path)
    if kind in ("check watches", "remove watches", "add watch"):
        path = path or "/a"
    match kind:
        case "check watches":
            return CheckWatches(path, draw(CHECKED_WATCHER_TYPES))
        case "remove watches":
            return RemoveWatches(path, draw(WATCHER_TYPES))
        case "add watch":
            return AddWatch(path, draw(MODES))
    reads = {"get": GetData, "exists": Exists, "children": GetChildren, "children2": GetChildren2}
    return reads[kind](path, draw(WATCH))


@st.composite
def requests(draw: DrawFn) -> Request:
    return of_kind(draw, draw(REQUEST_KINDS))


@st.composite
def multis(draw: DrawFn) -> Multi:
    kinds = draw(st.lists(SUB_KINDS, max_size=5))
    return without_ghosts([of_kind(draw, kind) for kind in kinds])


@st.composite
def multi_reads(draw: DrawFn) -> MultiRead:
    kinds = draw(st.lists(pick({"read": 3, "children": 3, "set": 1, "exists": 1}), max_size=4))
    return MultiRead(tuple(of_kind(draw, kind) for kind in kinds))


def without_ghosts(ops: list[Request]) -> Multi:
    """Without what breaks a multi off, unless it comes first."""
    return Multi(tuple(op for index, op in enumerate(ops) if index == 0 or not breaks_off(op)))


def breaks_off(op: Request) -> bool:
    is_ttl = isinstance(op, Create) and op.flags in TTL_FLAGS
    return is_ttl or (isinstance(op, PathRequest) and op.path is None)


def without_acl_race(burst: list[Request]) -> tuple[Request, ...]:
    """Cut before the first write that follows a setACL."""
    changed = False
    for index, request in enumerate(burst):
        if changed and not isinstance(request, WatchingRequest | GetAcl | Sync | Ping):
            return tuple(burst[:index])
        changed = changed or isinstance(request, SetAcl)
    return tuple(burst)


BURSTS = st.lists(requests(), min_size=1, max_size=6).map(without_acl_race)
PATH_LISTS = st.lists(PATHS.filter(lambda path: path != "?"), max_size=4).map(tuple)
STEP_KINDS = pick(
    {
        "burst": 40, "auth": 4, "close": 3, "write-and-close": 2, "disconnect": 4, "reattach": 3,
        "rewatch": 4, "fatal": 2, "unknown": 1,
    }
)  # fmt: skip
PASSWORDS = pick({Password.RIGHT: 10, Password.WRONG: 1, Password.EMPTY: 1})
ZXIDS_SEEN = pick({ZxidSeen.TRUE: 8, ZxidSeen.ZERO: 2, ZxidSeen.FUTURE: 1})
CLIENTS = pick({1: 1, 2: 3, 3: 2})
PLANTED = pick({(): 1, ("/a",): 1, ("/a", "/a/b"): 1, ("/a", "/b", "/a/b", "/a/c"): 3})
WATCH_MODES = pick({Mode.STANDARD: 3, Mode.PERSISTENT: 1, Mode.RECURSIVE: 1})
HOPS = st.integers(0, 2)
TIMEOUTS_MS = pick({10_000: 3, 8_000: 1, 40_000: 1, 100_000: 1})


@st.composite
def steps(draw: DrawFn, clients: int) -> Step:
    slot = draw(st.integers(0, clients - 1))
    match draw(STEP_KINDS):
        case "burst":
            return Burst(slot, draw(BURSTS))
        case "auth":
            return Burst(slot, (draw(AUTHS),))
        case "close":
            return Burst(slot, (CloseSession(),))
        case "write-and-close":
            return Burst(slot, (*draw(BURSTS), CloseSession(), *draw(BURSTS)))
        case "unknown":
            return Unknown(slot, draw(UNKNOWN_OPCODES))
        case "fatal":
            return Fatal(slot, draw(FATAL))
        case "disconnect":
            return Disconnect(slot)
        case "rewatch":
            return Rewatch(
                slot,
                draw(st.sampled_from(Since)),
                draw(PATH_LISTS),
                draw(PATH_LISTS),
                draw(PATH_LISTS),
                *((draw(PATH_LISTS), draw(PATH_LISTS)) if IS_3_9 and draw(st.booleans()) else ()),
            )
        case _:
            return Reattach(
                slot,
                draw(PASSWORDS),
                draw(ZXIDS_SEEN),
                draw(HOPS),
                draw(TIMEOUTS_MS),
            )


@st.composite
def sequences(draw: DrawFn) -> Sequence:
    clients = draw(CLIENTS)
    planted = draw(PLANTED)
    modes = [draw(WATCH_MODES) for _ in range(clients)]
    drawn = draw(st.lists(steps(clients), min_size=3, max_size=24))
    if not IS_3_9:
        drawn = [fitted(step, modes[step.slot]) for step in drawn]
    return Sequence(clients, planted, tuple(drawn))


# Quotas ----------------------------------------------------------------------------------------

QUOTA_PATHS = pick({"/a": 4, "": 2, "/a/b": 2})
LIMITS_OF = pick({
    b"count=3,bytes=-1": 3, b"count=-1,bytes=5": 3, b"count=2,bytes=100": 1, b"count=0,bytes=0": 1,
    b"count=-1,bytes=-1=;countHardLimit=3": 3, b"count=-1,bytes=-1=;byteHardLimit=5": 3,
    b"count=2,bytes=2=;byteHardLimit=101;countHardLimit=4": 3, b"count=-1,bytes=-1": 1,
})  # fmt: skip
USAGES = pick({b"count=0,bytes=0": 2, b"count=2,bytes=1": 1})


@st.composite
def quota_requests(draw: DrawFn) -> Request:
    node = f"{QUOTA}{draw(QUOTA_PATHS)}"
    match draw(pick({"limit": 4, "look": 4, "limits": 2, "no limits": 2, "no usage": 1, "usage": 2})):
        case "limit":
            return SetData(f"{node}{LIMITS}", draw(LIMITS_OF), -1)
        case "limits":
            return Create(f"{node}{LIMITS}", data=draw(LIMITS_OF))
        case "no limits":
            return Delete(f"{node}{LIMITS}", -1)
        case "usage":
            return Create(f"{node}{STATS}", data=draw(USAGES))
        case "no usage":
            return Delete(f"{node}{STATS}", -1)
    return GetData(f"{node}{STATS}")


@st.composite
def quota_sequences(draw: DrawFn, *, is_enforced: bool) -> Sequence:
    """Sequences in which some burst is of quotas. Enforced ones have one write in each step."""
    sequence = draw(sequences())
    limits = draw(st.dictionaries(QUOTA_PATHS, LIMITS_OF, min_size=1, max_size=2))
    drawn: list[Step] = []
    for step in sequence.steps:
        drawn.append(without_lag(step) if is_enforced else step)
        if draw(pick({True: 1, False: 2})):
            drawn.append(Burst(step.slot, (draw(quota_requests()),)))
    return replace(
        sequence, steps=tuple(drawn), quotas=tuple(Quota(path, told) for path, told in sorted(limits.items())))


def without_lag(step: Step) -> Step:
    if not isinstance(step, Burst):
        return step
    first, *_ = step.requests
    if isinstance(first, Multi):
        writes = [index for index, op in enumerate(first.ops) if isinstance(op, Create | SetData)]
        first = Multi(first.ops[:writes[1]] if len(writes) > 1 else first.ops)
    return replace(step, requests=(first,))
