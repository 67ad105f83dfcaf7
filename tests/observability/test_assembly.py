"""One write's stages, and who is named as slow, from notes by three clocks that agree about nothing."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.spans import SPAN_OF, VALUE_NAMES
from observability.timeline import Stage, Timeline
from observability.verdict import Usual, verdict_of
from tests.observability.synthetic import EPOCH_NS, MS, Ensemble
from transport.timings import Note

NEAR = 0.2


def explained(ensemble: Ensemble, *, asked: int = 1, deaf: tuple[int, ...] = (), **write: Any) -> Timeline:
    ensemble.write(1)
    story = ensemble.explain(ensemble.write(2, begin_ms=500.0, **write), asked=asked, deaf=deaf)
    assert story.timeline is not None
    return story.timeline


def stages(timeline: Timeline, name: str) -> dict[int, Stage]:
    return {each.member: each for each in timeline.stages if each.name == name}


def test_a_write_has_every_stage_on_every_member() -> None:
    timeline = explained(Ensemble())

    counted = [(each.name, each.member, each.values.get("follower", 0)) for each in timeline.stages]
    assert sorted(counted) == sorted([
        ("request", 1, 0), ("forward", 1, 0), ("propose", 1, 0), ("commit", 1, 0),
        *((name, member, 0) for name in ("append", "fsync", "apply") for member in (1, 2, 3)),
        ("ack", 1, 2), ("ack", 1, 3), ("reply", 1, 0)])
    assert (timeline.origin, timeline.leader, timeline.missing) == (1, 1, [])
    assert timeline.total_ns == stages(timeline, "request")[1].duration_ns


def test_names_and_values_and_parents_are_those_of_the_table() -> None:
    for stage in (timeline := explained(Ensemble(origin=2))).stages:
        parent = timeline.stages[stage.parent].name if stage.parent >= 0 else ""
        assert parent == SPAN_OF[stage.name].parent
        assert stage.values.keys() <= VALUE_NAMES


@pytest.mark.parametrize("asked", [1, 2, 3])
@pytest.mark.parametrize("origin", [1, 2])
def test_every_member_tells_the_same_story(asked: int, origin: int) -> None:
    timeline = explained(Ensemble(origin=origin), asked=asked)

    assert durations(timeline) == durations(explained(Ensemble(origin=origin), asked=origin))


def durations(timeline: Timeline) -> dict[tuple[Any, ...], int]:
    """All but of what spans two members."""
    return {
        (each.name, each.member, each.values.get("follower")): each.duration_ns
        for each in timeline.stages if each.name != "forward"}


def test_clocks_that_differ_by_minutes_are_put_right_within_what_is_stated() -> None:
    timeline = explained(Ensemble(wall_ms={2: 90_000.0, 3: -400.0}))

    offsets = {clock.member: (clock.offset_ns / MS, clock.uncertainty_ns / MS) for clock in timeline.clocks}
    assert offsets[1] == (0.0, 0.0)
    assert offsets[2][0] == pytest.approx(-90_000.0, abs=offsets[2][1])
    assert offsets[3][0] == pytest.approx(400.0, abs=offsets[3][1])
    begin_ms = {s.member: (s.start_ns - EPOCH_NS) / MS for s in timeline.stages if s.name == "append"}
    assert begin_ms[2] == pytest.approx(begin_ms[1] + 0.2, abs=offsets[2][1])


def test_nothing_is_received_before_it_is_sent_though_the_estimate_says_so() -> None:
    # The answers about the clock took 80 ms, all of it on the way back: the estimate is 40 ms off.
    ensemble = Ensemble()
    ensemble.write(1)
    zxid = ensemble.write(2, begin_ms=500.0)
    ensemble.skew_ms = {**ensemble.skew_ms, 3: ensemble.skew_ms[3] + 40.0}  # of the answers only: notes are written

    timeline = ensemble.explain(zxid, way_ms=45.0).timeline

    assert timeline is not None
    appended = stages(timeline, "append")
    assert appended[3].start_ns >= stages(timeline, "commit")[1].start_ns
    assert {clock.member: clock.uncertainty_ns < MS for clock in timeline.clocks} == {1: True, 2: True, 3: True}


CASES = [
    pytest.param({}, {"fsync_ms": {3: 50.0}}, (3, "fsync", 50.0, False), id="a minority's disk"),
    pytest.param({}, {"fsync_ms": {2: 50.0, 3: 70.0}}, (2, "fsync", 50.0, True), id="the quorum's last disk"),
    pytest.param({"origin": 3}, {"fsync_ms": {3: 50.0}}, (3, "fsync", 50.0, True), id="the client's disk"),
    pytest.param({}, {"fsync_ms": {1: 50.0}}, (1, "fsync", 50.0, True), id="the leader's disk"),
    pytest.param({}, {"there_ms": {3: 40.0}}, (3, "ack", 40.0, False), id="the link to a follower"),
    pytest.param({}, {"back_ms": {2: 40.0}}, (2, "ack", 40.0, False), id="the link from a follower"),
    pytest.param({"origin": 2}, {"back_ms": {2: 40.0}}, (2, "forward", 40.0, True), id="the way to the leader"),
    pytest.param({}, {"queue_ms": 30.0}, (1, "propose", 30.0, True), id="a queue before the leader"),
    pytest.param({}, {"ack_queue_ms": {2: 20.0, 3: 20.0}}, (1, "ack", 20.0, True), id="acks in a queue"),
    pytest.param({}, {"held_ms": {2: 20.0, 3: 25.0}}, (2, "ack", 20.0, True), id="an ack kept back"),
    pytest.param({}, {"apply_wait_ms": {1: 300.0}}, (1, "apply", 300.0, True), id="the client's processor"),
    pytest.param({}, {"apply_wait_ms": {2: 300.0}}, (2, "apply", 300.0, False), id="another's processor"),
    pytest.param({}, {"collect_ms": 25.0}, (1, "forward", 25.0, True), id="a batch that left late"),
    pytest.param({}, {"reply_ms": 25.0}, (1, "reply", 25.0, True), id="an answer that left late"),
]


@pytest.mark.parametrize(("ensemble", "write", "expected"), CASES)
def test_what_was_slow_is_named_with_what_it_cost(
    ensemble: Mapping[str, Any], write: Mapping[str, Any], expected: tuple[int, str, float, bool],
) -> None:
    verdict = explained(Ensemble(**ensemble), **write).verdict

    member, stage, ms, delayed = expected
    assert verdict is not None
    assert (verdict.member, verdict.stage, verdict.delayed) == (member, stage, delayed)
    assert verdict.seconds * 1000 == pytest.approx(ms, rel=NEAR)
    assert verdict.sentence.startswith(f"member {member} was slowest: ")


BY_THE_ORIGIN = [
    pytest.param({"held_ms": {2: 30.0, 3: 20.0}}, id="acks kept back"),
    pytest.param({"held_ms": {2: 30.0}, "fsync_ms": {3: 20.0}}, id="another follower's disk"),
    pytest.param({"ack_queue_ms": {2: 20.0, 3: 20.0}}, id="acks that lie before the leader"),
    pytest.param({"held_ms": {2: 30.0}, "back_ms": {3: 20.0}}, id="the link from another follower"),
]


@pytest.mark.parametrize("write", BY_THE_ORIGIN)
def test_a_follower_that_commits_before_the_leader_completes_the_quorum_of_its_client(write: Mapping[str, Any]) -> None:
    timeline = explained(Ensemble(origin=2), **write)

    commit = stages(timeline, "commit")[1]
    assert commit.values["completed_by"] == timeline.completed_by == 2
    assert commit.duration_ns <= stages(timeline, "request")[2].duration_ns
    assert commit.values["leader_s"] > 0.019
    assert {each.member: each.values["needed"] for each in timeline.stages if each.name == "append"} == {
        1: True, 2: True, 3: False}
    assert {each.values["follower"]: each.values["needed"] for each in timeline.stages if each.name == "ack"} == {
        2: False, 3: False}
    assert timeline.verdict is not None
    assert not timeline.verdict.delayed, timeline.verdict.sentence
    assert "the client did not wait for it (members 1 and 2 were the quorum after " in timeline.verdict.sentence


def test_a_follower_that_heard_of_another_copy_before_the_leaders_needs_that_one() -> None:
    timeline = explained(Ensemble(origin=2), fsync_ms={1: 40.0, 3: 10.0}, held_ms={2: 35.0})

    assert timeline.verdict is not None
    assert (timeline.verdict.member, timeline.verdict.delayed) == (1, False), timeline.verdict.sentence
    assert "(members 2 and 3 were the quorum after " in timeline.verdict.sentence


def test_a_slow_minority_is_told_of_with_the_quorum_that_did_without_it() -> None:
    verdict = explained(Ensemble(), fsync_ms={3: 50.2}, there_ms={2: 0.1}).verdict

    assert verdict is not None
    assert verdict.sentence == (
        "member 3 was slowest: fsync took 50.2 ms; the client did not wait for it "
        "(members 1 and 2 were the quorum after 0.9 ms)")


def test_an_ordinary_write_is_called_that() -> None:
    verdict = explained(Ensemble()).verdict

    assert verdict is not None
    assert verdict.sentence.startswith("nothing stands out: 1.4 ms in all; the longest part was on member ")


def test_what_is_slow_is_compared_with_what_is_usual() -> None:
    usual = Usual()
    ordinary = explained(Ensemble(), fsync_ms={1: 0.5, 2: 0.5, 3: 0.5}).stages
    slow = explained(Ensemble(origin=2), fsync_ms={1: 0.5, 2: 4.0, 3: 4.5}).stages
    for _ in range(20):
        verdict_of(ordinary, origin=2, leader=1, completed_by=2, usual=usual)

    compared = verdict_of(slow, origin=2, leader=1, completed_by=2, usual=usual)
    alone = verdict_of(slow, origin=2, leader=1, completed_by=2)

    assert compared is not None
    assert alone is not None
    assert compared.sentence.startswith("member 2 was slowest: fsync took 4.0 ms, usually 0.5 ms; the client waited")
    assert alone.sentence.startswith("nothing stands out: ")


def test_waiting_behind_an_earlier_fsync_is_laid_to_the_disk() -> None:
    """The follower's loop was busy with the sync of the write before: what waited for it waited for the disk."""
    ensemble = Ensemble()
    timeline = explained(ensemble, fsync_ms={3: 50.0}, there_ms={3: 48.0})
    busy = [
        replace_ack(each, queue_s=0.048, follower_queue_s=0.048, network_s=0.0002) for each in timeline.stages]
    verdict = verdict_of(busy, origin=1, leader=1, completed_by=2)

    assert verdict is not None
    assert (verdict.member, verdict.stage) == (3, "fsync")


