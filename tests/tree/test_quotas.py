"""Quotas: what counts, what is over a limit, and what of that is refused."""

import pytest

from node.tree.paths import guarded_path
from node.tree.quotas import pack_track, parse_track
from node.tree.snapshot import decode_state, encode_state
from tests.tree.ensemble import Client, Ensemble, creating, deleting, multi_errors, setting
from transport.errors import Err

ENFORCED = {"enforceQuota": "true"}
USAGE = b"/zookeeper/quota/a/zookeeper_stats"


def limited(limits: bytes, settings: dict[str, str] | None = None) -> Client:
    """A client of a tree with /a and a child of five bytes, and limits on /a, set as ZooKeeper's shell does."""
    client = Ensemble(settings=settings).client()
    client.create(b"/a", b"")
    client.create(b"/a/b", b"12345")
    set_quota(client, b"/a", limits)
    return client


def set_quota(client: Client, path: bytes, limits: bytes) -> None:
    made = b"/zookeeper/quota"
    for name in path.split(b"/")[1:]:
        made += b"/" + name
        client.create(made)
    client.create(made + b"/zookeeper_limits", limits)
    client.create(made + b"/zookeeper_stats", b"count=0,bytes=0")


def usage(client: Client, path: bytes = USAGE) -> bytes | None:
    got = client.get(path)
    assert not isinstance(got, Err)
    return got.data


# --- the text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "track"), [
    (b"count=5,bytes=10", {b"count": 5, b"bytes": 10}),
    (b"count=5,bytes=10=;countHardLimit=7", {b"count": 5, b"bytes": 10, b"countHardLimit": 7}),
    (b"count==,;bytes=+1", {}),
    (b"count==5", {b"count": -1}),
    (b"bytes=-1,", {b"bytes": -1}),
    (b"", {}),
    (None, {}),
    (b"nonsense", {}),
    (b"count=", {}),
    (b"count=x", {}),
    (b"count=1e3", {}),
    (b"\xff=1\n", {}),
])
def test_a_track_is_read_as_java_does_and_nonsense_says_nothing(text: bytes | None, track: dict[bytes, int]) -> None:
    assert parse_track(text) == track


def test_a_track_is_written_for_parsers_of_all_ages() -> None:
    assert pack_track({b"bytes": 2}) == b"count=-1,bytes=2"
    assert pack_track({b"countHardLimit": 3, b"byteHardLimit": 4, b"count": 1}) == (
        b"count=1,bytes=-1=;byteHardLimit=4;countHardLimit=3")


@pytest.mark.parametrize(("path", "guarded"), [
    (b"/zookeeper/quota/a/zookeeper_limits", b"/a"),
    (b"/zookeeper/quota/a/b/zookeeper_stats", b"/a/b"),
    (b"/zookeeper/quota/zookeeper_limits", b""),
    (b"/zookeeper/quotas/a/zookeeper_limits", b""),
    (b"/zookeeper/quota/a/limits", b""),
    (b"/a/zookeeper_limits", b""),
])
def test_only_nodes_below_the_quota_node_guard_a_path(path: bytes, guarded: bytes) -> None:
    assert guarded_path(path) == guarded


# --- what counts --------------------------------------------------------------------------------------------------


def test_usage_begins_with_what_is_there_and_follows_every_write() -> None:
    client = limited(b"count=-1,bytes=-1")
    assert usage(client) == b"count=2,bytes=5"

    client.create(b"/a/c", b"678")
    client.set(b"/a/b", b"1")
    assert usage(client) == b"count=3,bytes=4"

    client.delete(b"/a/c")
    client.set(b"/a/b", None)
    client.create(b"/ab", b"not below")
    assert usage(client) == b"count=2,bytes=0"


def test_ephemerals_that_go_with_their_session_are_counted_off() -> None:
    client = limited(b"count=-1,bytes=-1")
    other = client.ensemble.client(2)
    other.create(b"/a/e", b"12", flags=1)
    assert usage(client) == b"count=3,bytes=7"

    other.close()

    assert usage(client) == b"count=2,bytes=5"


def test_a_failed_multi_counts_nothing() -> None:
    client = limited(b"count=-1,bytes=-1")
    digest = client.ensemble.replica.digest()

    client.multi(creating(b"/a/c", b"1"), setting(b"/a", b"1"), deleting(b"/a/b"), deleting(b"/absent"))

    assert usage(client) == b"count=2,bytes=5"
    assert client.ensemble.replica.digest() == digest


