"""The operator's link to a member: who may speak, and what is answered; and broadcast's own end as asked to."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.config.read import load_config
from node.processes.broadcast import client_addresses
from tests.processes.small_ensemble import SmallEnsemble, make_configs
from transport.messages import (
    CONTROL_VERSION,
    ControlHello,
    ControlRefused,
    ControlWelcome,
    DrainProgress,
    DrainWanted,
    HandOverDone,
    HandOverWanted,
    Message,
    decode_control,
    encode,
)
from transport.sockets import Stream
from transport.wiring import ipc_endpoint

Started = Callable[[int], SmallEnsemble]
HELLO = ControlHello(CONTROL_VERSION, "0.1.0")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    made: list[SmallEnsemble] = []

    def start(members: int) -> SmallEnsemble:
        ensemble = SmallEnsemble(make_configs(tmp_path, members, tick_ms=2000))
        made.append(ensemble)
        ensemble.start_all()
        ensemble.leader()
        ensemble.wait(lambda: len(ensemble.serving()) == members)
        return ensemble

    yield start
    for each in made:
        each.close()


class Operator:
    """*heard*: all that the member has answered."""

    def __init__(self, ensemble: SmallEnsemble, member: int) -> None:
        self.ensemble = ensemble
        self.heard: list[Message] = []
        self.stream: Stream = ensemble.sockets.stream(
            ipc_endpoint(str(ensemble.configs[member].run_dir), "control"))
        ensemble.poller.add(self.stream)

    def say(self, *messages: Message) -> Message:
        """And the next answer."""
        for message in messages:
            self.stream.send(encode(message))
        return self.next()

    def next(self) -> Message:
        before = len(self.heard)
        self.ensemble.wait(lambda: self._take_in() > before, "no answer")
        return self.heard[before]

    def _take_in(self) -> int:
        while (payload := self.stream.receive()) is not None:
            self.heard.append(decode_control(payload))
        return len(self.heard)


def test_a_command_of_another_version_is_told_what_to_do(started: Started) -> None:
    operator = Operator(started(1), 1)

    answer = operator.say(ControlHello(CONTROL_VERSION + 1, "9.9"))

    assert isinstance(answer, ControlRefused)
    assert "this command is of Corral 9.9" in answer.reason
    assert "use the `corral` of the member's version" in answer.reason


def test_nothing_is_done_for_who_does_not_say_hello(started: Started) -> None:
    operator = Operator(started(1), 1)

    assert operator.say(DrainWanted(True, 0)) == ControlRefused("say hello first")


def test_what_is_no_message_is_refused(started: Started) -> None:
    operator = Operator(started(1), 1)
    assert operator.say(HELLO) == ControlWelcome(1)

    operator.stream.send(b"\x91\xa4what")

    assert isinstance(operator.next(), ControlRefused)


def test_leadership_goes_to_the_member_that_is_named_and_batches_are_committed_on(started: Started) -> None:
    ensemble = started(3)
    leader = ensemble.leader()
    heir = next(member for member in ensemble.configs if member != leader)
    operator = Operator(ensemble, leader)
    operator.say(HELLO)

    done = operator.say(HandOverWanted(heir, 5000))

    assert isinstance(done, HandOverDone)
    assert done.leader == heir
    assert ensemble.leader(epoch_above=done.epoch - 1) == heir
    processor = ensemble.link(leader)
    processor.submit(b"%08d" % 7)
    ensemble.wait(lambda: processor.read() == [b"%08d" % 7])


def test_where_nobody_is_left_to_take_over_it_is_said_who_is_where(started: Started) -> None:
    ensemble = started(3)
    leader = ensemble.leader()
    one, other = (member for member in ensemble.configs if member != leader)
    ensemble.kill(one)
    ensemble.processors[other].leave()
    operator = Operator(ensemble, leader)
    operator.say(HELLO)
    refused: list[str] = []

    def is_refused_for_both() -> bool:
        answer = operator.say(HandOverWanted(one, 200))
        assert isinstance(answer, ControlRefused)
        refused.append(answer.reason)
        return f"member {one} is not connected" in answer.reason

    ensemble.wait(is_refused_for_both)

    assert f"member {other} " in refused[-1]
    assert ensemble.leader() == leader


def test_a_lone_member_has_nobody_to_hand_over_to(started: Started) -> None:
    operator = Operator(started(1), 1)
    operator.say(HELLO)

    assert operator.say(HandOverWanted(0, 200)) == ControlRefused(
        "member 1 is the only voter: there is nobody to hand over to")


def test_a_drain_that_is_undone_ends(started: Started) -> None:
    ensemble = started(3)
    follower = next(member for member in ensemble.configs if member != ensemble.leader())
    operator = Operator(ensemble, follower)
    operator.say(HELLO)

    assert operator.say(DrainWanted(True, 0)) == DrainProgress(-1)  # its processor is a test that knows no drain
    ensemble.wait(lambda: ensemble.processors[follower].state.get("draining"))
    operator.stream.send(encode(DrainWanted(False, 0)))
    ensemble.wait(lambda: operator._take_in() and operator.heard[-1] == DrainProgress(0))

    ensemble.wait(lambda: not ensemble.processors[follower].state.get("draining"))


def test_a_leading_broadcast_that_is_to_end_hands_over_first(started: Started) -> None:
    ensemble = started(3)
    leader = ensemble.leader()

    code = ensemble.end(leader, "broadcast", signal.SIGTERM)

    assert code == 0
    assert '"handed_over"' in ensemble.log_text(leader)
    others = [each for member, each in ensemble.processors.items() if member != leader]
    ensemble.wait(lambda: any(each.serves and each.lease.role == "leader" for each in others), "no new leader")


def test_members_are_told_by_addresses_that_others_can_reach(tmp_path: Path) -> None:
    file = tmp_path / "zoo.cfg"
    file.write_text(
        f"dataDir={tmp_path}\ninitLimit=10\nsyncLimit=5\nserver.1=zk1:2888:3888;2181\n"
        "server.2=[2001:db8::2]:2888:3888;[::]:2181\nserver.3=zk3:2888:3888;clients3:2182\n")
    (tmp_path / "myid").write_text("1")

    assert client_addresses(load_config(file).config) == {
        1: "zk1:2181", 2: "[2001:db8::2]:2181", 3: "clients3:2182"}
