"""What another member sends with a valid key: to its leader, to whoever follows it, to a processor, to telemetry.

Members 1 and 2 are sound, 3 lies. A learner that lies costs a sound majority nothing for long. A leader that lies can
take its followers with it (it may well be the one that everybody elected), but it ends none of their processes.
"""

import msgspec

from node.processes.write_log import _entries
from node.tree.execute import Replica
from node.tree.sink import NullSink
from node.tree.state import State
from node.tree.watches import Watches
from node.zab.effects import Effect, Watermark
from node.zab.errors import CannotServeError
from node.zab.events import FromLeader, FromLearner, LeaderLost, TurnEnd
from node.zab.intake import BATCH_BYTES_MAX, Intake
from observability.peers import Answer, Ask
from observability.peers import decode as decode_telemetry_peer
from observability.peers import encode as encode_telemetry_peer
from tests.fuzz.choices import Choices
from tests.fuzz.messages import Facts, classes_of, drawn, received
from tests.zab.ensemble import Ensemble, Host
from transport.batch import BATCH, REQUEST, pack_batch
from transport.entry import (
    ControlEntry,
    Kind,
    pack_control,
    pack_record,
    read_control,
    read_record_header,
)
from transport.messages import (
    Ack,
    AckEpoch,
    AckNewLeader,
    Hello,
    Message,
    NewEpoch,
    NewLeader,
    PeerMessage,
    Ping,
    Pong,
    Records,
    SubmitHello,
    Truncate,
    UpToDate,
    decode_control,
    decode_local,
    decode_peer,
    decode_telemetry,
    decode_vote,
    encode,
)
from transport.opcodes import OpCode
from transport.zxid import MemberId, make_zxid

LIAR = MemberId(3)
PEER = classes_of(PeerMessage)
STEPS_MAX = 200
FIRST = make_zxid(epoch=1, counter=0)
FACTS = Facts(numbers=(0, 1, 2, 3, FIRST, FIRST + 1, FIRST + 4, FIRST + 5, make_zxid(epoch=2, counter=0), 1000, 3000))
ENTRY = ControlEntry(leader=3, feature_level=1, settings={}, incarnations={3: "3-first"}, voters=[1, 2, 3])


# --- bytes -------------------------------------------------------------------------------------------------------


def message_seeds() -> list[bytes]:
    hello = Hello(3, "zoo", "3-first", False, 7, 1, 1, FIRST, FIRST, [(1, FIRST)], 1, {"a": "b"}, "", [1, 2, 3])
    sent: list[Message] = [
        hello, AckEpoch(2, 1, FIRST, FIRST, [(1, FIRST)], True, [(1, 500)]), AckNewLeader(2, FIRST), Ack(FIRST),
        Pong(1, 2, [], True), NewEpoch(2), Truncate(FIRST), NewLeader(2, FIRST), UpToDate(2, FIRST),
        Records(pack_record(first_zxid=FIRST + 1, count=1, time_ms=1, body=b"x"), FIRST),
        SubmitHello(3, "zoo", 0, 7, 1)]
    return [
        *(encode(each) for each in sent), encode_telemetry_peer(Ask(1, [FIRST], 5)),
        encode_telemetry_peer(Answer(1, 1, 2, 3, 4, [])), msgspec.msgpack.encode(ENTRY)]


def messages(data: bytes) -> None:
    """Each decoder reads it or raises DecodeError; what was read can be written, and reads alike."""
    for decode in (decode_peer, decode_vote, decode_telemetry, decode_control, decode_local, decode_telemetry_peer,
                   read_control):
        try:
            message = decode(data)
        except msgspec.DecodeError:
            continue
        assert msgspec.msgpack.encode(decode(msgspec.msgpack.encode(message))) == msgspec.msgpack.encode(message)


