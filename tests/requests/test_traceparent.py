"""A connection's trace context: it travels with the writes after it, and changes nothing else."""

import struct

import pytest

from node.requests.auth import AuthPacketError
from node.requests.submissions import BATCH_BYTES_MAX
from node.requests.traceparent import context_of, is_traceparent
from tests.requests.solo import Solo, create, get_data, replies, request, set_data, string
from tests.requests.test_auth import packet
from transport.batch import BATCH, REQUEST, TRACE_CONTEXT_BYTES, TRACED, read_header

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
HEADER = f"00-{TRACE}-{PARENT}-01".encode()
CONTEXT = bytes.fromhex(TRACE + PARENT + "01")


def auth(value: bytes, scheme: bytes = b"traceparent") -> bytes:
    return request(-4, 100, struct.pack(">i", 0) + string(scheme) + string(value))


def contexts(batch: bytes) -> list[bytes]:
    """Of each request of a batch, empty where there is none."""
    header = read_header(batch)
    at, found = BATCH.size + header.identities, []
    for _ in range(header.count):
        *_, flags, _who, _pad, length = REQUEST.unpack_from(batch, at)
        at += REQUEST.size
        found.append(batch[at:at + TRACE_CONTEXT_BYTES] if flags & TRACED else b"")
        at += length + len(found[-1])
    assert at == len(batch)
    return found


@pytest.mark.parametrize("value", [HEADER, b" " + HEADER + b"\n", b"01" + HEADER[2:] + b"-more", b"cc" + HEADER[2:]])
def test_a_traceparent_is_read_as_w3c_says(value: bytes) -> None:
    assert context_of(packet(b"traceparent", value)) == CONTEXT


@pytest.mark.parametrize("value", [
    b"x", HEADER[:-1], HEADER.upper(), HEADER + b"-more", b"ff" + HEADER[2:], HEADER.replace(TRACE.encode(), b"0" * 32),
    HEADER.replace(PARENT.encode(), b"0" * 16), b"\xff\x00",
])
def test_what_w3c_calls_invalid_is_malformed(value: bytes) -> None:
    assert context_of(packet(b"traceparent", value)) is None


def test_an_empty_one_ends_the_context() -> None:
    assert context_of(packet(b"traceparent", b"")) == b""


def test_only_its_scheme_counts_and_a_cut_packet_is_none() -> None:
    assert is_traceparent(packet(b"traceparent", b"x"))
    assert not is_traceparent(packet(b"digest", b"u:p"))
    with pytest.raises(AuthPacketError):
        is_traceparent(packet(b"traceparent", b"x")[:-1])


def test_the_writes_after_it_carry_the_context_until_another_comes() -> None:
    solo = Solo()
    conn = solo.connect()

    solo.send(conn, create(1, b"/a"), auth(HEADER), set_data(2, b"/a", b"1"), get_data(3, b"/a"),
              auth(HEADER[:-1] + b"0"), set_data(4, b"/a", b"2"), auth(b""), set_data(5, b"/a", b"3"))
    submissions = solo.core.submissions
    in_building = (submissions.count, submissions.traced, submissions.bytes)
    solo.submit()

    (batch,) = solo.queue
    assert contexts(batch) == [b"", CONTEXT, CONTEXT[:-1] + b"\0", b""]
    assert in_building == (4, 2, len(batch) - BATCH.size - 4)  # less the length of the one identity
    assert [flight.traced for flight in submissions.flights] == [2]


def test_replies_and_reads_are_what_they_are_without_it() -> None:
    outputs = []
    for header in (b"", HEADER):
        solo = Solo()
        conn = solo.connect()
        solo.send(conn, auth(header), create(1, b"/a", b"0"), get_data(2, b"/a"), set_data(3, b"/a", b"1"),
                  get_data(4, b"/a"))
        solo.execute()
        outputs.append(replies(conn))

    assert outputs[0] == outputs[1]
    assert [xid for xid, _err, _body in outputs[0]] == [-4, 1, 2, 3, 4]


def test_its_answer_comes_in_its_turn() -> None:
    solo = Solo()
    conn = solo.connect()

    solo.send(conn, create(1, b"/a", b"0"), auth(HEADER), set_data(2, b"/a", b"1"), auth(b""), get_data(3, b"/a"))
    solo.send(conn, auth(b"u:p", b"digest"))
    assert [(xid, err) for xid, err, _body in replies(conn)] == [(-4, 0)]  # the digest's, at once as in ZooKeeper
    solo.execute()

    assert [(xid, err) for xid, err, _body in replies(conn)] == [(1, 0), (-4, 0), (2, 0), (-4, 0), (3, 0)]


def test_contexts_that_wait_for_their_answers_hold_the_connection_as_parked_reads_do() -> None:
    solo = Solo()
    conn = solo.connect()

    solo.send(conn, create(1, b"/a"), *(auth(HEADER) for _ in range(1000)))
    assert (conn.holds, len(conn.parked)) == (True, 128)
    solo.execute()
    while conn.holds or conn.input:
        solo.core.feed(conn, b"", 0)

    assert [xid for xid, _err, _body in replies(conn)] == [1] + [-4] * 1000


def test_it_is_no_identity_and_a_malformed_one_changes_nothing() -> None:
    solo = Solo()
    conn = solo.connect()
    before = conn.identity

    solo.send(conn, auth(HEADER), auth(b"nonsense"), create(1, b"/a"))
    solo.submit()

    assert conn.identity == before
    assert contexts(solo.queue[0]) == [CONTEXT]
    assert [(xid, err) for xid, err, _body in replies(conn)] == [(-4, 0), (-4, 0)]  # and the create is on its way
    assert solo.core.statistics.traceparents_malformed == 1


def test_another_connection_has_none() -> None:
    solo = Solo()
    traced, plain = solo.connect(), solo.connect()

    solo.send(traced, auth(HEADER), create(1, b"/a"))
    solo.send(plain, create(1, b"/b"))
    solo.submit()

    assert contexts(solo.queue[0]) == [CONTEXT, b""]


def test_traced_writes_weigh_what_they_are_so_that_a_batch_stays_within_its_bound() -> None:
    solo = Solo()
    conn = solo.connect()
    solo.send(conn, auth(HEADER))

    solo.send(conn, *(set_data(i, b"/a", b"") for i in range(12_000)))
    solo.submit()

    assert len(solo.queue) == 2
    assert all(len(batch) < BATCH_BYTES_MAX + 1000 for batch in solo.queue)
    assert sum(flight.traced for flight in solo.core.submissions.flights) == 12_000
