"""The cursor over the log, and the credit of a learner."""

import pytest

from node.zab.effects import SendRecords
from node.zab.errors import ProtocolError
from node.zab.learner_stream import LearnerStream, Phase
from node.zab.synchronisation import Mode, Plan
from tests.zab.builders import hello, stream, z
from transport.messages import Records
from transport.zxid import Zxid

WINDOW = 1000
CHUNK = 400


def learner(cursor: Zxid) -> LearnerStream:
    """Synchronising by DIFF from *cursor*."""
    found = LearnerStream(stream(2), hello(2), has_vote=True, now_ms=0)
    found.begin(Plan(Mode.DIFF, cursor, cursor), target=cursor, now_ms=0)
    return found


def more(found: LearnerStream, last: Zxid) -> list[object]:
    return list(found.more(last=last, committed=z(4, 0), window=WINDOW, chunk=CHUNK))


def push(found: LearnerStream, after: Zxid, last: Zxid, size: int) -> bool:
    return found.push(Records(b"x" * size, z(4, 0)), last=last, window=WINDOW, now_ms=0, after=after)


def test_history_is_asked_for_in_chunks_one_at_a_time() -> None:
    found = learner(z(4, 1))

    assert more(found, z(4, 9)) == [SendRecords(stream(2), z(4, 1), z(4, 9), CHUNK, z(4, 0))]
    assert more(found, z(4, 9)) == []
    found.on_records_sent(z(4, 5), 400, 0)
    assert more(found, z(4, 9)) == [SendRecords(stream(2), z(4, 5), z(4, 9), CHUNK, z(4, 0))]


def test_a_live_record_waits_behind_what_is_under_way_and_goes_directly_when_nothing_is() -> None:
    found = learner(z(4, 1))
    more(found, z(4, 9))
    assert not push(found, z(4, 9), z(4, 10), 100)

    found.on_records_sent(z(4, 9), 400, 0)
    assert not push(found, z(4, 10), z(4, 11), 100)  # 4:10 is still missing
    more(found, z(4, 10))
    found.on_records_sent(z(4, 10), 100, 0)
    assert push(found, z(4, 10), z(4, 11), 100)
    assert found.cursor == z(4, 11)


def test_credit_is_what_is_sent_and_not_acked() -> None:
    found = learner(z(4, 1))
    for counter in range(1, 11):
        assert push(found, z(4, counter), z(4, counter + 1), 100)
    assert found.unacked_bytes == WINDOW
    assert not push(found, z(4, 11), z(4, 12), 100)
    assert more(found, z(4, 12)) == []

    found.on_ack(z(4, 4), 0)

    assert found.unacked_bytes == 700
    assert more(found, z(4, 12)) == [SendRecords(stream(2), z(4, 11), z(4, 12), 300, z(4, 0))]


def test_an_ack_may_be_quicker_than_the_shells_answer() -> None:
    found = learner(z(4, 1))
    more(found, z(4, 9))

    found.on_ack(z(4, 5), 0)
    found.on_records_sent(z(4, 5), 400, 0)

    assert (found.unacked_bytes, found.cursor) == (0, z(4, 5))


def test_an_ack_beyond_what_was_asked_for_is_a_protocol_error() -> None:
    found = learner(z(4, 1))
    more(found, z(4, 9))

    with pytest.raises(ProtocolError):
        found.on_ack(z(4, 10), 0)


@pytest.mark.parametrize(
    ("phase", "votes", "votes_from", "durable", "counted"),
    [
        (Phase.SYNCHRONISED, True, z(0, 0), z(4, 5), True),
        (Phase.NEW_LEADER_SENT, True, z(0, 0), z(4, 5), False),
        (Phase.SERVING, False, z(0, 0), z(4, 5), False),
        (Phase.SERVING, True, z(4, 6), z(4, 5), False),
        (Phase.SERVING, True, z(4, 5), z(4, 5), True),
    ],
    ids=["in the epoch", "before acknewleader", "without a vote", "before its admission", "from its admission on"],
)
def test_which_acks_count(phase: Phase, votes: bool, votes_from: Zxid, durable: Zxid, counted: bool) -> None:
    found = learner(z(4, 5))
    found.phase, found.has_vote, found.votes_from = phase, votes, votes_from

    assert found.counted_ack() == (durable if counted else None)


def test_who_acks_nothing_of_what_is_due_is_stuck_though_it_answers() -> None:
    found = learner(z(4, 1))
    push(found, z(4, 1), z(4, 2), 100)
    found.alive_ms = 5000

    assert found.is_stuck(now_ms=5001, limit_ms=5000)
    found.on_ack(z(4, 2), 5001)
    assert not found.is_stuck(now_ms=9999, limit_ms=5000)
    assert found.is_stuck(now_ms=10_001, limit_ms=5000)
