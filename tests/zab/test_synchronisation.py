"""Where two histories agree, and how the one becomes the other (rule 11)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.zab.synchronisation import Mode, Plan, common_point, cut_epochs, plan
from tests.zab.builders import z
from transport.messages import EpochTable
from transport.zxid import Zxid, epoch_of


def table(log: list[int]) -> EpochTable:
    return sorted({epoch_of(zxid): zxid for zxid in log}.items())  # type: ignore[arg-type]


@st.composite
def two_logs(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Logs as leaders make them: an epoch's leader starts from a member's log, and others follow it part of the way."""
    logs: list[list[int]] = [[], []]
    for epoch in range(1, draw(st.integers(1, 6))):
        base = logs[draw(st.integers(0, 1))]
        history = [*base, *(int(z(epoch, counter)) for counter in range(draw(st.integers(1, 4))))]
        for which in (0, 1):
            if draw(st.booleans()):
                # A learner has at least what it had in common with the leader, and never part of a foreign history.
                common = len(common_prefix(logs[which], history))
                logs[which] = history[:draw(st.integers(common, len(history)))]
    return logs[0], logs[1]


def common_prefix(one: list[int], other: list[int]) -> list[int]:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return one[:length]


@given(two_logs())
def test_the_tables_tell_exactly_up_to_where_two_logs_agree(logs: tuple[list[int], list[int]]) -> None:
    one, other = logs
    common = common_prefix(one, other)

    assert common_point(table(one), table(other)) == (common[-1] if common else 0)


@given(two_logs(), st.data())
def test_a_cut_table_is_the_table_of_the_cut_log(logs: tuple[list[int], list[int]], data: st.DataObject) -> None:
    log = logs[0]
    length = data.draw(st.integers(0, len(log)))
    kept = log[:length]

    assert cut_epochs(table(log), Zxid(kept[-1] if kept else 0)) == table(kept)


LEADER: EpochTable = [(1, z(1, 9)), (3, z(3, 5)), (4, z(4, 2))]


@pytest.mark.parametrize(
    ("learner", "last", "expected"),
    [
        (LEADER, z(4, 2), Plan(Mode.DIFF, z(4, 2), z(4, 2))),
        ([], z(0, 0), Plan(Mode.DIFF, z(0, 0), z(0, 0))),
        ([(1, z(1, 4))], z(1, 4), Plan(Mode.DIFF, z(1, 4), z(1, 4))),
        ([(1, z(1, 9)), (2, z(2, 7))], z(2, 7), Plan(Mode.TRUNC, z(1, 9), z(1, 9))),
        ([(1, z(1, 9)), (3, z(3, 8))], z(3, 8), Plan(Mode.TRUNC, z(3, 5), z(3, 5))),
        ([(2, z(2, 7))], z(2, 7), Plan(Mode.TRUNC, z(0, 0), z(0, 0))),
    ],
    ids=["the same", "empty", "behind", "an epoch of its own", "a longer tail", "nothing in common"],
)
def test_a_learner_is_cut_back_to_what_is_common_and_sent_the_rest(
    learner: EpochTable, last: Zxid, expected: Plan,
) -> None:
    found = plan(
        leader=LEADER, log_after=z(0, 0), snapshot_zxid=z(0, 0), learner=learner, learner_last=last)

    assert found == expected


def test_a_learner_behind_the_oldest_record_gets_the_snapshot() -> None:
    found = plan(
        leader=LEADER, log_after=z(1, 9), snapshot_zxid=z(3, 1), learner=[(1, z(1, 8))],
        learner_last=z(1, 8))

    assert found == Plan(Mode.SNAP, z(1, 8), z(3, 1))


def test_the_oldest_record_itself_is_enough_for_a_diff() -> None:
    found = plan(
        leader=LEADER, log_after=z(1, 9), snapshot_zxid=z(3, 1), learner=[(1, z(1, 9))],
        learner_last=z(1, 9))

    assert found == Plan(Mode.DIFF, z(1, 9), z(1, 9))
