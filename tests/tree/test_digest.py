"""The running digest: lazy, and equal to a recount of everything."""

from collections.abc import Callable

import pytest

from node.tree.digest import SUM_MOD, contribution, scrub_count
from node.tree.execute import Replica
from node.tree.state import State
from tests.tree.ensemble import OPEN, Client, Ensemble, creating, deleting
from transport.entry import DIGEST_POINT
from transport.opcodes import OpCode
from transport.records import ACL, Id, SyncRequest

# Of a node, and their bits.
NUMBERS = {
    "czxid": 64, "mzxid": 64, "pzxid": 64, "ctime": 64, "mtime": 64, "owner": 64, "version": 32, "cversion": 32,
    "aversion": 32}


def recounted(replica: Replica) -> int:
    return sum(contribution(node) for path, node in replica.nodes.items() if path) % SUM_MOD


@pytest.fixture
def client() -> Client:
    return Ensemble().client()


def test_everything_about_a_node_counts(client: Client) -> None:
    replica = client.ensemble.replica
    seen = {replica.digest()}
    steps: list[Callable[[], object]] = [
        lambda: client.create(b"/a", b""), lambda: client.set(b"/a", None), lambda: client.set(b"/a", b"x"),
        lambda: client.set_acl(b"/a", [ACL(17, Id(b"world", b"anyone"))]), lambda: client.set_acl(b"/a", OPEN),
        lambda: client.delete(b"/a"), lambda: client.create(b"/b", b""),
    ]
    for step in steps:
        step()
        digest = replica.digest()
        assert digest not in seen
        assert replica.tree.digest.total == recounted(replica)
        seen.add(digest)


def test_a_failed_multi_leaves_the_digest_as_it_was(client: Client) -> None:
    client.create(b"/a", b"1")
    replica = client.ensemble.replica
    digest = replica.digest()
    client.multi(deleting(b"/a"), creating(b"/a", b"2"), deleting(b"/absent"))

    assert replica.digest() == digest
    assert replica.tree.digest.total == recounted(replica)


def test_exchanged_data_do_not_cancel_out(client: Client) -> None:
    client.multi(creating(b"/a", b"1"), creating(b"/b", b"2"))
    replica = client.ensemble.replica
    digest = replica.digest()
    a, b = replica.nodes[b"/a"], replica.nodes[b"/b"]
    a.data, b.data = b.data, a.data
    for node in (a, b):
        replica.tree.digest.touched(node)

    assert replica.digest() != digest


def test_a_long_list_of_dirty_nodes_is_settled_between_digest_points(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.tree.execute.DIRTY_MAX", 10)
    for number in range(30):
        client.create(b"/n%d" % number)
        assert len(client.ensemble.replica.dirty) < 10


def test_data_bytes_follow(client: Client) -> None:
    digest = client.ensemble.replica.tree.digest
    digest.settle()
    before = digest.data_bytes
    client.create(b"/ab", b"12345")
    digest.settle()
    assert digest.data_bytes == before + 8
    client.set(b"/ab", b"1")
    digest.settle()
    assert digest.data_bytes == before + 4
    client.delete(b"/ab")
    assert digest.data_bytes == before


def test_a_flipped_byte_shows_at_the_next_digest_point_of_a_small_idle_tree(client: Client) -> None:
    ensemble = client.ensemble
    client.create(b"/a", b"value")
    ensemble.submit([client.request(OpCode.SYNC, SyncRequest(b"/"))], flags=DIGEST_POINT)
    ensemble.replica.flip_byte(b"/a")
    ensemble.submit([client.request(OpCode.SYNC, SyncRequest(b"/"))], flags=DIGEST_POINT)

    (_, before), (_, after) = ensemble.sink.digests
    assert before != after
    assert [(name, values["path"]) for name, values in ensemble.sink.alarms] == [("memory_changed_by_itself", b"/a")]
    assert ensemble.follow().digest() == before


def test_scrubbing_comes_round_to_every_node(client: Client) -> None:
    replica = client.ensemble.replica
    for number in range(50):
        client.create(b"/n%d" % number, b"x")
    replica.digest()
    replica.flip_byte(b"/n7")

    found = [node.path for _ in range(12) for node in replica.tree.digest.scrub(5)]
    replica.digest()

    assert found == [b"/n7"]


def test_whatever_two_nodes_have_exchanged_does_not_cancel_out(client: Client) -> None:
    """As where one replica has executed two requests in the other order."""
    client.create(b"/a", b"same")
    client.create(b"/b", b"same")
    a, b = (client.ensemble.replica.nodes[path] for path in (b"/a", b"/b"))
    for name in NUMBERS:
        setattr(a, name, 7)
        setattr(b, name, 9)
    whole = contribution(a) + contribution(b)
    for name in NUMBERS:
        setattr(a, name, 9)
        setattr(b, name, 7)
        assert (contribution(a) + contribution(b)) % SUM_MOD != whole % SUM_MOD
        setattr(a, name, 7)
        setattr(b, name, 9)


@pytest.mark.parametrize("number", [0, 1, 5 << 32 | 1, -1, (1 << 63) - 1, -(1 << 63)])
def test_every_bit_of_a_node_counts(client: Client, number: int) -> None:
    client.create(b"/node", b"some data")
    node = client.ensemble.replica.nodes[b"/node"]
    for name, bits in NUMBERS.items():
        setattr(node, name, number if bits == 64 else number >> 32)
    before = contribution(node)
    assert 0 < before < 1 << 62

    for name, bits in NUMBERS.items():
        kept = getattr(node, name)
        for bit in range(bits):
            half = 1 << bits - 1
            setattr(node, name, ((kept ^ 1 << bit) + half) % (2 * half) - half)
            assert contribution(node) != before, (name, bit)
        setattr(node, name, kept)
    for name in ("path", "data"):
        kept_bytes = getattr(node, name)
        for bit in range(8 * len(kept_bytes)):
            flipped = bytearray(kept_bytes)
            flipped[bit // 8] ^= 1 << bit % 8
            setattr(node, name, bytes(flipped))
            assert contribution(node) != before, (name, bit)
        setattr(node, name, kept_bytes)
    assert contribution(node) == before


@pytest.mark.parametrize(
    ("nodes", "points"), [(400, 1), (1000, 2), (300_000, 600), (1_000_000, 600), (6_000_000, 1200)])
def test_every_node_has_its_turn_within_so_many_digest_points(nodes: int, points: int) -> None:
    assert nodes / points <= scrub_count(nodes) <= 5000


def test_the_digest_is_the_same_in_every_process_and_version_of_python() -> None:
    client = Ensemble(settings={"b": "1"}).client()
    client.create(b"/a", b"value")
    client.create(b"/a/e", None, flags=3)

    assert State().digest() == EMPTY_DIGEST
    assert client.ensemble.replica.digest() == SMALL_DIGEST


EMPTY_DIGEST = 3083434465
SMALL_DIGEST = 1054806639827397374