def batch_seeds() -> list[bytes]:
    requests = [
        REQUEST.pack(0, 1, 1, OpCode.CREATE_SESSION, 0, 0, 0, 20) + bytes(20),
        REQUEST.pack(5, 1, 2, OpCode.CREATE, 1, 0, 0, 8) + bytes(25) + b"\0\0\0\2/a\0\0",
        REQUEST.pack(5, 1, 3, OpCode.SYNC, 2, 1, 100, 4) + bytes(4)]
    return [
        pack_batch(member=3, processor=0, generation=7, sequence=1, epoch=1, count=len(some), identities=identities,
                   requests=b"".join(some))
        for some in (requests, requests[:1], requests[1:]) for identities in ([], [b"\0\0\0\0", b"\0\0\0\1xyz"])]


def batch(data: bytes) -> None:
    """What the leader takes, every replica executes, and telemetry reads. A head that adds up is put before it."""
    if len(data) >= BATCH.size:
        data = BATCH.pack(len(data), 3, 0, 0, 7, 1, 1, *BATCH.unpack_from(data)[-2:]) + data[BATCH.size:]
    intake = Intake(me=1, ensemble="zoo")
    intake.open(1)
    intake.hello(SubmitHello(3, "zoo", 0, 7, 1))
    if not intake.submit(data, member=3):
        return
    taken = intake.take()
    assert taken is not None
    body, count = taken
    assert count * REQUEST.size <= len(body) <= BATCH_BYTES_MAX
    replica = Replica(State(), Watches(), NullSink())
    replica.apply_record(pack_control(zxid=FIRST, kind=Kind.EPOCH, time_ms=1, entry=ENTRY))
    record = pack_record(first_zxid=FIRST + 1, count=count, time_ms=1, body=body)
    replica.apply_record(record)
    assert replica.zxid == FIRST + count
    replica.digest()
    list(_entries(record, read_record_header(record)))


# --- stories -----------------------------------------------------------------------------------------------------


class Attacked(Ensemble):
    """*heard*: what the liar was sent on his stream, and has not answered."""

    def __init__(self) -> None:
        self.lives = 0
        self.heard: list[Message] = []
        super().__init__(3)
        self.elect(1)
        self.run()
        self.submit(1, b"a" * 90, 3)
        self.submit(1, b"b", 1)
        self.run()

    def _post(self, stream: bytes, way: str, message: Message) -> None:
        if stream == self.stream:
            self.heard.append(message)
        super()._post(stream, way, message)

    def _perform(self, host: Host, effect: Effect) -> None:
        super()._perform(host, effect)
        if isinstance(effect, Watermark):
            ends = {read_record_header(each).last_zxid for each in host.disk.records}
            assert effect.zxid in ends | {host.disk.log_after}, f"{effect.zxid:#x} is inside of a record"

    def _receive_snapshot(self, host: Host, message: Message) -> None:
        """A file that does not verify: it is discarded, and the stream ends."""
        assert host.member is not None
        host.receiving = False
        self.step(host.id, LeaderLost(host.life))

    @property
    def stream(self) -> bytes:
        return b"lie#%d" % self.lives

    def lie_as_learner(self, target: int, message: Message) -> None:
        if isinstance(message, Hello):
            self.lives += 1
            self.heard.clear()
        self.step(target, FromLearner(self.stream, LIAR, message), TurnEnd())

    def recovers(self) -> None:
        """1 and 2 serve again, without 3, and commit."""
        self.crash(3)
        self.advance(3000)
        for _ in range(10):
            leader = next((each for each in self.hosts.values() if each.member and each.member.may_propose), None)
            if leader is not None and self.hosts[MemberId(3 - leader.id)].watermark == leader.watermark:
                break
            best = max((1, 2), key=lambda each: (self.hosts[MemberId(each)].disk.last_zxid(), each))
            self.elect(best, 1, 2)
            self.advance(3000)
        else:
            raise AssertionError("the sound majority does not serve again")
        self.submit(leader.id, b"after", 2)
        self.run()
        assert {each.watermark for each in self.hosts.values() if each.member} == {leader.disk.last_zxid()}