def replace_ack(stage: Stage, **values: float) -> Stage:
    if stage.name != "ack" or stage.values["follower"] != 3:
        return stage
    return Stage(
        stage.name, stage.member, stage.process, stage.start_ns, stage.duration_ns, stage.parent,
        {**stage.values, **values})


def test_a_stopped_processor_is_named() -> None:
    ensemble = Ensemble()
    ensemble.write(1)
    zxid = ensemble.write(2, begin_ms=500.0, apply_wait_ms={2: 300.0})
    ensemble.note(2, "processor-0", Note.STALLED, zxid, 801.5, took_ms=300.0)

    timeline = ensemble.explain(zxid).timeline

    assert timeline is not None
    assert timeline.verdict is not None
    assert timeline.verdict.sentence.startswith("member 2 was slowest: its processor-0 did not run for 29")
    assert stages(timeline, "apply")[2].values["stalled_s"] == pytest.approx(0.3, rel=0.05)


STOPS = [
    pytest.param(
        {}, {"there_ms": {3: 300.0}}, (3, 800.4), (3, "ack", False), id="a follower's"),
    pytest.param(
        {"origin": 3}, {"there_ms": {3: 300.0}}, (3, 800.6), (3, "forward", True), id="that of the client's member"),
    pytest.param(
        {"origin": 3}, {"back_ms": {3: 300.0}}, (1, 800.1), (1, "forward", True), id="the leader's, elsewhere"),
    pytest.param(
        {}, {"ack_queue_ms": {2: 300.0, 3: 300.0}}, (1, 801.5), (1, "ack", True), id="the leader's, before an ack"),
]