def test_a_quota_that_a_failed_multi_set_or_took_away_is_as_it_was() -> None:
    client = limited(b"count=-1,bytes=-1")
    client.multi(deleting(b"/zookeeper/quota/a/zookeeper_limits"), deleting(b"/absent"))
    client.multi(
        creating(b"/zookeeper/quota/c"), creating(b"/zookeeper/quota/c/zookeeper_limits"), deleting(b"/absent"))

    assert list(client.ensemble.replica.quotas) == [b"/a"]


def test_the_deepest_quota_counts_alone() -> None:
    client = limited(b"count=-1,bytes=-1")
    set_quota(client, b"/a/b", b"count=-1,bytes=-1")

    client.create(b"/a/b/c", b"xyz")

    assert usage(client, b"/zookeeper/quota/a/b/zookeeper_stats") == b"count=2,bytes=8"
    assert usage(client) == b"count=2,bytes=5"


def test_without_its_limits_a_quota_is_over() -> None:
    client = limited(b"count=2,bytes=-1=;countHardLimit=2", ENFORCED)
    client.delete(b"/zookeeper/quota/a/zookeeper_limits")

    assert client.create(b"/a/c") == b"/a/c"
    assert usage(client) == b"count=2,bytes=5"


def test_the_usage_changes_no_stat_and_tells_nobody() -> None:
    client = limited(b"count=-1,bytes=-1")
    before = client.exists(USAGE)
    client.get(USAGE, watch=True)

    client.create(b"/a/c", b"x")

    assert client.exists(USAGE) == before
    assert client.ensemble.sink.take_events() == []


def test_a_quota_outlives_a_snapshot() -> None:
    client = limited(b"count=-1,bytes=-1")

    state = decode_state(encode_state(client.ensemble.replica.state))

    assert list(state.tree.quotas) == [b"/a"]


# --- limits -------------------------------------------------------------------------------------------------------


def test_what_is_over_an_enforced_hard_limit_is_refused() -> None:
    client = limited(b"count=-1,bytes=-1=;byteHardLimit=7;countHardLimit=3", ENFORCED)

    assert client.create(b"/a/c", b"123") is Err.QUOTA_EXCEEDED
    assert client.create(b"/a/c", b"12") == b"/a/c"
    assert client.create(b"/a/d", b"") is Err.QUOTA_EXCEEDED
    assert client.set(b"/a/c", b"123") is Err.QUOTA_EXCEEDED
    assert client.set(b"/a/c", b"") is not Err.QUOTA_EXCEEDED
    assert usage(client) == b"count=3,bytes=5"
    assert client.ensemble.sink.alarms == []


def test_a_write_that_shrinks_what_is_over_a_limit_is_judged_by_what_is_left() -> None:
    client = limited(b"count=-1,bytes=-1=;byteHardLimit=2", ENFORCED)

    assert client.set(b"/a/b", b"1234") is Err.QUOTA_EXCEEDED
    assert client.set(b"/a/b", b"12") is not Err.QUOTA_EXCEEDED


def test_the_quota_is_checked_after_permission_and_before_the_version() -> None:
    client = limited(b"count=-1,bytes=-1=;byteHardLimit=5", ENFORCED)

    assert client.set(b"/a/b", b"123456", version=9) is Err.QUOTA_EXCEEDED
    assert client.set(b"/a/absent", b"123456") is Err.NO_NODE
    assert client.create(b"/a/b", b"123456") is Err.NODE_EXISTS


def test_an_operation_of_a_multi_that_is_over_fails_it() -> None:
    client = limited(b"count=-1,bytes=-1=;countHardLimit=3", ENFORCED)

    reply = client.multi(creating(b"/a/c"), creating(b"/a/d"))

    assert multi_errors(reply) == [0, Err.QUOTA_EXCEEDED]
    assert usage(client) == b"count=2,bytes=5"


@pytest.mark.parametrize(("limits", "settings"), [
    (b"count=2,bytes=-1", ENFORCED), (b"count=-1,bytes=-1=;countHardLimit=2", {})], ids=["soft", "not enforced"])
def test_what_is_over_another_limit_is_done_and_told(limits: bytes, settings: dict[str, str]) -> None:
    client = limited(limits, settings)

    assert client.create(b"/a/c") == b"/a/c"

    assert client.ensemble.sink.alarms == [
        ("quota_exceeded", {"path": "/a", "kind": "count", "wanted": 3, "limit": 2})]


def test_limits_that_say_nothing_limit_nothing() -> None:
    client = limited(b"nonsense", ENFORCED)

    assert client.create(b"/a/c") == b"/a/c"
    assert usage(client) == b"count=3,bytes=5"
