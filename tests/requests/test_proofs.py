"""Connections that must say who they are before anything else (A1.8, 49), and SASL within the order of replies."""

import struct

import pytest

from node.requests.auth import AuthRules
from node.requests.connection import Connection, Phase
from node.requests.sasl import SaslRefusedError
from tests.requests.solo import Solo, create, get_data, replies, request, string
from transport.errors import Err

PING, AUTH, SASL = 11, 100, 102
NEEDS_DIGEST = AuthRules(required=frozenset(("digest",)))
NEEDS_SASL = AuthRules(required=frozenset(("sasl",)))


class TwoSteps:
    """An exchange that believes whoever says so."""

    def __init__(self) -> None:
        self.user = ""

    def step(self, token: bytes) -> bytes | None:
        if not token:
            return b"who?"
        if token == b"liar":
            raise SaslRefusedError("no")
        self.user = token.decode()
        return None


def auth(scheme: bytes, data: bytes) -> bytes:
    return request(-4, AUTH, struct.pack(">i", 0) + string(scheme) + string(data))


def sasl(xid: int, token: bytes) -> bytes:
    return request(xid, SASL, string(token))


def with_sasl(**rules: object) -> Solo:
    solo = Solo(auth=AuthRules(**rules))  # type: ignore[arg-type]  # whatever a test names
    solo.core.proofs.sasl = TwoSteps
    return solo


@pytest.mark.parametrize("asked", [get_data(7, b"/a"), create(7, b"/a"), request(7, PING), request(7, -11)])
def test_the_first_other_request_is_refused_and_ends_the_connection(asked: bytes) -> None:
    solo = Solo(auth=NEEDS_DIGEST)
    conn = solo.connect()

    solo.send(conn, asked, asked)

    assert replies(conn) == [(7, Err.SESSION_CLOSED_REQUIRE_SASL_AUTH, b"")]
    assert conn.phase is Phase.CLOSED
    assert solo.core.statistics.auth_failed == 1


def test_once_proven_it_is_served_from_the_same_bytes_on() -> None:
    solo = Solo(auth=NEEDS_DIGEST)
    conn = solo.connect()
    packet = auth(b"digest", b"ann:1")

    solo.send(conn, packet + create(1, b"/a", b"v")[:9])
    assert conn.phase is Phase.READY
    solo.send(conn, create(1, b"/a", b"v")[9:] + get_data(2, b"/a"))
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(-4, 0), (1, 0), (2, 0)]


def test_an_identity_of_another_scheme_does_not_count() -> None:
    solo = with_sasl(required=frozenset(("sasl",)))
    conn = solo.connect()

    solo.send(conn, auth(b"digest", b"ann:1"), get_data(1, b"/a"))

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(-4, 0), (1, Err.SESSION_CLOSED_REQUIRE_SASL_AUTH)]


def test_the_address_is_an_identity_that_everyone_has() -> None:
    solo = Solo(auth=AuthRules(required=frozenset(("ip",))))
    conn = solo.connect()

    solo.send(conn, request(1, PING))

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0)]


def test_a_packet_in_pieces_waits_for_its_end() -> None:
    solo = Solo(auth=NEEDS_DIGEST)
    conn = solo.connect()
    packet = auth(b"digest", b"ann:1")

    for at in range(len(packet)):
        assert conn.phase is Phase.UNPROVEN
        solo.core.feed(conn, packet[at:at + 1], 0)

    assert conn.phase is Phase.READY


def test_a_broken_frame_ends_it_without_an_answer() -> None:
    solo = Solo(auth=NEEDS_DIGEST)
    conn = solo.connect()

    solo.send(conn, struct.pack(">iii", -1, 1, 1))

    assert (conn.phase, conn.out) == (Phase.CLOSED, [])


def test_sasl_takes_as_many_steps_as_it_wants() -> None:
    solo = with_sasl(required=frozenset(("sasl",)))
    conn = solo.connect()

    solo.send(conn, sasl(1, b""))
    assert replies(conn) == [(1, 0, string(b"who?"))]
    assert conn.phase is Phase.UNPROVEN
    solo.send(conn, sasl(2, b"ann"))

    assert replies(conn) == [(2, 0, struct.pack(">i", -1))]
    assert conn.phase is Phase.READY
    assert string(b"sasl") + string(b"ann") in conn.identity


