"""A member's keys in the wrong hands: the others serve on, and none of their processes ends."""

import errno
import random
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.config.read import load_config
from tests.corral import Ensemble, corral_ensemble, kazoo_client
from tests.fuzz.client import http_seeds
from tests.fuzz.edits import edited, random_edits
from tests.hostile.conftest import Bystander
from tests.hostile.peer import Thief, misnumbered
from tests.waiting import wait_until
from tests.wire_connection import four_letter
from transport.batch import REQUEST, pack_batch
from transport.entry import pack_record
from transport.messages import (
    Accepting,
    Ack,
    AckEpoch,
    AckNewLeader,
    Digest,
    Hello,
    Lease,
    Message,
    NewEpoch,
    NewLeader,
    Ping,
    Pong,
    Records,
    Refused,
    Relay,
    SnapshotBegin,
    Submit,
    SubmitHello,
    Touches,
    Truncate,
    UpToDate,
    Vote,
    encode,
)
from transport.opcodes import OpCode
from transport.zxid import COUNTER_BITS, EPOCH_MAX

LARGEST = 60 << 20
GROWTH_KB_MAX = 400_000  # a few messages of LARGEST, as they come and are decoded
UNREADABLE = b"\xc1"
BIGGEST = (1 << 63) - 1


class Victims:
    """Two sound members, one of them leads; the third is down, and a thief has its keys."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self.leader = ensemble.leader()
        self.stolen = 1 + self.leader % 3
        self.follower = 6 - self.leader - self.stolen
        ensemble.kill(self.stolen)
        self.thief = Thief(load_config(ensemble.home(self.stolen) / "zoo.cfg").config)
        self.sound = (self.leader, self.follower)

    @property
    def epoch(self) -> int:
        found = re.search(r"Zxid: (0x[0-9a-f]+)", four_letter(self.ensemble.addresses[self.leader - 1], "srvr"))
        assert found
        return int(found[1], 16) >> COUNTER_BITS

    def pids(self) -> dict[int, dict[str, int]]:
        return {member: self.ensemble.pids(member) for member in self.sound}

    def hello(self, **other: object) -> Hello:
        told: dict[str, object] = {
            "member": self.stolen, "ensemble": self.thief.keyring.ensemble, "incarnation": "stolen", "initial": False,
            "generation": 1, "accepted_epoch": self.epoch, "current_epoch": self.epoch, "last_zxid": 0, "committed": 0,
            "epochs": [], "feature_level": 1, "settings": {}}
        return Hello(**(told | other))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def victims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victims]:
    with corral_ensemble(tmp_path_factory.mktemp("victims")) as ensemble:
        victims = Victims(ensemble)
        yield victims
        victims.thief.close()


@pytest.fixture
def unharmed(victims: Victims) -> Iterator[None]:
    """No process of a sound member ends, or grows beyond bounds, and a client of theirs notices nothing."""
    before, peaks = victims.pids(), peak_kb(victims)
    addresses = [victims.ensemble.addresses[member - 1] for member in victims.sound]
    with kazoo_client(addresses, timeout_s=30) as client:
        bystander = Bystander(client)
        bystander.thread.start()
        yield
        done = bystander.done
        wait_until(lambda: bystander.done > done + 5 or bystander.troubles, seconds=60, what="the client goes on")
        bystander.ends.set()
        bystander.thread.join()
        bystander.check()
        client.remove_listener(bystander.troubles.append)
    assert victims.pids() == before
    grown = {name: kb - peaks[name] for name, kb in peak_kb(victims).items()}
    assert max(grown.values()) < GROWTH_KB_MAX, grown


def peak_kb(victims: Victims) -> dict[tuple[int, str], int]:
    found = {}
    for member, processes in victims.pids().items():
        for name, pid in processes.items():
            status = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            assert status
            found[member, name] = int(status[1])
    return found


# The quorum port ----------------------------------------------------------------------------------


GARBAGE = {
    "no message": UNREADABLE,
    "a name that is no UTF-8": encode(Ack(1)).replace(b"Ack", b"\xff\xfe\xfd"),
    "lists in lists without end": b"\x93\xa3Ack\x01" + b"\x91" * 200_000,
    "four billion items": b"\x97\xa4Pong\x01\x01\xdd\xff\xff\xff\xff",
    "a message of another link": encode(Lease(BIGGEST, 1, 1, "", "", "leader")),
    "a number beyond bounds": encode(NewEpoch(EPOCH_MAX + 1)),
    "sixty megabytes": b"\xc6" + struct.pack(">I", LARGEST) + bytes(LARGEST),
    "a digest of nobody": encode(Pong(0, 0, [Digest(1, "x" * 1000, 1)])),
}


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.usefixtures("unharmed")
def test_garbage_ends_its_stream_and_nothing_else(victims: Victims, garbage: str) -> None:
    for member in victims.sound:
        visit = victims.thief.reach(member)
        visit.say(GARBAGE[garbage])
        visit.until(Refused)
        visit.leave()


@pytest.mark.usefixtures("unharmed")
def test_messages_of_many_frames_and_wrong_numbers_end_their_stream(victims: Victims) -> None:
    for frames in ([b"", b""], [*misnumbered([1]), b"more"], misnumbered([7]), misnumbered([0]), [b"short"]):
        visit = victims.thief.reach(victims.leader)
        visit.say_raw(frames)
        visit.until(Refused)
        visit.leave()


@pytest.mark.usefixtures("unharmed")
def test_messages_that_are_not_due_change_nothing(victims: Victims) -> None:
    """Those that a leader sends, those of a learner that never said hello, and those of an old epoch."""
    record = pack_record(first_zxid=1, count=BIGGEST & 0xFFFFFFFF, time_ms=0, body=b"x")
    messages: list[Message] = [
        NewEpoch(EPOCH_MAX), Truncate(0), Records(record, BIGGEST), NewLeader(1, BIGGEST), UpToDate(1, BIGGEST),
        SnapshotBegin(BIGGEST, BIGGEST, []), Ping(BIGGEST, BIGGEST, BIGGEST, True), Ack(BIGGEST),
        AckNewLeader(1, BIGGEST),
        AckEpoch(0, 0, 0, 0, [], True, [(1, 3_600_000)]), Pong(BIGGEST, BIGGEST, [])]
    for member in victims.sound:
        visit = victims.thief.reach(member)
        visit.say(*messages, UNREADABLE)
        visit.until(Refused)
        visit.leave()


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("lie", [
    {"accepted_epoch": EPOCH_MAX - 1}, {"accepted_epoch": EPOCH_MAX}, {"member": 77}, {"ensemble": "another"},
    {"feature_level": 1 << 31, "settings": {"corral.testHooks": "x" * 1000}}, {"restored": "elsewhere", "last_zxid": 7},
], ids=str)
def test_a_hello_that_cannot_be_is_refused(victims: Victims, lie: dict[str, object]) -> None:
    epoch = victims.epoch
    visit = victims.thief.reach(victims.leader)
    visit.say(victims.hello(**lie))
    visit.until(Refused)
    visit.leave()

    assert victims.epoch == epoch


@pytest.mark.usefixtures("unharmed")
def test_a_learner_that_acks_what_it_was_never_sent_is_dropped(victims: Victims) -> None:
    """Synchronised from a history that is none: epochs in disorder, ends that are no records' ends."""
    epoch = victims.epoch
    for epochs in ([], [(epoch, (epoch << 40) + 1)], [(epoch, BIGGEST), (1, 0), (1, 1 << 40), (0, 5)]):
        visit = victims.thief.reach(victims.leader)
        visit.say(victims.hello(epochs=epochs, last_zxid=BIGGEST, current_epoch=0))
        visit.wait(lambda visit=visit: visit.answers, "an answer")  # type: ignore[misc]
        visit.say(
            AckEpoch(epoch, 0, BIGGEST, 0, epochs, True, [(1, 3_600_000)]), AckNewLeader(epoch, BIGGEST), Ack(BIGGEST),
            UNREADABLE)
        visit.until(Refused)
        visit.leave()


