"""Members in a given state, and the messages that bring them there."""

from node.zab.config import Timing, ZabConfig
from node.zab.effects import Effect, Look, Report
from node.zab.events import Elected, Event, FromLeader, FromLearner, ProcessorReady, Recovered, Started
from node.zab.looking import ANSWER_MS
from node.zab.member import Member
from transport.entry import ControlEntry, Kind, pack_control, pack_record, read_record_header
from transport.messages import (
    AckEpoch,
    AckNewLeader,
    EpochTable,
    Hello,
    Message,
    NewEpoch,
    NewLeader,
    Pong,
    Truncate,
    UpToDate,
)
from transport.zxid import Epoch, MemberId, Zxid, make_zxid

TIMING = Timing.of(tick_ms=2000, init_limit=10, sync_limit=5)
VOTERS = (MemberId(1), MemberId(2), MemberId(3))
INCARNATIONS = {1: "1-first", 2: "2-first", 3: "3-first"}
NOW = 10_000  # ms, when every story begins


def z(epoch: int, counter: int) -> Zxid:
    return make_zxid(epoch=epoch, counter=counter)


def control(
    *, leader: int = 1, incarnations: dict[int, str] | None = None, level: int = 1,
    settings: dict[str, str] | None = None, voters: tuple[int, ...] = VOTERS, restored: str = "",
    servers: dict[int, str] | None = None, version: int = 0, intent: int = 0, before: tuple[int, ...] = (),
) -> ControlEntry:
    return ControlEntry(
        leader=leader, feature_level=level, settings=settings or {},
        incarnations=INCARNATIONS if incarnations is None else incarnations, voters=list(voters), restored=restored,
        servers=servers or {}, config_version=version, intent=intent, voters_before=list(before))


def control_record(zxid: int, entry: ControlEntry, kind: Kind = Kind.EPOCH) -> bytes:
    return pack_control(zxid=zxid, kind=kind, time_ms=0, entry=entry)


def record(zxid: int, *, count: int = 1, body: bytes = b"batch") -> bytes:
    return pack_record(first_zxid=zxid, count=count, time_ms=0, body=body)


def recovered(
    *, last: int = 0, committed: int = 0, epochs: EpochTable | None = None, accepted: int = 0,
    current: int = 0, entry: ControlEntry | None = None, me: int = 1, incarnation: str = "",
    initial: bool = False, log_after: int = 0, snapshot: int = 0,
) -> Recovered:
    """By default of an empty log; *entry*: the last control entry, committed."""
    if epochs is None:
        epochs = [(last >> 40, last)] if last else []
    return Recovered(
        accepted_epoch=Epoch(accepted), current_epoch=Epoch(current), last_zxid=Zxid(last),
        committed=Zxid(committed), epochs=epochs, snapshot_zxid=Zxid(snapshot),
        log_after=Zxid(log_after),
        controls=((Zxid(committed), control_body(entry)),) if entry else (),
        ensemble="zoo", incarnation=incarnation or INCARNATIONS[me], initial=initial)


def control_body(entry: ControlEntry) -> bytes:
    packed = control_record(0, entry)
    return packed[-read_record_header(packed).length:]


def settled(last: int, *, epoch: int | None = None, me: int = 1, **more: object) -> Recovered:
    """A member of an ensemble that has been at work: everything in its log is committed."""
    epoch = last >> 40 if epoch is None else epoch
    given: dict[str, object] = {
        "last": last, "committed": last, "accepted": epoch, "current": epoch,
        "entry": control(), "me": me}
    return recovered(**(given | more))  # type: ignore[arg-type]


def config(
    me: int = 1, *, voters: tuple[MemberId, ...] = VOTERS, feature_level: int = 1, **more: object,
) -> ZabConfig:
    return ZabConfig(
        me=MemberId(me), voters=voters, ensemble="zoo", timing=TIMING, feature_level=feature_level,
        **more)  # type: ignore[arg-type]


def hello(
    member: int, *, last: int = 0, accepted: int = 0, current: int = 0, committed: int = 0,
    epochs: EpochTable | None = None, initial: bool = False, incarnation: str = "",
    level: int = 1, settings: dict[str, str] | None = None, ensemble: str = "zoo", restored: str = "",
    voters: tuple[int, ...] = VOTERS,
) -> Hello:
    return Hello(
        member=member, ensemble=ensemble, incarnation=incarnation or INCARNATIONS[member],
        initial=initial, generation=0, accepted_epoch=accepted, current_epoch=current,
        last_zxid=last, committed=committed,
        epochs=epochs if epochs is not None else ([(last >> 40, last)] if last else []),
        feature_level=level, settings=settings or {}, restored=restored, voters=list(voters))


