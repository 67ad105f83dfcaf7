"""A request that makes execution raise is answered alike everywhere, and harms nobody."""

from tests.corral import Ensemble, fresh_root
from tests.faults.figures import log_lines
from tests.faults.trees import agreed_tree
from tests.wire import Create, Multi, SetData
from tests.wire_connection import Connection

POISON = "/corral-test-poison"
SYSTEM_ERROR = -1


def test_it_is_answered_minus_one_and_everything_goes_on(ensemble: Ensemble) -> None:
    root = fresh_root(ensemble)
    pids = {member: ensemble.pids(member) for member in (1, 2, 3)}
    for member, address in enumerate(ensemble.addresses, 1):
        with Connection.open(address) as connection:
            connection.send(
                Create(f"{root}/before-{member}", b"1"),
                Create(f"{POISON}-{member}", b"x"),
                SetData(f"{root}/before-{member}", b"2"),
                Multi((Create(f"{root}/never-{member}"), Create(f"{POISON}-{member}"))),
                Create(f"{root}/after-{member}", b"3"),
            )

            replies = [connection.receive() for _ in range(5)]

        errors = [reply.err for reply in replies if reply is not None]  # type: ignore[union-attr]
        assert errors[:3] + errors[4:] == [0, SYSTEM_ERROR, 0, 0]
        assert errors[3] == SYSTEM_ERROR

    tree = agreed_tree(ensemble)
    assert {path for path in tree if path.startswith(f"{root}/")} == {
        f"{root}/{when}-{member}" for when in ("before", "after") for member in (1, 2, 3)
    }
    assert not [path for path in tree if path.startswith(POISON)]
    for member in (1, 2, 3):
        assert log_lines(ensemble, member, "execution_failed")
        assert ensemble.pids(member) == pids[member]
