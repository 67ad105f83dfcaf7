"""Watches that are set, asked for and removed by themselves; what a client missed while it was away."""

from node.tree.execute import Replica
from node.tree.watches import PLACES, PLACES_OF_ANY_MODE, EventType, Places
from node.tree.wire import PACK_INT
from transport.errors import Err
from transport.jute import JuteError, decode
from transport.records import AddWatchRequest, CheckWatchesRequest, SetWatches, SetWatches2

CATCH_UP_ZXID = -1  # in the header of events that no change fires now

MODE_PERSISTENT, MODE_PERSISTENT_RECURSIVE = 0, 1


def _paths(vector: list[bytes | None] | None) -> list[bytes]:
    """Raises JuteError where ZooKeeper stumbles over a null."""
    if vector is None:
        raise JuteError("null vector")
    paths = [path for path in vector if path is not None]
    if len(paths) != len(vector):
        raise JuteError("null path")
    return paths


def set_watches(
    replica: Replica, body: bytes, identities: bytes, connection: int
) -> bytes | Err:
    """SetWatches -> nothing; events for what changed since the zxid that the client last saw, before the reply."""
    request = decode(SetWatches, body)
    _restore(replica, request, connection, identities)
    return b""


def set_watches2(
    replica: Replica, body: bytes, identities: bytes, connection: int
) -> bytes | Err:
    """SetWatches2 -> nothing; events as for SetWatches, and of what persistent watches missed those that the history
    has (corral.watchHistory). Without it they are lost, as in ZooKeeper."""
    request = decode(SetWatches2, body)
    persistent = _paths(request.persistent_watches)
    recursive = _paths(request.persistent_recursive_watches)
    _restore(replica, request, connection, identities)
    for path in persistent:
        replica.watches.watch_persistently(path, connection, identities)
    for path in recursive:
        replica.watches.watch_recursively(path, connection, identities)
    if replica.history is not None and (persistent or recursive):
        for event, path in replica.history.missed(
                replica.nodes, identities, after=request.relative_zxid, persistent=set(persistent),
                recursive=set(recursive)):
            replica.sink.event([connection], event, path, CATCH_UP_ZXID)
    return b""


def _restore(
    replica: Replica, request: SetWatches | SetWatches2, connection: int, identities: bytes
) -> None:
    data = _paths(request.data_watches)
    exist = _paths(request.exist_watches)
    child = _paths(request.child_watches)
    nodes, watches, since = replica.nodes, replica.watches, request.relative_zxid

    def tell(event: EventType, path: bytes) -> None:
        replica.sink.event([connection], event, path, CATCH_UP_ZXID)

    for path in data:
        node = nodes.get(path)
        if node is None:
            tell(EventType.NODE_DELETED, path)
        elif node.mzxid > since:
            tell(EventType.NODE_DATA_CHANGED, path)
        else:
            watches.watch_data(path, connection, identities)
    for path in exist:
        if path in nodes:
            tell(EventType.NODE_CREATED, path)
        else:
            watches.watch_data(path, connection, identities)
    for path in child:
        node = nodes.get(path)
        if node is None:
            tell(EventType.NODE_DELETED, path)
        elif node.pzxid > since:
            tell(EventType.NODE_CHILDREN_CHANGED, path)
        else:
            watches.watch_children(path, connection, identities)


def add_watch(replica: Replica, body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """AddWatchRequest -> ErrorResponse(0). The node need not exist."""
    request = decode(AddWatchRequest, body)
    if request.path is None:
        return Err.MARSHALLING_ERROR
    if request.mode == MODE_PERSISTENT:
        replica.watches.watch_persistently(request.path, connection, identities)
    elif request.mode == MODE_PERSISTENT_RECURSIVE:
        replica.watches.watch_recursively(request.path, connection, identities)
    else:
        return Err.MARSHALLING_ERROR
    return PACK_INT(0)


def check_watches(replica: Replica, body: bytes, identities: bytes, connection: int) -> bytes | Err:
    """CheckWatchesRequest -> nothing, or NO_WATCHER."""
    path, places = _watch_of(replica, body)
    return b"" if replica.watches.has(path, places, connection) else Err.NO_WATCHER


def remove_watches(
    replica: Replica, body: bytes, identities: bytes, connection: int
) -> bytes | Err:
    """RemoveWatchesRequest -> nothing, or NO_WATCHER. Of this connection only."""
    path, places = _watch_of(replica, body)
    return b"" if replica.watches.remove(path, places, connection) else Err.NO_WATCHER


def _watch_of(replica: Replica, body: bytes) -> tuple[bytes, Places]:
    request = decode(CheckWatchesRequest, body)
    known = PLACES if replica.compatibility.persistent_watcher_types else PLACES_OF_ANY_MODE
    places = known.get(request.type)
    if request.path is None or places is None:
        raise JuteError("no such watch")
    return request.path, places