# Requests -----------------------------------------------------------------------------------------


def batch(victims: Victims, *, count: int, requests: bytes, identities: list[bytes], sequence: int = 1) -> bytes:
    return pack_batch(
        member=victims.stolen, processor=9, generation=1, sequence=sequence, epoch=victims.epoch, count=count,
        identities=identities, requests=requests)


@pytest.mark.usefixtures("unharmed")
def test_more_requests_than_a_batch_has_room_for_are_not_taken(victims: Victims) -> None:
    request = REQUEST.pack(0, 1, 1, OpCode.SYNC, 0, 0, 0, 4) + b"\0\0\0\0"
    whole = batch(victims, count=1, requests=request, identities=[])
    for bad in (
        batch(victims, count=0xFFFFFFFF, requests=request, identities=[]), whole[:-1], whole + b"x", b"", whole[:7],
        bytes(100), batch(victims, count=1, requests=b"", identities=[b"x" * 60])[:60],
    ):
        visit = victims.thief.reach(victims.leader)
        visit.say(SubmitHello(victims.stolen, victims.thief.keyring.ensemble, 9, 1, victims.epoch))
        visit.until(Accepting)
        visit.say(Submit(bad))
        visit.until(Refused)
        visit.leave()


@pytest.mark.usefixtures("unharmed")
def test_a_batch_that_does_not_add_up_ends_no_replica(victims: Victims) -> None:
    """It is in every member's log by then, and executed wherever that is read."""
    cut_off = REQUEST.pack(0, 1, 1, OpCode.CREATE, 0xFFFF, 9, 9, 0xFFFFFFFF) + b"\xff" * 20
    visit = victims.thief.reach(victims.leader)
    visit.say(SubmitHello(victims.stolen, victims.thief.keyring.ensemble, 9, 1, victims.epoch))
    accepting = visit.until(Accepting)
    assert isinstance(accepting, Accepting)
    sequence = accepting.sequence + 1
    visit.say(
        Submit(batch(victims, count=1, requests=cut_off, identities=[], sequence=sequence)),
        Submit(batch(victims, count=2, requests=cut_off + bytes(60), identities=[b"zz"], sequence=sequence + 1)))

    for member in victims.sound:
        wait_until(lambda member=member: "batch_malformed" in victims.ensemble.log(member), what="the alarm")  # type: ignore[misc]
    visit.leave()


