"""The first frame of a session, as old and new clients send it."""

import struct

import pytest

from node.requests.handshake import (
    HandshakeError,
    pack_connect_response,
    parse_connect_request,
    refusal,
)
from node.requests.passwords import is_password, session_password


def frame(*, session: int = 0, password: bytes = b"\0" * 16, tail: bytes = b"\0") -> bytes:
    return struct.pack(">iqiqi", 0, 17, 30_000, session, len(password)) + password + tail


def test_a_client_that_sends_the_read_only_byte_gets_it_back() -> None:
    assert parse_connect_request(frame()).knows_read_only
    assert len(pack_connect_response(timeout_ms=1, session_id=2, password=b"p" * 16, with_read_only=True)) == 41


def test_an_old_client_without_the_byte_gets_the_short_answer() -> None:
    request = parse_connect_request(frame(tail=b""))
    assert not request.knows_read_only
    assert (request.last_zxid_seen, request.timeout_ms) == (17, 30_000)
    assert len(refusal(with_read_only=False)) == 40


def test_a_null_password_is_no_password() -> None:
    null = struct.pack(">iqiqi", 0, 0, 1000, 5, -1)
    assert parse_connect_request(null).password == bytes(16)


@pytest.mark.parametrize("garbage", [b"", b"\0" * 20, frame()[:-9], struct.pack(">iqiqi", 0, 0, 0, 0, 1 << 30)])
def test_what_is_no_connect_request_is_refused(garbage: bytes) -> None:
    with pytest.raises(HandshakeError):
        parse_connect_request(garbage)


def test_a_password_fits_its_session_and_secret_only() -> None:
    password = session_password(b"secret", 42)
    assert is_password(b"secret", 42, password)
    assert not is_password(b"secret", 43, password)
    assert not is_password(b"other", 42, password)
    assert not is_password(b"secret", 42, bytes(16))
