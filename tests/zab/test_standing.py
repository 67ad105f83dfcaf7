"""A leader that has lost its processor 0 (docs/decisions/0006): when it hands on, and to whom."""

from node.zab.effects import Effect, Look, Send
from node.zab.events import Flushed, ProcessorReady, Propose, Tick, TurnEnd
from tests.zab.builders import TIMING, Driver, stream, z
from tests.zab.leaders import serving_leader
from transport.messages import Ack, HandedOver, Pong
from transport.zxid import Epoch, MemberId


def lead_on(driver: Driver, until_ms: int, *, stands: bool = True) -> list[Effect]:
    """As long as it leads; its follower says whether it stands itself. Returns the effects of the last tick."""
    last: list[Effect] = []
    while driver.now_ms <= until_ms and driver.member.role == "leader":
        driver.wait(TIMING.ping_ms)
        driver.learn(2, Pong(driver.now_ms, 78, [], stands))
        last = driver.step(Tick())
    return last


def test_a_leader_without_a_processor_hands_on_after_synclimit() -> None:
    driver = serving_leader()
    driver.step(ProcessorReady(alive=False))
    gone_since = driver.now_ms

    lead_on(driver, gone_since + TIMING.sync_ms - TIMING.ping_ms)
    assert driver.member.role == "leader"
    last = lead_on(driver, gone_since + TIMING.sync_ms)

    assert driver.member.role == "looking"
    assert driver.reported("handed_over") == [{"to": 2, "reason": "no processor 0 within syncLimit"}]
    assert Send(stream(2), HandedOver(Epoch(5), MemberId(2))) in last
    driver.wait(TIMING.silence_ms)
    (look,) = [each for each in driver.step(Tick()) if isinstance(each, Look)]
    assert (look.votes, look.stands) == (True, False)


def test_a_processor_that_hangs_is_gone_since_its_last_word() -> None:
    driver = serving_leader()
    driver.step(ProcessorReady(alive=False, silent_ms=TIMING.sync_ms + 1))

    lead_on(driver, driver.now_ms)

    assert driver.member.role == "looking"


def test_a_processor_that_comes_back_in_time_changes_nothing() -> None:
    driver = serving_leader()
    driver.step(ProcessorReady(alive=False))
    gone_since = driver.now_ms
    lead_on(driver, gone_since + TIMING.sync_ms // 2)
    driver.step(ProcessorReady(alive=True))

    lead_on(driver, gone_since + 2 * TIMING.sync_ms)

    assert driver.member.role == "leader"


def test_where_nobody_stands_the_leader_leads_on_and_says_so_once() -> None:
    driver = serving_leader()
    driver.learn(2, Pong(driver.now_ms, 78, [], False))
    driver.step(ProcessorReady(alive=False, silent_ms=TIMING.sync_ms + 1))

    lead_on(driver, driver.now_ms + 3 * TIMING.sync_ms, stands=False)

    assert driver.member.role == "leader"
    assert driver.member.may_propose
    assert len(driver.reported("no_member_stands")) == 1


def test_before_it_hands_on_nothing_is_proposed_until_somebody_has_it_all() -> None:
    driver = serving_leader()
    driver.step(Propose(b"batch", 1, 0), TurnEnd(), Flushed(z(5, 1)))
    driver.step(ProcessorReady(alive=False, silent_ms=TIMING.sync_ms + 1))

    lead_on(driver, driver.now_ms)
    assert (driver.member.role, driver.member.may_propose) == ("leader", False)
    driver.learn(2, Ack(z(5, 1)))

    assert driver.member.role == "looking"


def test_who_does_not_catch_up_in_time_does_not_hold_up_writes() -> None:
    driver = serving_leader()
    driver.step(Propose(b"batch", 1, 0), TurnEnd(), Flushed(z(5, 1)))
    driver.step(ProcessorReady(alive=False, silent_ms=TIMING.sync_ms + 1))

    lead_on(driver, driver.now_ms + TIMING.silence_ms + TIMING.ping_ms)

    assert (driver.member.role, driver.member.may_propose) == ("leader", True)