@pytest.mark.parametrize(("rules", "err"), [
    ({}, Err.AUTH_FAILED),
    ({"required": frozenset(("sasl",))}, Err.SESSION_CLOSED_REQUIRE_SASL_AUTH),
    ({"required": frozenset(("sasl",)), "keeps_failed_sasl": True}, Err.SESSION_CLOSED_REQUIRE_SASL_AUTH),
])
def test_who_fails_is_told_and_closed(rules: dict[str, object], err: Err) -> None:
    solo = with_sasl(**rules)
    conn = solo.connect()

    solo.send(conn, sasl(1, b"liar"))

    assert replies(conn) == [(1, err, struct.pack(">i", -1))]
    assert conn.phase is Phase.CLOSED


def test_who_fails_may_stay_as_nobody() -> None:
    solo = with_sasl(keeps_failed_sasl=True)
    conn = solo.connect()

    solo.send(conn, sasl(1, b"liar"), request(2, PING))

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0), (2, 0)]
    assert b"sasl" not in conn.identity


def test_sasl_behind_a_write_is_answered_behind_it() -> None:
    solo = with_sasl()
    conn = solo.connect()

    solo.send(conn, create(1, b"/a"), sasl(2, b"ann"))
    assert replies(conn) == []
    solo.execute()

    assert [xid for xid, _, _ in replies(conn)] == [1, 2]
    assert b"sasl" in conn.identity


def test_writes_behind_sasl_are_of_the_user() -> None:
    solo = with_sasl()
    conn = solo.connect()
    mine = struct.pack(">ii", 1, 31) + string(b"auth") + string(b"")
    node = request(3, 1, string(b"/mine") + string(b"") + mine + struct.pack(">i", 0))
    solo.raise_level(2)

    solo.send(conn, sasl(1, b"ann"), node)
    solo.execute()

    assert [(xid, err) for xid, err, _ in replies(conn)] == [(1, 0), (3, 0)]
    assert solo.core.replica.nodes[b"/mine"].acl == ((31, b"sasl", b"ann"),)


def test_without_sasl_every_token_gets_none_as_from_zookeeper() -> None:
    solo = Solo()
    conn = solo.connect()

    solo.send(conn, sasl(1, b"token"))

    assert replies(conn) == [(1, 0, struct.pack(">i", -1))]
    assert conn.phase is Phase.READY


@pytest.mark.parametrize("body", [b"", b"\0\0", b"\0\0\0\5abc", b"\xff\xff\xff\xf0"])
def test_a_broken_token_ends_the_connection(body: bytes) -> None:
    solo = with_sasl()
    conn = solo.connect()

    solo.send(conn, request(1, SASL, body))

    assert (conn.phase, conn.out) == (Phase.CLOSED, [])


def test_a_client_of_another_ensemble_gets_no_answer() -> None:
    solo = Solo(auth=AuthRules(ensembles=frozenset(("main",))))
    conn = solo.connect()

    solo.send(conn, auth(b"ensemble", b"spare"))

    assert (conn.phase, conn.out, conn.outcome) == (Phase.CLOSED, [], "other_ensemble")


def test_where_acls_are_skipped_everyone_passes_and_nobody_is_told_so() -> None:
    solo = Solo(auth=AuthRules(skips_acls=True))
    conn: Connection = solo.connect()
    nobody = struct.pack(">ii", 1, 0) + string(b"world") + string(b"anyone")

    solo.send(conn, request(1, 1, string(b"/a") + string(b"v") + nobody + struct.pack(">i", 0)))
    solo.execute()
    solo.send(conn, get_data(2, b"/a"), request(3, 107))

    answers = replies(conn)
    assert [(xid, err) for xid, err, _ in answers] == [(1, 0), (2, 0), (3, 0)]
    assert b"super" not in answers[2][2]
