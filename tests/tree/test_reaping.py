"""Containers and TTL nodes: when their time is over, and that execution looks again."""

from node.tree.reaping import LOOKED_AT_MAX, Reaper
from tests.tree.ensemble import OPEN, Client, Ensemble, Reply, Request
from transport.errors import Err
from transport.jute import encode
from transport.opcodes import OpCode
from transport.records import CreateRequest, CreateTTLRequest, DeleteContainerRequest

INTERVAL_MS = 100


def reaper_of(client: Client, *, per_minute: int = 60_000, never_used_ms: int = 0) -> Reaper:
    return Reaper(
        client.ensemble.replica.tree, interval_ms=INTERVAL_MS, per_minute=per_minute, never_used_ms=never_used_ms,
        now_ms=0)


def due(reaper: Reaper, *, now_ms: int = INTERVAL_MS, wall_ms: int = 0) -> list[bytes]:
    return [node.path for node in reaper.due(now_ms=now_ms, wall_ms=wall_ms)]


def client_with_types() -> Client:
    return Ensemble(settings={"extendedTypesEnabled": "true"}).client()


def container(client: Client, path: bytes) -> None:
    assert isinstance(client.write(OpCode.CREATE_CONTAINER, CreateRequest(path, b"", OPEN, 4)), bytes)


def ttl(client: Client, path: bytes, ttl_ms: int) -> None:
    assert isinstance(client.write(OpCode.CREATE_TTL, CreateTTLRequest(path, b"", OPEN, 5, ttl_ms)), bytes)


def reap(client: Client, path: bytes, czxid: int = 0) -> Reply:
    """As the leader's processor 0 orders it."""
    ensemble = client.ensemble
    node = ensemble.replica.nodes.get(path)
    asked = DeleteContainerRequest(path, czxid or (node.czxid if node else 0))
    return ensemble.submit([Request(OpCode.DELETE_CONTAINER, encode(asked), connection=0, identities=b"\0\0\0\0")])[0]


# --- candidates -----------------------------------------------------------------------------------------------------


def test_a_container_is_due_once_its_last_child_is_gone() -> None:
    client = client_with_types()
    container(client, b"/new")
    container(client, b"/full")
    client.create(b"/full/child")
    container(client, b"/used")
    client.create(b"/used/child")
    client.delete(b"/used/child")

    assert due(reaper_of(client)) == [b"/used"]


def test_a_container_that_was_never_used_is_due_only_if_told_so() -> None:
    client = client_with_types()
    container(client, b"/new")
    made_ms = client.ensemble.time_ms

    assert due(reaper_of(client, never_used_ms=50), wall_ms=made_ms + 50) == []
    assert due(reaper_of(client, never_used_ms=50), wall_ms=made_ms + 51) == [b"/new"]
    assert due(reaper_of(client), wall_ms=made_ms + 10**9) == []


def test_a_ttl_node_is_due_when_it_was_not_set_for_its_time_and_has_no_child() -> None:
    client = client_with_types()
    ttl(client, b"/t", 100)
    ttl(client, b"/parent", 1)
    client.create(b"/parent/child")
    client.set(b"/t", b"alive")
    set_ms = client.ensemble.time_ms

    assert due(reaper_of(client), wall_ms=set_ms + 100) == []
    assert due(reaper_of(client), wall_ms=set_ms + 101) == [b"/t"]


def test_there_is_one_look_per_interval() -> None:
    client = client_with_types()
    reaper = reaper_of(client)
    ttl(client, b"/t", 1)

    assert due(reaper, now_ms=INTERVAL_MS - 1, wall_ms=10**9) == []
    assert due(reaper, now_ms=INTERVAL_MS, wall_ms=10**9) == [b"/t"]
    assert due(reaper, now_ms=INTERVAL_MS + 1, wall_ms=10**9) == []
    assert due(reaper, now_ms=2 * INTERVAL_MS, wall_ms=10**9) == [b"/t"]


def test_so_many_per_minute_and_the_rest_later() -> None:
    client = client_with_types()
    for number in range(20):
        ttl(client, b"/t%d" % number, 1)
    reaper = reaper_of(client, per_minute=600)

    counts = [len(due(reaper, now_ms=now_ms, wall_ms=10**9)) for now_ms in range(100, 2_500, 100)]

    assert counts[:19] == [1] * 19
    assert sum(counts) >= 20


def test_one_call_looks_at_a_bounded_number_of_nodes() -> None:
    client = client_with_types()
    tree = client.ensemble.replica.tree
    for number in range(LOOKED_AT_MAX):
        tree.reapable[b"/gone%d" % number] = None
    ttl(client, b"/t", 1)
    reaper = reaper_of(client)

    assert due(reaper, now_ms=100, wall_ms=10**9) == []
    assert due(reaper, now_ms=150, wall_ms=10**9) == [b"/t"]


# --- execution ------------------------------------------------------------------------------------------------------


def test_reaping_is_a_deletion_like_any_other() -> None:
    client = client_with_types()
    container(client, b"/c")
    client.exists(b"/c", watch=True)
    client.children(b"/", watch=True)

    assert reap(client, b"/c") == b""

    assert client.exists(b"/c") is Err.NO_NODE
    assert client.ensemble.sink.take_events() == [([1], 2, b"/c"), ([1], 4, b"/")]
    assert list(client.ensemble.replica.tree.reapable) == []


def test_what_has_changed_since_it_was_seen_stays() -> None:
    client = client_with_types()
    container(client, b"/used")
    client.create(b"/used/child")
    ttl(client, b"/set", 1000)
    ttl(client, b"/again", 1)
    old_zxid = client.ensemble.replica.zxid - 1
    client.create(b"/plain")

    assert reap(client, b"/used") is Err.NOT_EMPTY
    assert reap(client, b"/set") is Err.BAD_VERSION
    assert reap(client, b"/again", old_zxid) is Err.BAD_VERSION
    assert reap(client, b"/plain") is Err.BAD_VERSION
    assert reap(client, b"/absent") is Err.NO_NODE
    assert reap(client, b"/again") == b""


def test_no_client_can_ask_for_it() -> None:
    client = client_with_types()
    container(client, b"/c")

    asked = DeleteContainerRequest(b"/c", client.ensemble.replica.nodes[b"/c"].czxid)

    assert client.write(OpCode.DELETE_CONTAINER, asked) is Err.UNIMPLEMENTED


def test_what_is_no_such_request_is_a_marshalling_error() -> None:
    client = client_with_types()
    broken = Request(OpCode.DELETE_CONTAINER, b"\0\0\0\7/c", connection=0)

    assert client.ensemble.submit([broken])[0] is Err.MARSHALLING_ERROR