@pytest.mark.parametrize(("ensemble", "write", "stop", "expected"), STOPS)
def test_a_stopped_broadcast_is_named_and_not_the_link_that_seemed_slow(
    ensemble: Mapping[str, Any], write: Mapping[str, Any], stop: tuple[int, float], expected: tuple[int, str, bool],
) -> None:
    made = Ensemble(**ensemble)
    made.write(1)
    zxid = made.write(2, begin_ms=500.0, **write)
    member, until_ms = stop
    made.note(member, "broadcast", Note.STALLED, zxid - 1, until_ms, took_ms=299.5)

    timeline = made.explain(zxid).timeline

    assert timeline is not None
    verdict = timeline.verdict
    assert verdict is not None
    assert (verdict.member, verdict.stage, verdict.delayed) == expected, verdict.sentence
    assert verdict.sentence.startswith(f"member {member} was slowest: its broadcast did not run for 29")
    assert verdict.seconds == pytest.approx(0.3, rel=NEAR)


@pytest.mark.parametrize("times_sent", [1, 2])
def test_an_election_in_between_is_a_stage_of_its_own(times_sent: int) -> None:
    ensemble = Ensemble(origin=2)
    zxid = ensemble.write(1, begin_ms=0.0, collect_ms=900.0, epoch=5)
    notes = ensemble.sent[2, "processor-0"]
    # Kept until there was a leader; or sent first to one that died, and again to the new one.
    ensemble.sent[2, "processor-0"] = [
        each if each[0] != Note.SUBMITTED else each[:2] + times_sent.to_bytes(2, "little") + each[4:] for each in notes]
    opened = (zxid >> 40) << 40
    for member in (1, 2, 3):
        ensemble.sent[member, "broadcast"].insert(0, b"")
        ensemble.note(member, "broadcast", Note.EPOCH, opened, 850.0, who=1)

    timeline = ensemble.explain(zxid, asked=2).timeline

    assert timeline is not None
    assert timeline.verdict is not None
    assert (timeline.verdict.stage, timeline.verdict.delayed) == ("election", True)
    election = stages(timeline, "election")[2]
    assert election.values == {"leader": 1, "epoch": 5}
    assert election.duration_ns == pytest.approx(850 * MS, rel=0.01)


