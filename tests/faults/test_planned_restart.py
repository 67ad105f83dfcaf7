"""What operators do by plan, hand over, drain, stop, restart, costs clients a reconnect at most, and no session."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.conftest import Start
from tests.faults.figures import await_all_serving, epoch_of, followers_of, leader_of, log_lines
from tests.faults.trees import agreed_tree
from tests.faults.writers import Outcome, await_progress, check, writing
from tests.waiting import wait_until
from tests.wire import Reply, SetData
from tests.wire_connection import Address, Connection

MEMBERS = (1, 2, 3)
IN_FLIGHT = 100
RETRYABLE = ("ConnectionLoss", "SessionMoved", "ConnectionClosedError")


def only_retryable(outcomes: list[Outcome]) -> bool:
    return all(error.startswith(RETRYABLE) for outcome in outcomes for error in outcome.errors)


def is_turned_away(address: Address) -> bool:
    with Connection.to(address) as connection:
        connection.send_handshake()
        return connection.receive_handshake() is None


def clients_of(ensemble: Ensemble, member: int) -> int:
    return next(int(row["connections"]) for row in ensemble.status()["members"] if row["id"] == member)


def test_each_member_is_restarted_under_load_and_no_session_expires_and_nothing_is_lost(ensemble: Ensemble) -> None:
    root = fresh_root(ensemble)
    everywhere = ensemble.addresses
    groups = [everywhere, everywhere, everywhere, *([address, *everywhere] for address in everywhere)]

    with writing(root, *groups) as outcomes:
        for member in (leader_of(ensemble), *followers_of(ensemble)):
            await_progress(outcomes)
            ensemble.stop(member)
            await_progress(outcomes)
            ensemble.start(member)
            await_all_serving(ensemble)
        await_progress(outcomes)

    assert [len(outcome.sessions) for outcome in outcomes] == [1] * len(outcomes)
    assert only_retryable(outcomes)
    check(agreed_tree(ensemble, root), root, outcomes)


def test_the_leader_that_is_stopped_hands_over_and_clients_elsewhere_notice_nothing(ensemble: Ensemble) -> None:
    root, leader = fresh_root(ensemble), leader_of(ensemble)
    elsewhere = [[address] for number, address in enumerate(ensemble.addresses, 1) if number != leader]
    said = len(log_lines(ensemble, leader, "handed_over"))

    with writing(root, *elsewhere) as outcomes:
        await_progress(outcomes)
        ensemble.stop(leader)
        await_progress(outcomes)
        ensemble.start(leader)

    assert len(log_lines(ensemble, leader, "handed_over")) == said + 1
    assert [outcome.errors for outcome in outcomes] == [[], []]
    check(agreed_tree(ensemble, root), root, outcomes)


def test_leadership_is_handed_to_whom_the_operator_names(ensemble: Ensemble) -> None:
    root = fresh_root(ensemble)
    data = ("--data", str(ensemble.data))

    with writing(root, *([address] for address in ensemble.addresses)) as outcomes:
        for heir in (*followers_of(ensemble), leader_of(ensemble)):
            epoch = epoch_of(ensemble)
            done = ensemble.corral("handover", "--to", str(heir), *data)
            assert f"member {heir} leads, epoch {epoch + 1}" in done.stdout
            assert leader_of(ensemble) == heir
            await_progress(outcomes)

    assert [outcome.errors for outcome in outcomes] == [[], [], []]
    check(agreed_tree(ensemble, root), root, outcomes)


def test_who_does_not_lead_names_the_leader_and_its_address(ensemble: Ensemble) -> None:
    leader, follower = leader_of(ensemble), followers_of(ensemble)[0]

    done = ensemble.corral("handover", str(ensemble.home(follower) / "zoo.cfg"), check=False)

    host, port = ensemble.addresses[leader - 1]
    assert done.returncode == 1
    assert f"member {follower} does not lead: member {leader} does, {host}:{port}" in done.stderr


def test_a_heir_that_is_not_there_is_refused_with_the_state_of_each(ensemble: Ensemble) -> None:
    leader, (gone, other) = leader_of(ensemble), followers_of(ensemble)
    ensemble.stop(gone)

    done = ensemble.corral("handover", "--to", str(gone), "--data", str(ensemble.data), check=False)

    assert done.returncode == 1
    assert f"member {gone} is not connected" in done.stderr
    assert f"member {other} lacks" in done.stderr
    assert leader_of(ensemble) == leader
    ensemble.start(gone)


@pytest.mark.parametrize("whose", ["leader", "follower"])
def test_a_drained_member_loses_its_clients_keeps_its_vote_and_takes_them_again(ensemble: Ensemble, whose: str) -> None:
    root = fresh_root(ensemble)
    member = leader_of(ensemble) if whose == "leader" else followers_of(ensemble)[0]
    here = [ensemble.addresses[member - 1], *ensemble.addresses]
    options = ("--member", str(member), "--data", str(ensemble.data))

    with writing(root, here, here, here) as outcomes:
        await_progress(outcomes)
        done = ensemble.corral("drain", *options, "--over", "1")
        assert f"member {member} is drained" in done.stdout
        assert clients_of(ensemble, member) <= 1  # who asks
        assert "draining" in ensemble.corral("status", "--data", str(ensemble.data)).stdout
        assert leader_of(ensemble) != member
        await_progress(outcomes)
        assert is_turned_away(ensemble.addresses[member - 1])
        undone = ensemble.corral("drain", *options, "--undo")
        assert "takes clients again" in undone.stdout
        with kazoo_client([ensemble.addresses[member - 1]]) as client:
            assert client.exists(root)
        await_progress(outcomes)

    assert [len(outcome.sessions) for outcome in outcomes] == [1, 1, 1]
    assert only_retryable(outcomes)
    check(agreed_tree(ensemble, root), root, outcomes)


def test_a_client_with_much_in_flight_is_closed_behind_an_answer_and_gets_all_before_it(ensemble: Ensemble) -> None:
    root, member = fresh_root(ensemble), followers_of(ensemble)[0]
    options = ("--member", str(member), "--data", str(ensemble.data))
    replies: list[Reply] = []

    def write_on() -> bool:
        """Always IN_FLIGHT on their way, until the other end says that nothing more comes."""
        with Connection.open(ensemble.addresses[member - 1]) as connection:
            connection.send(*(SetData(path=root, data=b"x") for _ in range(IN_FLIGHT)))
            while (answer := connection.receive()) is not None:
                assert isinstance(answer, Reply)
                replies.append(answer)
                connection.send(SetData(path=root, data=b"x"))
            return True

    with ThreadPoolExecutor(1) as pool:
        writing_on = pool.submit(write_on)
        wait_until(lambda: len(replies) > IN_FLIGHT, what="it writes")
        ensemble.corral("drain", *options)
        assert writing_on.result(10)
    ensemble.corral("drain", *options, "--undo")

    assert [reply.xid for reply in replies] == list(range(1, len(replies) + 1))
    assert {reply.err for reply in replies} == {0}
    with kazoo_client(ensemble.addresses) as client:
        client.sync(root)
        done = client.get(root)[1].version
    # What was read was answered, but for the end; what was not read was not done.
    assert len(replies) <= done <= len(replies) + IN_FLIGHT


def test_an_ensemble_that_is_stopped_whole_waits_for_no_heir(own: Start) -> None:
    ensemble = own()
    root = fresh_root(ensemble)

    with writing(root, *([address] for address in ensemble.addresses)) as outcomes:
        await_progress(outcomes)
        ensemble.corral("down", "--data", str(ensemble.data))
        assert all(ensemble.running(member) is None for member in MEMBERS)
        ensemble.corral("up", "--detach", "--data", str(ensemble.data))
        wait_until(lambda: ensemble.status()["quorum"], what="it serves again")
        await_progress(outcomes)

    assert [log_lines(ensemble, member, "process_killed") for member in MEMBERS] == [[], [], []]
    assert [len(outcome.sessions) for outcome in outcomes] == [1, 1, 1]
    check(agreed_tree(ensemble, root), root, outcomes)
