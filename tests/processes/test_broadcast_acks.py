"""When a follower's ack may wait."""

from node.processes.broadcast_acks import HOLD_MS, Acks
from transport.batch import pack_batch
from transport.entry import Kind, pack_record
from transport.messages import Ack

LEADER, FOLLOWER, OBSERVER = 1, 2, 9
VOTERS = (1, 2, 3)


def record(zxid: int, *members: int, kind: int = Kind.BATCHES) -> bytes:
    """With one batch of each of the members."""
    batches = [
        pack_batch(
            member=member, processor=0, generation=1, sequence=1, epoch=1, count=1, identities=[], requests=b"?" * 9)
        for member in members]
    return pack_record(first_zxid=zxid, count=max(len(members), 1), time_ms=0, body=b"".join(batches), kind=kind)


def test_an_ack_waits_where_only_followers_have_requests_in_the_record() -> None:
    acks = Acks()
    acks.on_append(record(5, FOLLOWER), leader=LEADER, voters=VOTERS)

    assert acks.hold(Ack(5), 100, voters=3)
    assert acks.timeout_ms(1000, 101) == HOLD_MS - 1
    assert acks.take_due(100 + HOLD_MS - 1) is None
    assert acks.take_due(100 + HOLD_MS) == Ack(5)
    assert acks.take_due(200) is None
    assert acks.timeout_ms(1000, 200) == 1000


def test_an_ack_of_what_the_leaders_own_clients_wait_for_goes_at_once() -> None:
    acks = Acks()
    acks.on_append(record(5, FOLLOWER, LEADER), leader=LEADER, voters=VOTERS)

    assert not acks.hold(Ack(6), 100, voters=3)


def test_an_ack_waits_again_once_those_have_been_acked() -> None:
    acks = Acks()
    acks.on_append(record(5, LEADER), leader=LEADER, voters=VOTERS)
    acks.on_append(record(6, FOLLOWER), leader=LEADER, voters=VOTERS)

    assert not acks.hold(Ack(6), 100, voters=3)
    acks.on_append(record(7, FOLLOWER), leader=LEADER, voters=VOTERS)
    assert acks.hold(Ack(7), 101, voters=3)


def test_an_ack_of_what_an_observers_clients_wait_for_goes_at_once() -> None:
    acks = Acks()
    acks.on_append(record(5, OBSERVER), leader=LEADER, voters=VOTERS)

    assert not acks.hold(Ack(5), 100, voters=3)


def test_a_control_record_is_acked_at_once() -> None:
    acks = Acks()
    acks.on_append(record(5, kind=Kind.EPOCH), leader=LEADER, voters=VOTERS)

    assert not acks.hold(Ack(5), 100, voters=3)


def test_with_five_voters_nothing_waits() -> None:
    acks = Acks()
    acks.on_append(record(5, FOLLOWER), leader=LEADER, voters=VOTERS)

    assert not acks.hold(Ack(5), 100, voters=5)


def test_a_later_ack_takes_the_held_one_along() -> None:
    acks = Acks()
    for zxid in (5, 6):
        acks.on_append(record(zxid, FOLLOWER), leader=LEADER, voters=VOTERS)

    assert acks.hold(Ack(5), 100, voters=3)
    assert not acks.hold(Ack(6), 101, voters=3)
    assert acks.take_due(200) is None


def test_what_was_held_for_another_stream_is_forgotten() -> None:
    acks = Acks()
    acks.on_append(record(5, FOLLOWER), leader=LEADER, voters=VOTERS)
    acks.hold(Ack(5), 100, voters=3)

    acks.forget()

    assert acks.take_due(200) is None