def test_a_member_that_does_not_answer_is_missing_and_the_rest_is_told() -> None:
    timeline = explained(Ensemble(), deaf=(3,))

    assert timeline.missing == [3]
    assert set(stages(timeline, "append")) == {1, 2}
    assert {each.values["follower"] for each in timeline.stages if each.name == "ack"} == {2, 3}


def test_without_the_origin_the_others_tell_what_they_saw() -> None:
    timeline = explained(Ensemble(origin=2), asked=1, deaf=(2,))

    root = timeline.stages[0]
    assert timeline.total_ns is None
    assert (root.name, root.member) == ("request", 2)
    assert root.duration_ns > 0
    assert timeline.write.error is None


def test_requests_of_a_batch_share_what_was_measured_once() -> None:
    ensemble = Ensemble()
    ensemble.write(1)
    first = ensemble.write(2, begin_ms=500.0, requests=40)

    timeline = ensemble.explain(first + 17).timeline

    assert timeline is not None
    fsync = stages(timeline, "fsync")[3]
    assert fsync.values == {"first_zxid": first, "last_zxid": first + 39, "shared_by": 40}
    assert timeline.write.zxid == first + 17


def test_a_zxid_that_nobody_knows_has_no_story() -> None:
    ensemble = Ensemble()
    ensemble.write(1)
    zxid = ensemble.write(2, begin_ms=500.0)

    story = ensemble.explain(zxid + 1000)

    assert story.timeline is None
    assert story.newest == zxid


def test_a_refused_write_tells_its_error() -> None:
    ensemble = Ensemble()
    zxid = ensemble.write(1)
    ensemble.note(1, "processor-0", Note.FAILED, zxid, 3.0, count=110)

    story = ensemble.explain(zxid)

    assert story.timeline is not None
    assert story.timeline.write.error == -110


def test_watchers_that_were_told_are_a_stage_of_their_processor() -> None:
    ensemble = Ensemble()
    zxid = ensemble.write(1)
    ensemble.note(3, "processor-0", Note.NOTIFIED, zxid, 3.0, count=12)

    story = ensemble.explain(zxid)

    assert story.timeline is not None
    assert stages(story.timeline, "notify")[3].values == {"watchers": 12}


@given(
    lost=st.sets(st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from(["broadcast", "processor-0"]),
                           st.integers(0, 30)), max_size=40),
    deaf=st.sampled_from([(), (1,), (2,), (3,), (2, 3)]), origin=st.sampled_from([1, 2]),
    asked=st.sampled_from([1, 2, 3]), is_logged=st.booleans())
def test_whatever_notes_are_lost_what_is_left_is_told(
    lost: set[tuple[int, str, int]], deaf: tuple[int, ...], origin: int, asked: int, is_logged: bool,
) -> None:
    ensemble = Ensemble(origin=origin)
    ensemble.write(1)
    zxid = ensemble.write(2, begin_ms=500.0, fsync_ms={3: 50.0})
    for key, notes in ensemble.sent.items():
        ensemble.sent[key] = [each for at, each in enumerate(notes) if (*key, at) not in lost]
    if not is_logged:
        ensemble.entries.clear()

    timeline = ensemble.explain(zxid, asked=asked, deaf=tuple(each for each in deaf if each != asked)).timeline

    if timeline is not None:
        assert all(stage.duration_ns >= 0 for stage in timeline.stages)
        assert all(stage.values.keys() <= VALUE_NAMES for stage in timeline.stages)
        assert all(stage.parent < at for at, stage in enumerate(timeline.stages))