def ack_epoch(
    epoch: int, *, current: int = 0, last: int = 0, committed: int = 0,
    epochs: EpochTable | None = None, counts: bool = True,
    grants: list[tuple[int, int]] | None = None,
) -> AckEpoch:
    return AckEpoch(
        epoch=epoch, current_epoch=current, last_zxid=last, committed=committed,
        epochs=epochs if epochs is not None else ([(last >> 40, last)] if last else []),
        counts=counts, grants=grants or [])


def stream(member: int, life: int = 1) -> bytes:
    return f"{member}#{life}".encode()


class Driver:
    """A member and a clock; `step` returns the effects without the reports."""

    def __init__(self, recovered: Recovered, config: ZabConfig) -> None:
        self.now_ms = NOW
        self.member = Member(recovered, config)
        self.reports: list[Report] = []
        self.round = 0

    def step(self, *events: Event) -> list[Effect]:
        done: list[Effect] = []
        for event in events:
            done += self.member.step(self.now_ms, event)
        self.reports += [each for each in done if isinstance(each, Report)]
        for effect in done:
            if isinstance(effect, Look):
                self.round = effect.round
        return [each for each in done if not isinstance(each, Report)]

    def start(self) -> list[Effect]:
        """Its processor 0 lives."""
        return self.step(Started(), ProcessorReady(alive=True))

    def elect(self, leader: int) -> list[Effect]:
        return self.step(Elected(self.round, MemberId(leader)))

    def elect_later(self, leader: int) -> list[Effect]:
        """When the leader just lost has had its time to answer."""
        self.wait(ANSWER_MS)
        return self.elect(leader)

    def hear(self, *messages: Message, life: int = 1) -> list[Effect]:
        """From the leader."""
        return self.step(*(FromLeader(life, message) for message in messages))

    def learn(self, member: int, *messages: Message, life: int = 1) -> list[Effect]:
        """From a learner."""
        return self.step(*(
            FromLearner(stream(member, life), MemberId(member), message) for message in messages))

    def wait(self, ms: int) -> None:
        self.now_ms += ms

    def reported(self, event: str) -> list[dict[str, object]]:
        return [each.fields for each in self.reports if each.event == event]


def follower(
    found: Recovered | None = None, *, leader: int = 3, me: int = 2, epoch: int = 5, point: int | None = None,
) -> Driver:
    """In the synchronisation phase of *epoch*, its log cut back to *point*: by default it has 4:0 to 4:3."""
    found = found or settled(z(4, 3), me=me)
    driver = Driver(found, config(me))
    driver.start()
    driver.elect(leader)
    driver.hear(NewEpoch(epoch), Truncate(found.last_zxid if point is None else point))
    return driver


def serving_follower() -> Driver:
    """Of leader 3 in epoch 5, up to date at 4:3."""
    driver = follower()
    driver.hear(NewLeader(5, z(4, 3)), UpToDate(5, z(4, 3)))
    return driver


def candidate(found: Recovered | None = None, *, me: int = 3, **more: object) -> Driver:
    """Elected, and waiting for a quorum: by default with 4:0 to 4:3. It started long ago."""
    driver = Driver(found or settled(z(4, 3), me=me), config(me, **more))
    driver.start()
    driver.wait(TIMING.silence_ms)
    driver.elect(me)
    return driver


def synchronising_leader(found: Recovered | None = None, *, me: int = 3, other: int = 2) -> Driver:
    """Leader of epoch 5 in which *other*, with the same history, has got NewLeader."""
    driver = candidate(found, me=me)
    driver.learn(other, hello(other, last=z(4, 3), accepted=4, current=4, committed=z(4, 3)))
    driver.learn(other, ack_epoch(5, current=4, last=z(4, 3), committed=z(4, 3)))
    return driver


def established_leader(*, me: int = 3, other: int = 2) -> Driver:
    """Leader of epoch 5, its EPOCH record appended; *other* serves, the third member has not come."""
    driver = synchronising_leader(me=me, other=other)
    driver.learn(other, Pong(driver.now_ms, 77, []), AckNewLeader(5, z(4, 3)))
    return driver
