"""Frames and records that are wrong get from Corral what they get from genuine ZooKeeper."""

import struct

import pytest

from tests.fourletter.conftest import Pair
from tests.hostile.attack import CLOSED, JUTE_MAX_BUFFER, OPEN, XID, outcome, request
from tests.hostile.conftest import Bystander
from tests.wire import (
    CHECK,
    CREATE,
    DELETE,
    EXISTS,
    GET_DATA,
    MULTI,
    SET_DATA,
    SET_WATCHES,
    buffer,
    frame,
    int32,
    ustring,
)
from tests.wire_connection import Connection

OPEN_ACL = int32(1) + int32(31) + ustring("world") + ustring("anyone")
UNIMPLEMENTED = -6
HANDSHAKE = struct.pack(">iqiq", 0, 0, 10_000, 0)

BEFORE_THE_HANDSHAKE = {
    "a frame over jute.maxbuffer": int32(JUTE_MAX_BUFFER + 1),
    "the longest length": int32(2**31 - 1),
    "a negative length": int32(-1),
    "the most negative length": int32(-(2**31)),
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tls": bytes.fromhex("16030100a5010000a10303") + bytes(160),
    "noise": bytes(range(255, 0, -1)) * 20,
    "an empty frame": frame(b""),
    "a handshake cut short": frame(HANDSHAKE[:12]),
    "a handshake without a password": frame(HANDSHAKE),
    "a password of negative length": frame(HANDSHAKE + int32(-2)),
    "a password longer than its frame": frame(HANDSHAKE + int32(1000) + b"short"),
}

IN_A_SESSION = {
    "a frame over jute.maxbuffer": int32(JUTE_MAX_BUFFER + 1),
    "the longest length": int32(2**31 - 1),
    "a negative length": int32(-1),
    "garbage": b"\xde\xad\xbe\xef" * 100,
    "a header cut short": frame(int32(XID)),
    "an empty frame": frame(b""),
}

BROKEN_RECORDS = {
    "no body": request(CREATE, b""),
    "a path longer than its frame": request(EXISTS, int32(1000) + b"/a\0"),
    "a path of negative length": request(EXISTS, int32(-5) + b"/a\0"),
    "data longer than their frame": request(SET_DATA, ustring("/a") + int32(10**6) + int32(-1)),
    "data of negative length": request(SET_DATA, ustring("/a") + int32(-3) + int32(-1)),
    "a record cut short": request(CREATE, ustring("/hostile") + buffer(b"data")),
    "an ACL with two billion entries": request(
        CREATE, ustring("/hostile") + buffer(b"") + int32(2**31 - 1) + int32(0)
    ),
    "a delete without a version": request(DELETE, ustring("/hostile")),
    "a multi cut short": request(MULTI, struct.pack(">i?i", CREATE, False, -1)),
    "a multi of nothing known": request(MULTI, struct.pack(">i?i", 999, False, -1)),
    "a read cut short": request(GET_DATA, b"\0\0"),
    "watches cut short": request(SET_WATCHES, struct.pack(">qi", 0, 5)),
    "two billion watches": request(SET_WATCHES, struct.pack(">qi", 0, 2**31 - 1)),
}

NO_REQUESTS = {
    "an unknown opcode": request(999, b""),
    "a negative opcode": request(-7, b""),
    "a notification": request(0, b""),
    "a check outside of a multi": request(CHECK, ustring("/") + int32(-1)),
    "an error": request(-1, int32(0)),
}


@pytest.mark.parametrize("attack", BEFORE_THE_HANDSHAKE)
def test_garbage_before_the_handshake_ends_the_connection(
    pair: Pair, bystander: Bystander, attack: str
) -> None:
    sent = BEFORE_THE_HANDSHAKE[attack]

    genuine, corral = (
        outcome(servers.addresses[0], sent, in_session=False) for servers in pair.both
    )

    assert corral == genuine == ([], CLOSED)


@pytest.mark.parametrize("attack", IN_A_SESSION)
def test_a_broken_frame_ends_the_connection(
    pair: Pair, bystander: Bystander, attack: str
) -> None:
    genuine, corral = (outcome(s.addresses[0], IN_A_SESSION[attack]) for s in pair.both)

    assert corral == genuine == ([], CLOSED)


@pytest.mark.parametrize("attack", BROKEN_RECORDS)
def test_a_broken_record_gets_what_zookeeper_answers(
    pair: Pair, bystander: Bystander, attack: str
) -> None:
    genuine, corral = (outcome(s.addresses[0], BROKEN_RECORDS[attack]) for s in pair.both)

    assert corral == genuine


@pytest.mark.parametrize("attack", NO_REQUESTS)
def test_what_is_no_request_is_unimplemented(
    pair: Pair, bystander: Bystander, attack: str
) -> None:
    """ZooKeeper then closes the connection, at once or a moment later, and a client that probes for
    features comes back for ever; to a lone check it says nothing.  Here the connection stays."""
    genuine, corral = (outcome(s.addresses[0], NO_REQUESTS[attack]) for s in pair.both)

    assert corral == ([(XID, UNIMPLEMENTED)], OPEN)
    assert genuine[0] in ([(XID, UNIMPLEMENTED)], [])


def test_a_frame_of_just_jute_maxbuffer_is_welcome(pair: Pair, bystander: Bystander) -> None:
    around = len(ustring("/big") + buffer(b"") + OPEN_ACL + int32(0)) + 8
    body = ustring("/big") + buffer(bytes(JUTE_MAX_BUFFER - around)) + OPEN_ACL + int32(0)
    longest = request(CREATE, body)
    assert len(longest) == 4 + JUTE_MAX_BUFFER

    for servers in pair.both:
        assert outcome(servers.addresses[0], longest) == ([(XID, 0)], OPEN)
        assert outcome(servers.addresses[0], request(DELETE, ustring("/big") + int32(-1)))[1] == OPEN


def test_a_request_may_come_byte_by_byte(pair: Pair, bystander: Bystander) -> None:
    for servers in pair.both:
        with Connection.open(servers.addresses[0]) as connection:
            for byte in request(EXISTS, ustring("/") + b"\0"):
                connection.send_bytes(bytes([byte]))
            payload = connection.receive_frame()
            assert payload is not None
            assert struct.unpack_from(">iqi", payload)[::2] == (XID, 0)


def test_a_thousand_bad_clients_are_logged_once(pair: Pair, bystander: Bystander) -> None:
    before = len(pair.corral.log(1).splitlines())

    for number in range(1000):
        attacks = list(IN_A_SESSION.values()) if number % 2 else list(BEFORE_THE_HANDSHAKE.values())
        attack = attacks[number // 2 % len(attacks)]
        assert outcome(pair.corral.addresses[0], attack, in_session=number % 2 == 1) == ([], CLOSED)

    assert len(pair.corral.log(1).splitlines()) - before <= 10
