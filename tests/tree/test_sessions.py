"""Sessions as execution sees them: ids, tokens, ends (design: sessions)."""

import struct

import pytest

from node.sessions.table import Session
from tests.tree.ensemble import NO_PASSWORD, OPEN, Client, Ensemble, Request, own_source
from transport.batch import ATTACH_BODY, EXPIRE_BODY
from transport.errors import Err
from transport.opcodes import OpCode
from transport.records import CreateRequest, DeleteRequest

ATTACHED = struct.Struct("<qi")


@pytest.fixture
def ensemble() -> Ensemble:
    return Ensemble()


def reattach(ensemble: Ensemble, session: int, connection: int, *, timeout_ms: int = 5_000,
             password: bytes = NO_PASSWORD, member: int = 1) -> object:
    body = ATTACH_BODY.pack(timeout_ms, password)
    replies = ensemble.submit(
        [Request(OpCode.REATTACH, body, session=session, connection=connection)], member=member)
    return replies[0] if replies else None


def test_an_id_is_the_member_and_the_zxid_and_negative_from_member_128_on(ensemble: Ensemble) -> None:
    first = ensemble.client(1, member=1)
    assert first.session == 1 << 56 | 1 << 40 | 1
    second = ensemble.client(1, member=200)
    assert second.session == (200 << 56 | 1 << 40 | 2) - (1 << 64)


def test_an_attach_answers_with_id_and_timeout(ensemble: Ensemble) -> None:
    client = ensemble.client(3)
    *_, body = ensemble.sink.replies[-1]
    assert ATTACHED.unpack(body) == (client.session, 10_000)


def test_an_unknown_session_is_expired(ensemble: Ensemble) -> None:
    request = Request(OpCode.CREATE, b"", session=4711)
    assert ensemble.submit([request])[0] is Err.SESSION_EXPIRED
    assert reattach(ensemble, 4711, 2) is Err.SESSION_EXPIRED
    assert ensemble.expire(4711, source=0, connection=0) is Err.SESSION_EXPIRED


def test_a_leftover_of_an_older_connection_is_refused_as_moved(ensemble: Ensemble) -> None:
    client = ensemble.client(1)
    assert reattach(ensemble, client.session, 2) == ATTACHED.pack(client.session, 5_000)

    assert client.create(b"/late") is Err.SESSION_MOVED
    assert ensemble.sink.moved == [(client.session, own_source(), 1)]
    assert ensemble.replica.sessions[client.session].timeout_ms == 5_000
    assert Client(ensemble, client.session, 2, client.identities).create(b"/a") == b"/a"


def test_a_session_that_moved_to_another_member_is_lost_here(ensemble: Ensemble) -> None:
    client = ensemble.client(1)
    reattach(ensemble, client.session, 1, member=2)

    assert client.create(b"/late") is Err.SESSION_MOVED
    assert ensemble.sink.moved == [(client.session, own_source(), 1)]


def test_an_imported_session_keeps_its_password(ensemble: Ensemble) -> None:
    ensemble.replica.sessions.add(Session(session_id=77, timeout_ms=9, source=0, connection=0, password=b"p" * 16))

    assert reattach(ensemble, 77, 1, password=b"q" * 16) is Err.SESSION_EXPIRED
    assert reattach(ensemble, 77, 1, password=b"p" * 16) == ATTACHED.pack(77, 5_000)


def test_closing_deletes_ephemerals_in_the_order_of_their_creation_with_one_zxid(ensemble: Ensemble) -> None:
    client, watcher = ensemble.client(1), ensemble.client(2)
    for path in (b"/z", b"/a", b"/m"):
        client.create(path, flags=1)
        watcher.exists(path, watch=True)
    watcher.children(b"/", watch=True)

    assert client.close() == b""

    zxid = ensemble.replica.zxid
    assert ensemble.sink.events == [
        ([2], 2, b"/z", zxid), ([2], 4, b"/", zxid), ([2], 2, b"/a", zxid), ([2], 2, b"/m", zxid)]
    assert ensemble.sink.ended == [(client.session, own_source(), 1)]
    assert ensemble.replica.nodes[b"/"].pzxid == zxid
    assert client.create(b"/late") is Err.SESSION_EXPIRED


def test_an_ephemeral_that_was_deleted_before_is_not_deleted_again(ensemble: Ensemble) -> None:
    client, other = ensemble.client(1), ensemble.client(2)
    client.create(b"/e", flags=1)
    other.delete(b"/e")
    other.create(b"/e")
    client.close()

    assert b"/e" in ensemble.replica.nodes
    assert ensemble.replica.sessions.ephemerals == 0


def test_an_expiry_does_nothing_once_the_token_has_changed(ensemble: Ensemble) -> None:
    client = ensemble.client(1)
    client.create(b"/e", flags=1)
    reattach(ensemble, client.session, 2)

    assert ensemble.expire(client.session, source=own_source(), connection=1) is Err.SESSION_MOVED
    assert b"/e" in ensemble.replica.nodes
    assert ensemble.expire(client.session, source=own_source(), connection=2) == b""
    assert b"/e" not in ensemble.replica.nodes
    assert ensemble.sink.ended == [(client.session, own_source(), 2)]


def test_a_close_in_the_middle_of_a_batch_ends_what_follows(ensemble: Ensemble) -> None:
    client = ensemble.client(1)
    replies = ensemble.submit([
        client.request(OpCode.CREATE, CreateRequest(b"/e", b"", OPEN, 1)),
        client.request(OpCode.CLOSE_SESSION),
        client.request(OpCode.CREATE, CreateRequest(b"/f", b"", OPEN, 1)),
    ])
    assert replies[1:] == [b"", Err.SESSION_EXPIRED]
    assert b"/e" not in ensemble.replica.nodes


def test_whatever_ends_or_moves_a_session_in_the_middle_of_a_batch_counts_for_what_follows(ensemble: Ensemble) -> None:
    moved, expired = ensemble.client(1), ensemble.client(2)
    writes = [client.request(OpCode.DELETE, DeleteRequest(b"/absent", -1)) for client in (moved, expired)]
    reattaching = Request(OpCode.REATTACH, ATTACH_BODY.pack(5_000, NO_PASSWORD), session=moved.session, connection=3)
    expiring = Request(
        OpCode.EXPIRE, EXPIRE_BODY.pack(own_source(), 2), session=expired.session, connection=0)

    replies = ensemble.submit([writes[0], reattaching, writes[0], writes[1], expiring, writes[1], writes[0]])

    assert [replies[at] for at in (0, 2, 3, 5, 6)] == [
        Err.NO_NODE, Err.SESSION_MOVED, Err.NO_NODE, Err.SESSION_EXPIRED, Err.SESSION_MOVED]


def test_the_tables_digest_is_the_sum_over_its_sessions(ensemble: Ensemble) -> None:
    clients = [ensemble.client(number) for number in range(1, 5)]
    reattach(ensemble, clients[0].session, 9)
    clients[1].close()
    table = ensemble.replica.sessions

    assert table.digest == sum(session.contribution() for session in table.values()) % 2**64
