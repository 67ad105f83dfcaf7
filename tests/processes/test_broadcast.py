"""Broadcast and election as real processes on loopback: they elect, commit, and survive each other."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.keys import allow_member
from node.processes.keyring import Keyring
from tests.processes.small_ensemble import SmallEnsemble, make_configs
from transport.curve import make_keys
from transport.endpoints import connect_endpoints
from transport.messages import Refused, decode_peer
from transport.sockets import Stream

Started = Callable[..., SmallEnsemble]


def body(number: int) -> bytes:
    return b"%08d" % number


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    made: list[SmallEnsemble] = []

    def start(members: int = 3, *, family: int = 4, tick_ms: int = 500) -> SmallEnsemble:
        ensemble = SmallEnsemble(make_configs(tmp_path, members, family=family, tick_ms=tick_ms))
        made.append(ensemble)
        ensemble.start_all()
        return ensemble

    yield start
    for each in made:
        each.close()


def test_one_member_alone_leads_and_commits(started: Started) -> None:
    ensemble = started(1)
    processor = ensemble.link(ensemble.leader())

    for i in range(10):
        processor.submit(body(i))
    ensemble.wait(lambda: len(processor.read()) == 10)

    assert processor.bodies == [body(i) for i in range(10)]


@pytest.mark.parametrize("family", [4, 6])
def test_three_members_elect_one_and_all_read_the_same(started: Started, family: int) -> None:
    ensemble = started(3, family=family)
    ensemble.leader()
    ensemble.wait(lambda: len(ensemble.serving()) == 3)

    for member in ensemble.configs:
        processor = ensemble.link(member)
        for i in range(20):
            processor.submit(body(member * 100 + i))
    processors = list(ensemble.processors.values())
    ensemble.wait(lambda: all(len(each.read()) == 60 for each in processors))

    assert processors[0].bodies == processors[1].bodies == processors[2].bodies
    assert [b for b in processors[0].bodies if b < body(200)] == [body(100 + i) for i in range(20)]


def test_a_killed_leader_is_followed_by_another_with_all_that_was_committed(started: Started) -> None:
    ensemble = started(3)
    first = ensemble.leader()
    epoch = ensemble.processors[first].lease.epoch
    processor = ensemble.link(first)
    for i in range(5):
        processor.submit(body(i))
    ensemble.wait(lambda: all(len(each.read()) == 5 for each in ensemble.processors.values()))

    ensemble.kill(first)
    second = ensemble.leader(epoch_above=epoch)
    survivor = ensemble.link(second)
    survivor.submit(body(5))
    others = [each for i, each in ensemble.processors.items() if i != first]
    ensemble.wait(lambda: all(len(each.read()) == 6 for each in others))

    assert second != first
    assert all(each.bodies == [body(i) for i in range(6)] for each in others)

    ensemble.start(first)
    ensemble.wait(lambda: len(ensemble.processors[first].read()) == 6)
    assert ensemble.processors[first].bodies == others[0].bodies


def test_a_stopped_leader_loses_its_lease_before_another_leads(started: Started) -> None:
    ensemble = started(3)
    first = ensemble.leader()
    epoch = ensemble.processors[first].lease.epoch

    ensemble.pause(first, "broadcast")
    ensemble.leader(epoch_above=epoch)

    assert not ensemble.processors[first].serves
    ensemble.resume(first, "broadcast")
    ensemble.wait(lambda: len(ensemble.serving()) == 3)
    assert [each.lease.role for each in ensemble.serving()].count("leader") == 1


def test_an_uncommitted_tail_is_cut_off_where_the_others_went_on_without_it(started: Started) -> None:
    ensemble = started(3, tick_ms=4000)  # time to submit within the lease, on a disk that others keep busy
    first = ensemble.leader()
    epoch = ensemble.processors[first].lease.epoch
    others = [i for i in ensemble.configs if i != first]
    processor = ensemble.link(first)
    processor.submit(body(1))
    ensemble.wait(lambda: all(each.read() == [body(1)] for each in ensemble.processors.values()))

    for each in others:
        ensemble.pause(each, "broadcast")
    processor.submit(body(666))
    before = processor.watermark
    ensemble.wait(lambda: ensemble.log_bytes(first) > before.offset)
    ensemble.kill(first)
    for each in others:  # the proposal waits in their sockets: resumed, one could read it before it learns of the end
        ensemble.end(each, "broadcast")
        ensemble.start(each, "broadcast")
    survivor = ensemble.link(ensemble.leader(epoch_above=epoch))
    survivor.submit(body(2))
    ensemble.start(first)
    ensemble.wait(lambda: all(len(each.read()) == 2 for each in ensemble.processors.values()))

    assert all(each.bodies == [body(1), body(2)] for each in ensemble.processors.values())
    assert '"truncated"' in ensemble.log_text(first)


def test_a_member_without_data_takes_a_snapshot_and_the_records_behind_it(started: Started) -> None:
    ensemble = started(3)
    leader = ensemble.leader()
    empty = next(i for i in ensemble.configs if i != leader)
    processor = ensemble.link(leader)
    for i in range(6):
        processor.submit(bytes(1 << 20) + body(i))
    others = [each for i, each in ensemble.processors.items() if i != empty]
    ensemble.wait(lambda: all(len(each.read()) == 6 for each in others))
    joined = ensemble.processors[empty]
    ensemble.kill(empty)
    ensemble.wait(lambda: not joined.serves)
    ensemble.forget_data(empty)
    for each in others:
        ensemble.take_snapshot(each, b"a section" * 100_000)

    ensemble.start(empty)
    ensemble.wait(lambda: joined.serves)
    processor.submit(body(7))
    joined.read_from(ensemble.snapshot_zxid(empty))
    ensemble.wait(joined.read)

    assert joined.bodies == [body(7)]
    assert '"snapshot_received"' in ensemble.log_text(empty)
    followers = {str(i): 0 for i in ensemble.configs if i != leader}
    ensemble.wait(lambda: processor.state["learners"] == followers)


def test_without_election_processes_a_leader_goes_on(started: Started) -> None:
    ensemble = started(3)
    leader = ensemble.leader()
    epoch = ensemble.processors[leader].lease.epoch
    for member in ensemble.configs:
        ensemble.end(member, "election")

    processor = ensemble.link(leader)
    processor.submit(body(1))
    ensemble.wait(lambda: all(each.read() == [body(1)] for each in ensemble.processors.values()))

    assert {each.lease.epoch for each in ensemble.serving()} == {epoch}


def test_a_batch_out_of_sequence_is_refused_and_a_repeated_one_taken_once(started: Started) -> None:
    ensemble = started(3)
    follower = next(i for i in ensemble.configs if i != ensemble.leader())
    processor = ensemble.link(follower)
    processor.submit(body(1))
    processor.submit(body(1), sequence=1)
    processor.submit(body(3), sequence=3)
    ensemble.wait(lambda: processor.refused)

    processor = ensemble.link(follower)
    assert processor.accepting is not None
    assert processor.accepting.sequence == 1
    processor.submit(body(2), sequence=2)
    ensemble.wait(lambda: len(processor.read()) == 2)

    assert processor.bodies == [body(1), body(2)]


def test_a_second_process_on_the_same_data_is_refused(started: Started) -> None:
    ensemble = started(1)
    ensemble.leader()
    first = ensemble.processes.pop((1, "broadcast"))

    ensemble.start(1, "broadcast")
    code = ensemble.processes[1, "broadcast"].wait(20)
    ensemble.processes[1, "broadcast"] = first

    assert code == 78
    ensemble.wait(ensemble.serving)


def test_sigterm_ends_a_leader_cleanly(started: Started) -> None:
    ensemble = started(3)
    first = ensemble.leader()
    epoch = ensemble.processors[first].lease.epoch

    assert ensemble.end(first, "broadcast", signal.SIGTERM) == 0
    assert ensemble.end(first, "election", signal.SIGTERM) == 0

    assert ensemble.leader(epoch_above=epoch) != first


def test_a_broadcast_process_that_is_killed_comes_back_by_itself(started: Started) -> None:
    ensemble = started(3)
    leader = ensemble.leader()
    follower = next(i for i in ensemble.configs if i != leader)
    ensemble.wait(lambda: len(ensemble.serving()) == 3)

    ensemble.end(follower, "broadcast")
    ensemble.wait(lambda: not ensemble.processors[follower].serves)
    ensemble.start(follower, "broadcast")
    ensemble.wait(lambda: len(ensemble.serving()) == 3)

    processor = ensemble.link(follower)
    processor.submit(body(1))
    ensemble.wait(lambda: all(each.read() == [body(1)] for each in ensemble.processors.values()))


def test_election_processes_that_are_started_again_elect_again(started: Started) -> None:
    ensemble = started(3)
    first = ensemble.leader()
    epoch = ensemble.processors[first].lease.epoch
    ensemble.wait(lambda: len(ensemble.serving()) == 3)
    for member in ensemble.configs:
        ensemble.end(member, "election")
        ensemble.start(member, "election")

    ensemble.kill(first)

    assert ensemble.leader(epoch_above=epoch) != first


def test_a_strangers_key_is_refused_and_logged_once_until_it_is_added(started: Started) -> None:
    ensemble = started(3)
    leader = ensemble.leader()
    config = ensemble.configs[leader]
    stranger, server = make_keys(), Keyring(config, "test")
    endpoint = connect_endpoints(config.me.host, config.me.quorum_port)[0]

    def connect() -> Stream:
        stream = ensemble.sockets.stream(endpoint, keys=stranger, server_key=server.own.public)
        ensemble.poller.add(stream)
        ensemble.wait(lambda: stream.is_lost or stream.is_open)
        ensemble.poller.remove(stream)
        return stream

    for _ in range(3):
        assert connect().is_lost
    assert ensemble.log_text(leader).count("key_refused") == 1
    assert stranger.public in ensemble.log_text(leader)

    allow_member(config, 9, stranger.public)
    assert connect().is_open


def test_garbage_ends_a_stream_and_nothing_else(started: Started) -> None:
    ensemble = started(3)
    leader = ensemble.leader()
    follower = next(i for i in ensemble.configs if i != leader)
    keys = Keyring(ensemble.configs[follower], "test")
    config = ensemble.configs[leader]
    stream = ensemble.sockets.stream(
        connect_endpoints(config.me.host, config.me.quorum_port)[0], keys=keys.own, server_key=keys.key_of(leader))
    ensemble.poller.add(stream)
    stream.send(b"garbage")
    refused: list[object] = []

    def is_refused() -> bool:
        payload = stream.receive()
        if payload is not None:
            refused.append(decode_peer(payload))
        return bool(refused)

    ensemble.wait(is_refused)
    assert isinstance(refused[0], Refused)
    processor = ensemble.link(follower)
    processor.submit(body(1))
    ensemble.wait(lambda: processor.read() == [body(1)])
