"""Something is made slow on one member of a real ensemble: /explain and `corral trace` name it, and nothing else."""

import json
import re
import statistics
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kazoo.client import KazooClient

from tests.corral import Ensemble, fresh_root, kazoo_client
from tests.faults.delay import DelayedLink
from tests.faults.figures import await_all_serving, leader_of
from tests.faults.injection import (
    MEMBERS,
    NEAR,
    STOP_S,
    SYNC_S,
    Slowable,
    others,
    slow_disk,
    slow_link,
    slowable,
    stopped,
)
from tests.waiting import wait_until

WRITES = 20
NAMED_MIN = 12  # of them: a machine that is busy with other things makes some slow in ways of its own…
NAMED_ELSE_MAX = 4  # …but not always in the same one


@pytest.fixture(scope="module")
def slowed() -> Iterator[Slowable]:
    with slowable() as found:
        yield found


@pytest.fixture
def links(slowed: Slowable) -> dict[tuple[int, int], DelayedLink]:
    return slowed.links


@pytest.fixture
def ensemble(slowed: Slowable) -> Ensemble:
    """All serve, and telemetry of each has begun to hear of writes."""
    ensemble = slowed.ensemble
    await_all_serving(ensemble)
    for member in MEMBERS:
        with writer(ensemble, member) as client:
            wait_until(
                lambda m=member, c=client: whole_story(ensemble, m, written(c, 1)[0]),
                what="notes come from everywhere")
    return ensemble


# Asking --------------------------------------------------------------------------------------------


def get(ensemble: Ensemble, member: int, route: str, /, **query: object) -> dict[str, Any]:
    url = ensemble.admin(member, f"{route}?{urllib.parse.urlencode(query)}")
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found


def whole_story(ensemble: Ensemble, member: int, zxid: int) -> dict[str, Any] | None:
    """By that member, if all have told it what they noted."""
    try:
        timeline = get(ensemble, member, "/explain", zxid=zxid)
    except urllib.error.HTTPError as error:
        error.close()
        return None
    told = {(stage["name"], stage["member"]) for stage in timeline["stages"]}
    acks = [stage for stage in timeline["stages"] if stage["name"] == "ack" and "network_s" in stage["values"]]
    is_whole = told >= {(name, each) for name in ("append", "fsync", "apply") for each in MEMBERS}
    return timeline if is_whole and len(acks) == 2 and timeline["total_ns"] else None


def explained(ensemble: Ensemble, member: int, zxid: int) -> dict[str, Any]:
    return wait_until(
        lambda: whole_story(ensemble, member, zxid), seconds=15, what=f"the whole story of 0x{zxid:x}")


def written(client: KazooClient, count: int = WRITES) -> list[int]:
    """The zxids of so many writes, one after the other."""
    return [client.set("/a", b"%d" % number).mzxid for number in range(count)]


@contextmanager
def writer(ensemble: Ensemble, member: int) -> Iterator[KazooClient]:
    root = fresh_root(ensemble)
    with kazoo_client([ensemble.addresses[member - 1]], chroot=root) as client:
        client.create("/a")
        written(client, 5)
        yield client


def assert_named(
    ensemble: Ensemble, zxids: list[int], *, asked: int, member: int, stage: str, seconds: float, delayed: bool,
) -> None:
    verdicts = [explained(ensemble, asked, zxid)["verdict"] for zxid in zxids]
    named = Counter((each["member"], each["stage"], each["delayed"]) for each in verdicts)
    wanted = (member, stage, delayed)
    told = "\n".join(each["sentence"] for each in verdicts)
    assert named[wanted] >= NAMED_MIN, told
    assert all(count <= NAMED_ELSE_MAX for name, count in named.items() if name != wanted), told
    lasted = [each["seconds"] for each in verdicts if (each["member"], each["stage"], each["delayed"]) == wanted]
    assert statistics.median(lasted) == pytest.approx(seconds, rel=NEAR), told
    assert_traced(ensemble, zxids[-1], explained(ensemble, asked, zxids[-1])["verdict"]["sentence"])


def assert_traced(ensemble: Ensemble, zxid: int, sentence: str) -> None:
    """`corral trace` says the same, with a line for every stage."""
    drawn = ensemble.corral("trace", f"0x{zxid:x}", "--data", str(ensemble.data)).stdout
    assert without_usual(drawn.splitlines()[0]) == without_usual(sentence)
    for name in ("request", "forward", "propose", "commit", "append", "fsync", "ack", "apply", "reply"):
        assert name in drawn


def without_usual(sentence: str) -> str:
    """What is usual changes with every story told."""
    return re.sub(r", usually [^;]*", "", sentence)


