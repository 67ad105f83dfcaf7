"""Settings that change results: the log's hold, until every member's zoo.cfg says the same other thing."""

from collections.abc import Sequence

from node.zab.effects import Append, Drop, Effect
from node.zab.events import Flushed, TurnEnd
from tests.zab.builders import Driver, ack_epoch, candidate, config, control, hello, settled, z
from transport.entry import ControlEntry, Kind, read_control, read_record_header
from transport.messages import Ack, AckNewLeader, Pong

LAST = z(4, 3)
OLD, NEW = {"enforceQuota": "false"}, {"enforceQuota": "true"}


def entries(effects: Sequence[Effect]) -> list[tuple[Kind, ControlEntry]]:
    headers = [(read_record_header(each.record), each.record) for each in effects if isinstance(each, Append)]
    return [(Kind(header.kind), read_control(record[-header.length:])) for header, record in headers]


def leader(mine: dict[str, str], *theirs: dict[str, str]) -> tuple[Driver, list[tuple[Kind, ControlEntry]]]:
    """Member 3, and what it has ordered once members 1 and 2 follow, their files having *theirs*; the log has OLD."""
    driver = candidate(settled(LAST, me=3, entry=control(settings=OLD)), settings=mine)
    done: list[Effect] = []
    for member, settings in enumerate(theirs, start=1):
        done += driver.learn(member, hello(member, last=LAST, accepted=4, current=4, settings=settings))
        done += driver.learn(member, ack_epoch(5, current=4, last=LAST, committed=LAST))
    for member in range(1, len(theirs) + 1):
        done += driver.learn(member, Pong(driver.now_ms, 77, []), AckNewLeader(5, LAST))
    done += driver.step(TurnEnd(), Flushed(z(5, 0)))
    for member in range(1, len(theirs) + 1):
        done += driver.learn(member, Ack(z(5, 0)))
    assert not any(isinstance(each, Drop) for each in done)
    return driver, entries(done)


def test_they_change_once_every_member_says_so() -> None:
    driver, ordered = leader(NEW, NEW, NEW)

    assert [(kind, entry.settings) for kind, entry in ordered] == [(Kind.EPOCH, OLD), (Kind.SETTINGS, NEW)]
    assert driver.reported("settings_changed") == [{"before": OLD, "after": NEW}]


def test_they_stay_while_one_voter_is_away_or_says_otherwise() -> None:
    for theirs in ([NEW], [NEW, OLD]):
        assert [entry.settings for _, entry in leader(NEW, *theirs)[1]] == [OLD]


def test_they_stay_while_the_leader_says_what_the_log_says() -> None:
    assert [entry.settings for _, entry in leader(OLD, NEW, NEW)[1]] == [OLD]


def test_a_member_whose_file_says_otherwise_starts_by_its_log() -> None:
    driver = Driver(settled(LAST, entry=control(settings=OLD)), config(1, settings=NEW))
    driver.start()

    assert driver.reported("settings_differ") == [{"log": OLD, "configured": NEW}]