def learner(data: bytes) -> None:
    """Anything to a leader, to who follows it, and while they look."""
    choices, ensemble = Choices(data), Attacked()
    if choices.below(2):
        ensemble.crash(3)
    for _ in range(STEPS_MAX):
        if not choices.has_more:
            break
        match choices.below(16):
            case 0:
                ensemble.advance(choices.pick((50, 500, 2500)))
            case 1 if (host := ensemble.hosts[MemberId(1)]).member and host.member.may_propose:
                ensemble.submit(1, b"x" * 40, 1 + choices.below(3))
            case 2:
                ensemble.elect(choices.pick((1, 2)), 1, 2)
            case 3:
                ensemble.lie_as_learner(1, _honest_hello(ensemble))
            case due if due < 11 and ensemble.heard:
                answer = _answer(ensemble, ensemble.heard.pop(0))
                if answer is not None and choices.below(3) == 0:
                    answer = received(_twisted(choices, answer, ensemble), decode_peer)
                if answer is not None:
                    ensemble.lie_as_learner(1, answer)
            case _:
                message = received(drawn(choices, PEER, FACTS), decode_peer)
                if message is not None:
                    ensemble.lie_as_learner(choices.pick((1, 1, 1, 2)), message)
        if choices.below(2):
            ensemble.run()
    ensemble.recovers()


def _honest_hello(ensemble: Ensemble) -> Hello:
    """What comes after it is heard in a later phase."""
    disk = ensemble.hosts[LIAR].disk
    last = disk.last_zxid()
    return Hello(
        3, "zoo", disk.incarnation, disk.initial, 7, disk.accepted_epoch, disk.current_epoch, last, last, disk.epochs(),
        1, {}, "", [1, 2, 3])


def _answer(ensemble: Attacked, message: Message) -> Message | None:
    """What a sound learner would say, so that lies come in every phase."""
    disk = ensemble.hosts[LIAR].disk
    last = disk.last_zxid()
    match message:
        case NewEpoch():
            return AckEpoch(message.epoch, disk.current_epoch, last, last, disk.epochs(), True, [])
        case NewLeader():
            return AckNewLeader(message.epoch, message.zxid)
        case Records():
            return Ack(read_record_header(message.data).last_zxid)
        case Ping():
            return Pong(message.sent_ms, ensemble.now_ms, [])
        case _:
            return None


def _twisted(choices: Choices, message: Message, ensemble: Attacked) -> Message:
    """One of its numbers is another one, perhaps only a little."""
    numbers = [each for each in message.__struct_fields__ if type(getattr(message, each)) is int]
    name = choices.pick(numbers)
    value = getattr(message, name)
    last = ensemble.hosts[MemberId(1)].disk.last_zxid()
    near = (value, value - 1, value + 2, last, last - 1)
    return msgspec.structs.replace(message, **{name: choices.number(near)})


def leader(data: bytes) -> None:
    """Anything to a follower. It may end as an operator must see it, in no other way."""
    choices, ensemble = Choices(data), Attacked()
    ensemble.crash(1)
    ensemble.elect(3, 2, 3)
    ensemble.run()
    ensemble.crash(3)
    ensemble.step(2, LeaderLost(ensemble.hosts[MemberId(2)].life))
    host = ensemble.hosts[MemberId(2)]
    ensemble.hosts[LIAR].member = None
    try:
        for _ in range(STEPS_MAX):
            if not choices.has_more:
                return
            if choices.below(16) == 0:
                ensemble.now_ms += choices.pick((50, 500, 2500))
                ensemble.tick()
            _lie_as_leader(choices, ensemble, host)
    except CannotServeError:
        return


def _lie_as_leader(choices: Choices, ensemble: Attacked, host: Host) -> None:
    assert host.member is not None
    history = host.disk.last_zxid()
    epoch = host.disk.accepted_epoch + choices.below(2)
    near = Facts(numbers=(*FACTS.numbers, history, history + 1, epoch, ensemble.now_ms), records=[
        pack_record(first_zxid=history + 1, count=1 + choices.below(3), time_ms=1, body=b"y")])
    expected: list[Message] = [
        NewEpoch(epoch), Truncate(history), NewLeader(epoch, history), UpToDate(epoch, history),
        Records(near.records[0], history)]
    message = choices.pick(expected) if choices.below(3) == 0 else received(drawn(choices, PEER, near), decode_peer)
    if message is not None:
        role = host.member._role
        life = getattr(role, "life", 0)
        ensemble.step(2, FromLeader(life, message), TurnEnd())
