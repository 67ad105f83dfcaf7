"""Who differs, and from whom."""

from node.zab.digests import ZXIDS_MAX, Differing, Digests
from transport.messages import Digest
from transport.zxid import MemberId

ONE, TWO, THREE = MemberId(1), MemberId(2), MemberId(3)
ALIVE_MS = 10_000


def report(
    digests: Digests, member: MemberId, value: int, *, zxid: int = 7, process: str = "p", now_ms: int = 0,
) -> list[Differing]:
    return digests.on_digest(member, Digest(zxid, process, value), now_ms=now_ms, alive_ms=ALIVE_MS)


def test_equal_digests_say_nothing() -> None:
    digests = Digests()

    assert [report(digests, each, 5) for each in (ONE, TWO, THREE)] == [[], [], []]


def test_the_odd_one_is_named_as_soon_as_there_is_a_majority() -> None:
    digests = Digests()
    for each in (ONE, TWO, THREE):
        report(digests, each, 5, zxid=6)

    assert report(digests, ONE, 9) == []
    assert report(digests, TWO, 5) == []
    assert report(digests, THREE, 5) == [Differing(ONE, "p", 7)]


def test_without_a_majority_there_is_one_alarm() -> None:
    digests = Digests()

    report(digests, ONE, 5)
    assert report(digests, TWO, 9) == [Differing(MemberId(0), "", 7)]
    assert report(digests, TWO, 9) == []


def test_a_replica_that_catches_up_is_compared_with_what_the_others_said_then() -> None:
    digests = Digests()
    for zxid in (7, 8, 9):
        for each in (ONE, TWO):
            report(digests, each, zxid * 10, zxid=zxid)

    assert report(digests, THREE, 70, zxid=7) == []
    assert report(digests, THREE, 81, zxid=8) == [Differing(THREE, "p", 8)]


def test_a_later_report_for_the_same_zxid_replaces_the_earlier_one() -> None:
    """So an idle replica whose memory has changed is found."""
    digests = Digests()
    for each in (ONE, TWO, THREE):
        report(digests, each, 5)

    assert report(digests, TWO, 6) == [Differing(TWO, "p", 7)]
    assert report(digests, TWO, 5) == []


def test_replicas_that_have_gone_do_not_prevent_a_majority() -> None:
    digests = Digests()
    for each in (ONE, TWO, THREE):
        report(digests, each, 5, zxid=6)
        report(digests, each, 5, zxid=6, process="q")
    later_ms = ALIVE_MS + 1

    report(digests, ONE, 5, now_ms=later_ms)
    report(digests, TWO, 5, now_ms=later_ms)
    assert report(digests, THREE, 6, now_ms=later_ms) == [Differing(THREE, "p", 7)]


def test_old_digest_points_are_forgotten() -> None:
    digests = Digests()
    for zxid in range(ZXIDS_MAX + 1):
        report(digests, ONE, 5, zxid=zxid)
        report(digests, TWO, 5, zxid=zxid)

    assert report(digests, THREE, 6, zxid=0) == []