def test_a_followers_slow_disk_that_nobody_waits_for(ensemble: Ensemble) -> None:
    leader = leader_of(ensemble)
    slow = others(leader)[0]
    with writer(ensemble, leader) as client, slow_disk(ensemble, slow):
        # Each on a disk that is at rest: else it waits for the sync of the one before.
        zxids = []
        for _ in range(WRITES):
            zxids += written(client, 1)
            threading.Event().wait(SYNC_S * 2)

        assert_named(ensemble, zxids, asked=leader, member=slow, stage="fsync", seconds=SYNC_S, delayed=False)


def test_the_slow_disk_of_the_clients_own_follower(ensemble: Ensemble) -> None:
    leader = leader_of(ensemble)
    slow = others(leader)[0]
    with writer(ensemble, slow) as client, slow_disk(ensemble, slow):
        zxids = written(client)

        asked = others(leader, slow)[0]  # who has nothing to do with it
        assert_named(ensemble, zxids, asked=asked, member=slow, stage="fsync", seconds=SYNC_S, delayed=True)


def test_a_slow_link_to_a_follower(ensemble: Ensemble, links: dict[tuple[int, int], DelayedLink]) -> None:
    leader = leader_of(ensemble)
    far = others(leader)[1]
    with writer(ensemble, leader) as client, slow_link(links[far, leader]) as link:
        zxids = written(client)
        explained(ensemble, leader, zxids[-1])  # all of it has gone over the link
        injected_s = statistics.median(link.delays_s)  # by a machine that may be busy

        assert_named(ensemble, zxids, asked=leader, member=far, stage="ack", seconds=injected_s, delayed=False)


def test_a_slow_link_between_the_clients_member_and_the_leader(
    ensemble: Ensemble, links: dict[tuple[int, int], DelayedLink],
) -> None:
    leader = leader_of(ensemble)
    far = others(leader)[1]
    with writer(ensemble, far) as client, slow_link(links[far, leader]) as link:
        zxids = written(client)
        explained(ensemble, far, zxids[-1])
        injected_s = statistics.median(link.delays_s)

        assert_named(ensemble, zxids, asked=far, member=far, stage="forward", seconds=injected_s, delayed=True)


def test_a_client_of_a_follower_waits_for_no_copy_but_that_followers_and_those_it_heard_of(ensemble: Ensemble) -> None:
    leader = leader_of(ensemble)
    for origin in others(leader):
        with writer(ensemble, origin) as client:
            zxids = written(client)
            for zxid in zxids:
                assert_laid_to_the_quorum(explained(ensemble, origin, zxid))


def assert_laid_to_the_quorum(timeline: dict[str, Any]) -> None:
    """Who was waited for is the client's member, or was heard of first; and `commit` is no longer than the request."""
    verdict, origin, leader = timeline["verdict"], timeline["origin"], timeline["leader"]
    (commit,) = [stage for stage in timeline["stages"] if stage["name"] == "commit"]
    assert commit["duration_ns"] <= timeline["total_ns"], timeline
    if verdict["delayed"] and verdict["member"] not in (origin, leader):
        # Then the leader knew of that one's copy before it had its own.
        known = {stage["values"]["follower"]: stage for stage in timeline["stages"] if stage["name"] == "ack"}
        own = next(stage for stage in timeline["stages"] if (stage["name"], stage["member"]) == ("append", leader))
        assert ended_ns(known[verdict["member"]]) <= ended_ns(own), timeline


def ended_ns(stage: dict[str, Any]) -> int:
    end_ns: int = stage["start_ns"] + stage["duration_ns"]
    return end_ns


def test_a_stopped_processor_that_no_client_of_the_write_waits_for(ensemble: Ensemble) -> None:
    leader = leader_of(ensemble)
    slow = others(leader)[0]
    with writer(ensemble, leader) as client, kazoo_client([ensemble.addresses[slow - 1]]):
        began_s = time.monotonic()
        with stopped(ensemble, slow, "processor-0"):
            (zxid,) = written(client, 1)
            threading.Event().wait(began_s + STOP_S - time.monotonic())
        lasted_s = time.monotonic() - began_s

        timeline = explained(ensemble, leader, zxid)

    verdict = timeline["verdict"]
    assert (verdict["member"], verdict["stage"], verdict["delayed"]) == (slow, "apply", False), verdict["sentence"]
    assert verdict["seconds"] == pytest.approx(lasted_s, rel=NEAR)
    assert "processor-0" in verdict["sentence"]
    assert_traced(ensemble, zxid, verdict["sentence"])


