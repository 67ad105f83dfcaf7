"""The leader takes each batch at most once, in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.zab.intake import Intake
from transport.batch import REQUEST, pack_batch, read_header
from transport.messages import Accepting, Refused, SubmitHello


def batch(
    sequence: int, *, member: int = 1, processor: int = 0, generation: int = 7, epoch: int = 5,
    count: int = 1, body: bytes = b"",
) -> bytes:
    return pack_batch(
        member=member, processor=processor, generation=generation, sequence=sequence, epoch=epoch,
        count=count, identities=[], requests=bytes(REQUEST.size * count) + body)


def greeting(
    *, member: int = 1, processor: int = 0, generation: int = 7, epoch: int = 5, ensemble: str = "zoo",
) -> SubmitHello:
    return SubmitHello(member, ensemble, processor, generation, epoch)


def opened() -> Intake:
    intake = Intake(me=3, ensemble="zoo")
    intake.open(5)
    assert intake.hello(greeting()) == Accepting(5, 0)
    return intake


def sequences(body: bytes) -> list[int]:
    found, offset = [], 0
    while offset < len(body):
        header = read_header(body, offset)
        found.append(header.sequence)
        offset += header.length
    return found


def test_batches_are_joined_in_order_with_the_sum_of_their_requests() -> None:
    intake = opened()
    for sequence, count in ((1, 2), (2, 5)):
        assert intake.submit(batch(sequence, count=count), member=1)
    assert (intake.queued_requests, intake.queued_bytes) == (7, len(batch(1, count=2) + batch(2, count=5)))

    assert intake.take() == (batch(1, count=2) + batch(2, count=5), 7)
    assert intake.take() is None
    assert (intake.queued_requests, intake.queued_bytes) == (0, 0)


def test_a_repeated_batch_is_dropped_silently() -> None:
    intake = opened()
    intake.submit(batch(1), member=1)

    assert intake.submit(batch(1), member=1)
    assert intake.take() == (batch(1), 1)


@pytest.mark.parametrize(
    "wrong",
    [batch(3), batch(2, epoch=4), batch(2, epoch=6), batch(2, generation=6), batch(2, generation=8),
     batch(2, processor=1), batch(2, count=0), batch(2)[:-1] + b"xx", batch(2)[:20], b""],
    ids=["a gap", "an earlier epoch", "a later epoch", "an earlier life", "a life without hello", "no hello",
         "no requests", "another length", "cut short", "empty"],
)
def test_what_is_not_next_ends_the_link_and_is_not_taken(wrong: bytes) -> None:
    intake = opened()
    intake.submit(batch(1), member=1)

    assert not intake.submit(wrong, member=1)
    assert intake.take() == (batch(1), 1)


def test_nobody_submits_in_another_members_name() -> None:
    assert not opened().submit(batch(1), member=2)


def test_a_new_link_goes_on_from_what_was_taken() -> None:
    intake = opened()
    intake.submit(batch(1), member=1)
    intake.take()

    assert intake.hello(greeting()) == Accepting(5, 1)


def test_a_new_life_of_a_processor_supersedes_the_old_one() -> None:
    intake = opened()
    intake.submit(batch(1), member=1)

    assert intake.hello(greeting(generation=9)) == Accepting(5, 0)
    assert not intake.submit(batch(2), member=1)
    assert intake.submit(batch(1, generation=9), member=1)
    assert isinstance(intake.hello(greeting(generation=8)), Refused)


def test_a_new_epoch_forgets_what_was_taken_and_not_proposed() -> None:
    intake = opened()
    intake.submit(batch(1), member=1)
    intake.open(6)

    assert intake.take() is None
    assert intake.hello(greeting(epoch=6)) == Accepting(6, 0)


@pytest.mark.parametrize(
    ("hello", "leader"),
    [(greeting(epoch=4), 3), (greeting(epoch=6), 3), (greeting(ensemble="farm"), 0)],
)
def test_who_does_not_fit_is_refused(hello: SubmitHello, leader: int) -> None:
    refused = opened().hello(hello)

    assert isinstance(refused, Refused)
    assert refused.leader == leader


def test_a_closed_intake_refuses_all() -> None:
    intake = opened()
    intake.close()

    assert isinstance(intake.hello(greeting()), Refused)
    assert not intake.submit(batch(1), member=1)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.integers(1, 200))
def test_records_are_whole_batches_within_the_limit_unless_one_alone_is_larger(
    sizes: list[int], bytes_max: int,
) -> None:
    intake = opened()
    batches = [batch(n, body=b"x" * size) for n, size in enumerate(sizes, 1)]
    for each in batches:
        assert intake.submit(each, member=1)

    bodies = []
    while (taken := intake.take(bytes_max)) is not None:
        body, count = taken
        assert count == len(sequences(body))
        assert len(body) <= bytes_max or count == 1
        bodies.append(body)

    assert b"".join(bodies) == b"".join(batches)
    assert (intake.queued_requests, intake.queued_bytes) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(0, 6)), max_size=60))
def test_whatever_is_submitted_each_source_is_taken_once_and_in_order(
    submitted: list[tuple[int, int]],
) -> None:
    intake = Intake(me=3, ensemble="zoo")
    intake.open(5)
    for member in (1, 2):
        intake.hello(greeting(member=member))
    naive: dict[int, list[int]] = {1: [], 2: []}
    for member, sequence in submitted:
        accepted = intake.submit(batch(sequence, member=member), member=member)
        if sequence == len(naive[member]) + 1:
            naive[member].append(sequence)
        assert accepted == (sequence <= len(naive[member]))

    body = (intake.take() or (b"", 0))[0]
    taken: dict[int, list[int]] = {1: [], 2: []}
    offset = 0
    while offset < len(body):
        header = read_header(body, offset)
        taken[header.member].append(header.sequence)
        offset += header.length

    assert taken == naive
