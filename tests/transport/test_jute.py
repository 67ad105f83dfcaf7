"""The declared records are ZooKeeper's: byte for byte what kazoo sends, and typed errors for what is broken."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kazoo import security
from kazoo.protocol import serialization as kazoo

from transport.jute import (
    JuteError,
    LeftOverError,
    LengthError,
    Record,
    TruncatedError,
    decode,
    decode_exact,
    encode,
)
from transport.opcodes import OpCode
from transport.records import (
    ACL,
    AuthPacket,
    CheckVersionRequest,
    ConnectRequest,
    CreateRequest,
    DeleteRequest,
    ExistsRequest,
    GetACLRequest,
    GetChildrenRequest,
    GetDataRequest,
    GetDataResponse,
    Id,
    MultiHeader,
    ReplyHeader,
    SetACLRequest,
    SetDataRequest,
    SetWatches,
    Stat,
    SyncRequest,
)

KAZOO_ACL = [
    security.ACL(31, security.Id("world", "anyone")), security.ACL(1, security.Id("digest", "u:h"))]
OUR_ACL = [ACL(31, Id(b"world", b"anyone")), ACL(1, Id(b"digest", b"u:h"))]


@pytest.mark.parametrize(("ours", "theirs"), [
    (CreateRequest(b"/a", b"data", OUR_ACL, 3), kazoo.Create("/a", b"data", KAZOO_ACL, 3)),
    (CreateRequest(b"/a", b"", OUR_ACL, 0), kazoo.Create2("/a", b"", KAZOO_ACL, 0)),
    (DeleteRequest(b"/a", -1), kazoo.Delete("/a", -1)),
    (ExistsRequest(b"/a", True), kazoo.Exists("/a", object())),
    (GetDataRequest(b"/\xc3\xa9", False), kazoo.GetData("/\u00e9", None)),
    (SetDataRequest(b"/a", b"x" * 300, 7), kazoo.SetData("/a", b"x" * 300, 7)),
    (GetACLRequest(b"/a"), kazoo.GetACL("/a")),
    (SetACLRequest(b"/a", OUR_ACL, 2), kazoo.SetACL("/a", KAZOO_ACL, 2)),
    (GetChildrenRequest(b"/a", True), kazoo.GetChildren("/a", object())),
    (GetChildrenRequest(b"/a", False), kazoo.GetChildren2("/a", None)),
    (SyncRequest(b"/a"), kazoo.Sync("/a")),
    (CheckVersionRequest(b"/a", 4), kazoo.CheckVersion("/a", 4)),
    (AuthPacket(0, b"digest", b"u:p"), kazoo.Auth(0, "digest", "u:p")),
])
def test_requests_are_byte_for_byte_those_of_kazoo(ours: Record, theirs: object) -> None:
    assert encode(ours) == bytes(theirs.serialize())  # type: ignore[attr-defined]
    assert decode_exact(type(ours), encode(ours)) == ours


def test_a_connect_request_lacks_only_the_read_only_flag_of_kazoo() -> None:
    theirs = bytes(kazoo.Connect(0, 5, 10_000, 1 << 56, b"p" * 16, False).serialize())

    assert encode(ConnectRequest(0, 5, 10_000, 1 << 56, b"p" * 16)) + b"\0" == theirs


def test_kazoo_reads_our_responses() -> None:
    stat = Stat(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)

    data, read = kazoo.GetData.deserialize(encode(GetDataResponse(b"x", stat)), 0)
    header, _ = kazoo.ReplyHeader.deserialize(encode(ReplyHeader(3, 9, -101)), 0)
    multi_header, _ = kazoo.MultiHeader.deserialize(encode(MultiHeader(OpCode.CREATE, False, 0)), 0)

    assert (data, tuple(read)) == (b"x", (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11))
    assert tuple(header) == (3, 9, -101)
    assert tuple(multi_header) == (1, False, 0)


def test_null_and_empty_are_two_things() -> None:
    assert encode(SetDataRequest(b"/a", None, 0)) != encode(SetDataRequest(b"/a", b"", 0))
    assert decode(SetDataRequest, encode(SetDataRequest(None, None, 0))) == SetDataRequest(None, None, 0)
    assert decode(SetWatches, encode(SetWatches(0, None, [], [None]))).data_watches is None


def test_bytes_left_over_are_ignored_as_java_does_unless_asked() -> None:
    body = encode(DeleteRequest(b"/a", 1)) + b"!"

    assert decode(DeleteRequest, body) == DeleteRequest(b"/a", 1)
    with pytest.raises(LeftOverError):
        decode_exact(DeleteRequest, body)


def test_a_length_below_minus_one_is_refused() -> None:
    with pytest.raises(LengthError):
        decode(SyncRequest, struct.pack(">i", -2))


@given(st.data())
def test_every_truncation_is_a_typed_error(data: st.DataObject) -> None:
    body = encode(CreateRequest(b"/path", b"data", OUR_ACL, 1))
    with pytest.raises(TruncatedError):
        decode(CreateRequest, body[:data.draw(st.integers(0, len(body) - 1))])


@given(st.binary(max_size=80), st.sampled_from([CreateRequest, SetWatches, SetACLRequest, GetDataRequest]))
def test_any_bytes_are_a_record_or_a_typed_error(body: bytes, cls: type[Record]) -> None:
    try:
        decode(cls, body)
    except JuteError:
        return
