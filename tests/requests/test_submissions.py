"""Batches reach the leader at most once each, in order, across links and epochs."""

import pytest

from node.requests.submissions import GATHER_BYTES, GATHER_MS, IN_FLIGHT_BATCHES_MAX, Submissions
from transport.batch import BATCH, REQUEST, identity_table, read_header
from transport.opcodes import OpCode

NOBODY = b"\0\0\0\0"


def submissions(*, epoch: int = 4, accepted: int | None = 0) -> Submissions:
    made = Submissions(member=1, processor=0)
    made.generation = 7
    made.epoch_started(epoch)
    if accepted is not None:
        made.accepting(epoch=epoch, sequence=accepted)
    return made


def add(to: Submissions, body: bytes, *, identity: bytes = NOBODY) -> None:
    to.add(session_id=9, connection=3, xid=1, op=OpCode.SET_DATA, identity=identity, body=body)


def sequences(batches: list[bytes]) -> list[tuple[int, int]]:
    return [(read_header(b).epoch, read_header(b).sequence) for b in batches]


def test_a_turns_requests_become_one_batch_with_the_next_sequence() -> None:
    made = submissions()
    add(made, b"one")
    add(made, b"two", identity=b"\0\0\0\1id")

    [batch] = made.seal(now_ms=5)

    header = read_header(batch)
    assert (header.member, header.generation, header.epoch, header.sequence, header.count) == (1, 7, 4, 1, 2)
    assert header.length == len(batch)
    assert identity_table(batch, 0, header) == [NOBODY, b"\0\0\0\1id"]
    assert batch.endswith(b"two")
    assert batch.count(b"one") == 1
    assert len(batch) == BATCH.size + header.identities + 2 * REQUEST.size + 6
    assert made.seal(now_ms=6) == []


def test_with_two_batches_on_their_way_the_next_waits_until_one_has_been_executed() -> None:
    made = submissions()
    add(made, b"one")
    [first] = made.seal(now_ms=1)
    add(made, b"two")
    [_] = made.seal(now_ms=1)
    add(made, b"three")
    assert made.seal(now_ms=2) == []
    assert made.is_gathering
    add(made, b"four")

    made.executed(read_header(first))

    [batch] = made.seal(now_ms=2)
    assert read_header(batch).count == 2
    assert not made.is_gathering


def test_a_batch_waits_no_longer_than_its_time_and_no_larger_than_its_size() -> None:
    made = submissions()
    for body in (b"one", b"two"):
        add(made, body)
        made.seal(now_ms=1)

    add(made, b"three")
    assert made.seal(now_ms=GATHER_MS) == []
    assert len(made.seal(now_ms=1 + GATHER_MS)) == 1

    add(made, b"x" * GATHER_BYTES)
    assert len(made.seal(now_ms=1 + GATHER_MS)) == 1


def test_without_a_link_requests_wait_in_one_growing_batch() -> None:
    made = submissions(accepted=None)
    add(made, b"one")
    assert made.seal(now_ms=1) == []
    add(made, b"two")

    made.accepting(epoch=4, sequence=0)

    [batch] = made.seal(now_ms=2)
    assert read_header(batch).count == 2


def test_a_new_link_resends_only_what_the_leader_has_not_taken() -> None:
    made = submissions()
    for now_ms, body in enumerate((b"a", b"b", b"c")):
        add(made, body)
        made.seal(now_ms=now_ms * GATHER_MS)

    made.unlinked()
    made.accepting(epoch=4, sequence=2)

    assert sequences(made.seal(now_ms=2)) == [(4, 3)]


def test_a_new_epoch_renumbers_what_was_not_executed_and_keeps_its_order() -> None:
    made = submissions()
    sent = []
    for now_ms, body in enumerate((b"a", b"b", b"c")):
        add(made, body)
        sent += made.seal(now_ms=now_ms * GATHER_MS)
    made.executed(read_header(sent[0]))

    made.epoch_started(5)
    made.accepting(epoch=4, sequence=3)  # an answer of the old leader, late
    assert made.seal(now_ms=2) == []
    made.accepting(epoch=5, sequence=0)

    again = made.seal(now_ms=2)
    assert sequences(again) == [(5, 1), (5, 2)]
    assert [batch[BATCH.size:] for batch in again] == [batch[BATCH.size:] for batch in sent[1:]]
    add(made, b"d")
    assert sequences(made.seal(now_ms=4 * GATHER_MS)) == [(5, 3)]


def test_an_own_batch_out_of_order_is_a_bug_that_stops_the_process() -> None:
    made = submissions()
    sent = []
    for body in (b"a", b"b"):
        add(made, body)
        sent += made.seal(now_ms=1)

    with pytest.raises(AssertionError):
        made.executed(read_header(sent[1]))


def test_credit_ends_at_the_limit_and_comes_back_with_execution() -> None:
    made = submissions()
    sent = []
    for number in range(IN_FLIGHT_BATCHES_MAX):
        add(made, b"x")
        sent += made.seal(now_ms=number * GATHER_MS)
    assert made.is_full

    made.executed(read_header(sent[0]))

    assert not made.is_full