@pytest.mark.usefixtures("unharmed")
def test_touches_and_questions_of_telemetry_may_be_garbage(victims: Victims) -> None:
    visit = victims.thief.reach(victims.leader)
    visit.say(
        Touches(victims.stolen, 0, 1, True, bytes(120)), Relay(b"\xff" * 1000), Relay(b"\x91" * 100_000), Relay(b""),
        Touches(victims.stolen, 0, 1, True, b"cut short"))
    visit.until(Refused)
    visit.leave()


# The election port --------------------------------------------------------------------------------


@pytest.mark.usefixtures("unharmed")
def test_votes_may_be_garbage(victims: Victims) -> None:
    """From that port nothing comes back: what was sent has arrived when a later connection has been made."""
    vote = Vote(
        victims.stolen, victims.thief.keyring.ensemble, "looking", (1 << 62) - 1, 250, EPOCH_MAX, BIGGEST, True, 0,
        False)
    visits = []
    for payload in (*GARBAGE.values(), encode(vote), encode(vote).replace(b"looking", b"sitting")):
        for member in victims.sound:
            visits.append(victims.thief.reach(member, port="election"))
            visits[-1].say(payload)
    visits += [victims.thief.reach(member, port="election") for member in victims.sound]
    for visit in visits:
        visit.leave()


# Without a key ------------------------------------------------------------------------------------


@contextmanager
def closed_by_the_other() -> Iterator[None]:
    """Or not."""
    try:
        yield
    except ConnectionError:
        return
    except OSError as error:
        if error.errno != errno.ENOTCONN:  # shutdown, of a connection that has been reset
            raise


@pytest.mark.usefixtures("unharmed")
def test_strangers_may_send_anything_to_the_members_ports(victims: Victims) -> None:
    greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\0CURVE".ljust(64, b"\0")  # ZMTP 3.0
    rng = random.Random(3)
    peer = victims.thief.config.members[victims.leader]
    for port in (peer.quorum_port, peer.election_port):
        for number in range(60):
            edits = random_edits(rng) if number else []
            data = edited(greeting + rng.randbytes(200), edits, [b"GET / HTTP/1.1\r\n\r\n"])
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, closed_by_the_other():
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)


# Operators' port ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("unharmed")
def test_the_admin_port_answers_garbage_or_closes(victims: Victims) -> None:
    rng = random.Random(5)
    paths = (b"/metrics", b"/healthz", b"/explain", b"/slow", b"/recent", b"/status", b"/")
    seeds = http_seeds() + [
        b"GET %s?zxid=%s&path=%s&session=%s&n=%s HTTP/1.0\r\n\r\n" % (path, value, value, value, value)
        for path in paths for value in (b"-1", b"9" * 30, b"%00", b"0x", b"4:99999999999999999")]
    local = victims.ensemble.local
    address = ("127.0.0.1", local.member(victims.leader).metrics_port)
    for number in range(150):
        data = seeds[number] if number < len(seeds) else edited(rng.choice(seeds), random_edits(rng), seeds)
        with socket.create_connection(address, timeout=20) as connection, closed_by_the_other():
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass
    assert "http_failed" not in victims.ensemble.log(victims.leader)


# Afterwards ---------------------------------------------------------------------------------------


def test_the_member_itself_comes_back_and_serves(victims: Victims) -> None:
    victims.ensemble.start(victims.stolen)