def test_the_stopped_processor_of_the_client(ensemble: Ensemble) -> None:
    leader = leader_of(ensemble)
    origin = others(leader)[1]
    with writer(ensemble, origin) as client, slow_disk(ensemble, leader), slow_disk(ensemble, origin):
        timeline, lasted_s = wait_until(lambda: caught(ensemble, client, origin), what="it is stopped in the middle")

    verdict = timeline["verdict"]
    assert (verdict["member"], verdict["delayed"]) == (origin, True), verdict["sentence"]
    assert verdict["seconds"] == pytest.approx(lasted_s, rel=NEAR), verdict["sentence"]
    assert "its processor-0 did not run for" in verdict["sentence"]


def caught(ensemble: Ensemble, client: KazooClient, origin: int) -> tuple[dict[str, Any], float] | None:
    """A write whose processor had read it and was stopped then, and for how long it was; None: it came too late."""
    pending = client.set_async("/a", b"under way")
    threading.Event().wait(SYNC_S / 2)
    began_s = time.monotonic()
    with stopped(ensemble, origin, "processor-0"):
        threading.Event().wait(STOP_S)
    lasted_s = time.monotonic() - began_s
    timeline = explained(ensemble, origin, pending.get(timeout=20).mzxid)
    return (timeline, lasted_s) if timeline["total_ns"] / 1e9 > lasted_s else None


def keep_writing(client: KazooClient, enough: threading.Event) -> None:
    window = threading.Semaphore(100)
    while not enough.is_set():
        window.acquire()
        client.set_async("/a", b"more").rawlink(lambda _: window.release())


def test_a_write_under_way_when_the_leader_dies(ensemble: Ensemble) -> None:
    leader = leader_of(ensemble)
    origin = others(leader)[0]
    with writer(ensemble, origin) as client:
        enough = threading.Event()
        thread = threading.Thread(target=keep_writing, args=(client, enough), daemon=True)
        thread.start()
        written(client, 3)
        ensemble.kill(leader)
        try:
            written(client, 3)
            enough.set()
            thread.join(20)
            assert_election_named(ensemble, origin, lost=leader, path=f"{client.chroot}/a")
        finally:
            ensemble.corral("start", str(leader), "--data", str(ensemble.data))


def assert_election_named(ensemble: Ensemble, origin: int, *, lost: int, path: str) -> None:
    resent = wait_until(
        lambda: [write for write in slowest(ensemble, origin, path, count=200) if write["was_kept_up"]],
        what="a write that was sent again is known")
    zxid = resent[0]["zxid"]
    timeline = get(ensemble, origin, "/explain", zxid=zxid)
    verdict = timeline["verdict"]
    (election,) = [stage for stage in timeline["stages"] if stage["name"] == "election"]
    assert timeline["missing"] == [lost]
    assert (verdict["stage"], verdict["delayed"]) == ("election", True), verdict["sentence"]
    assert election["values"]["leader"] == timeline["leader"] != lost
    assert verdict["seconds"] == pytest.approx(timeline["total_ns"] / 1e9, rel=NEAR)
    drawn = ensemble.corral("trace", f"0x{zxid:x}", "--data", str(ensemble.data)).stdout
    assert "an election came in between" in drawn
    assert f"missing: member {lost}" in drawn


def slowest(ensemble: Ensemble, member: int, path: str, *, count: int = 5) -> list[dict[str, Any]]:
    writes: list[dict[str, Any]] = get(ensemble, member, "/slow", n=count, path=path)["writes"]
    return writes


def test_a_zxid_that_is_not_there_is_said_to_be_so(ensemble: Ensemble) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(ensemble, 1, "/explain", zxid="9000:1")

    answer = json.loads(caught.value.read())
    caught.value.close()
    assert caught.value.code == 404
    assert "9000:1 has not been written; notes are kept of" in answer["reason"]


def test_the_newest_writes_of_a_path_and_of_a_session(ensemble: Ensemble) -> None:
    with writer(ensemble, 2) as client:
        zxids = written(client, 3)
        session = client.client_id[0]
        path = f"{client.chroot}/a"
        of_path = wait_until(lambda: newest(ensemble, zxids, path=path), what="they are noted")
        of_session = get(ensemble, 3, "/recent", session=f"0x{session:x}", n=3)["writes"]

        drawn = ensemble.corral("trace", path, "--data", str(ensemble.data), "--limit", "2", "--json").stdout

    assert [write["zxid"] for write in of_path] == zxids[::-1]
    assert [write["zxid"] for write in of_session] == zxids[::-1]
    assert [each["write"]["zxid"] for each in json.loads(drawn)] == zxids[:0:-1]


def newest(ensemble: Ensemble, zxids: list[int], **query: object) -> list[dict[str, Any]]:
    writes: list[dict[str, Any]] = get(ensemble, 1, "/recent", n=3, **query)["writes"]
    return writes if writes and writes[0]["zxid"] == zxids[-1] else []
