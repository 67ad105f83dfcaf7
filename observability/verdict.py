"""Which member and which stage made a write slow: from the stages of its Timeline, in one sentence.

The stages are taken apart into parts that do not overlap and that somebody is to blame for: a disk, a link, a busy or
stopped process, an election. A part counts as waited for if it lies on the path from request to reply. Where nothing on
that path is slow, a slow part beside it is named too, with what it cost the client: nothing.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from observability.timeline import Stage, Verdict

SLOW_S = 0.005  # below it nothing stands out, unless…
UNUSUAL_S, UNUSUAL_TIMES = 0.002, 5  # …it takes so long, and so many times what is usual
USUAL_OF, USUAL_OF_MIN = 64, 8  # stories
BESIDE = 3.0  # a part beside the path is named if it is so much longer than all on it
COVERED = 0.5  # of a part: so much of it explained by a stop, or by the disk, names that instead
MEANT_S = 0.15  # a processor without clients is told of writes at intervals: three times that
NOBODY = 0


class Part(NamedTuple):
    """*what*: words for it. *is_cause*: false for waiting that another part of the same process may explain."""

    member: int
    stage: str
    process: str
    seconds: float
    what: str
    is_waited_for: bool
    is_cause: bool = True
    stalled_s: float = 0.0


class Usual:
    """How long each part took in the last stories told: what a slow one is compared with."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, str, str], deque[float]] = {}

    def observe(self, parts: Iterable[Part]) -> None:
        for part in parts:
            self._seen.setdefault(_kind(part), deque(maxlen=USUAL_OF)).append(part.seconds)

    def of(self, part: Part) -> float | None:
        """The median; None: too few were seen."""
        seen = self._seen.get(_kind(part), ())
        return sorted(seen)[len(seen) // 2] if len(seen) >= USUAL_OF_MIN else None


def _kind(part: Part) -> tuple[int, str, str]:
    return part.member, part.stage, part.what


def verdict_of(
    stages: list[Stage], *, origin: int, leader: int, completed_by: int, quorum: Collection[int] | None = None,
    usual: Usual | None = None,
) -> Verdict | None:
    """None: there is nothing to go by. *usual*: what it is compared with, and what it goes into.

    *quorum*: of a client at a follower, see completion.py.
    """
    parts = list(_Parts(stages, origin, leader, completed_by, quorum).all())
    if not parts:
        return None
    slowest = _slowest(parts)
    usual = usual or Usual()
    usual_s = usual.of(slowest)
    usual.observe(parts)
    total_s = next((each.duration_ns / 1e9 for each in stages if each.name == "request"), 0.0)
    return Verdict(
        slowest.member, slowest.stage, slowest.seconds, slowest.is_waited_for,
        _sentence(slowest, usual_s, total_s, _quorum(stages, completed_by)))


def _slowest(parts: list[Part]) -> Part:
    explained = [_explained(each, parts) for each in parts]
    on_path = max((each for each in explained if each.is_waited_for), key=_seconds, default=None)
    beside = max((each for each in explained if not each.is_waited_for), key=_seconds, default=None)
    if on_path is None or beside is None:
        slowest = on_path or beside
        assert slowest is not None
        return slowest
    return beside if beside.seconds >= max(SLOW_S, BESIDE * on_path.seconds) else on_path


def _seconds(part: Part) -> float:
    return part.seconds


def _explained(part: Part, parts: list[Part]) -> Part:
    """Waiting in a process that was at its disk, or stopped, is that disk's or that stop's doing."""
    if part.is_cause or part.stalled_s >= COVERED * part.seconds:
        return part
    causes = [
        each for each in parts
        if each.is_cause and (each.member, each.process) == (part.member, part.process)
        and each.seconds >= COVERED * part.seconds]
    if not causes:
        return part
    cause = max(causes, key=_seconds)
    if part.is_waited_for and not cause.is_waited_for and part.seconds < COVERED * cause.seconds:
        return part  # a moment's waiting does not make the client wait for all of it
    return cause._replace(is_waited_for=cause.is_waited_for or part.is_waited_for)


class _Parts:
    """The stages of one write, taken apart."""

    def __init__(
        self, stages: Iterable[Stage], origin: int, leader: int, completed_by: int, quorum: Collection[int] | None,
    ) -> None:
        self.stages = list(stages)
        self.origin, self.leader = origin, leader
        self.needed = {origin, completed_by or leader} if quorum is None else set(quorum)
        # A follower's client waits for that follower's copy, and not for the leader to hear of it.
        self.needed_acks = self.needed if quorum is None else self.needed - {origin}
        self.forward_network_s = sum(
            each.values.get("network_s", 0.0) for each in self.stages if each.name == "forward")

    def all(self) -> Iterator[Part]:
        for stage in self.stages:
            match stage.name:
                case "forward":
                    yield from self._forward(stage)
                case "election":
                    yield _part(stage, stage.duration_ns / 1e9, "an election came in between", is_waited_for=True)
                case "propose":
                    yield _part(
                        stage, stage.duration_ns / 1e9, "the request waited for the leader's broadcast",
                        is_waited_for=True, is_cause=False)
                case "append":
                    yield from self._append(stage)
                case "ack":
                    yield from self._ack(stage)
                case "apply":
                    yield from self._apply(stage)
                case "reply":
                    yield _part(stage, stage.duration_ns / 1e9, "writing the answer took", is_waited_for=True)
                case _:
                    pass

    def _forward(self, stage: Stage) -> Iterator[Part]:
        values = stage.values
        elected_s = sum(each.duration_ns / 1e9 for each in self.stages if each.name == "election")
        is_own_stall = (values.get("stalled_member"), values.get("stalled_process")) == (stage.member, stage.process)
        yield _part(
            stage, max(values.get("collect_s", 0.0) - elected_s, 0.0), "the request waited in its processor",
            is_waited_for=True)._replace(stalled_s=values.get("stalled_s", 0.0) if is_own_stall else 0.0)
        if "network_s" in values:
            way = Part(
                stage.member, "forward", stage.process, values["network_s"],
                f"the way to the leader, member {self.leader}, and back took", is_waited_for=True)
        else:
            way = Part(
                self.leader, "forward", "broadcast", values.get("queue_s", 0.0),
                "the request waited for the leader's broadcast", is_waited_for=True, is_cause=False)
        yield way if is_own_stall else _stopped(way, values)

    def _append(self, stage: Stage) -> Iterator[Part]:
        fsync_s = sum(
            each.duration_ns / 1e9 for each in self.stages if each.name == "fsync" and each.member == stage.member)
        is_needed = stage.member in self.needed
        yield Part(
            stage.member, "fsync", stage.process, fsync_s, "fsync took", is_needed,
            stalled_s=stage.values.get("stalled_s", 0.0))
        yield _part(
            stage, max(stage.duration_ns / 1e9 - fsync_s, 0.0), "the record waited for the disk",
            is_waited_for=is_needed, is_cause=False)

    def _ack(self, stage: Stage) -> Iterator[Part]:
        values = stage.values
        follower = values["follower"]
        is_needed = follower in self.needed_acks
        if "network_s" not in values:  # its own notes are missing: what the leader saw is all there is
            yield _part(stage, stage.duration_ns / 1e9, "its ack took", is_waited_for=is_needed)._replace(
                member=follower)
            return
        theirs_s = values.get("follower_queue_s", 0.0)
        # The client's member got the record over the same link: that way is the forward's.
        there_s = self.forward_network_s if follower == self.origin else 0.0
        network = Part(
            follower, "ack", "network", max(values["network_s"] - there_s, 0.0),
            f"the network between it and the leader, member {self.leader}, took", is_needed)
        theirs = Part(
            follower, "ack", "broadcast", theirs_s, "records waited for its broadcast", follower in self.needed,
            is_cause=False)
        ours = Part(
            self.leader, "ack", "broadcast", max(values.get("queue_s", 0.0) - theirs_s, 0.0),
            f"the ack of member {follower} waited for the leader's broadcast", is_needed, is_cause=False)
        for part in (network, theirs, ours):
            yield _stopped(part, values)
        yield Part(
            follower, "ack", "broadcast", values.get("held_s", 0.0), "its broadcast kept the ack back",
            is_needed and follower != self.origin, is_cause=False)

    def _apply(self, stage: Stage) -> Iterator[Part]:
        values = stage.values
        own = any(
            each.name == "request" and (each.member, each.process) == (stage.member, stage.process)
            for each in self.stages)
        wait_s = values.get("wait_s", 0.0)
        if not values.get("unattended") or wait_s > MEANT_S:
            yield _part(stage, wait_s, f"{stage.process} came late to execute it", is_waited_for=own)
        yield _part(stage, values.get("execute_s", 0.0), "executing it took", is_waited_for=own)
        if own:  # where no client waits, telling of commits is put off to spare wake-ups
            yield Part(
                stage.member, "apply", "broadcast", values.get("learned_s", 0.0), "it learned of the commit late", own,
                is_cause=False)


def _stopped(part: Part, values: Mapping[str, Any]) -> Part:
    """Where a process of either end did not run for most of it, that one's part."""
    stalled_s = values.get("stalled_s", 0.0)
    if not part.seconds or stalled_s < COVERED * part.seconds:
        return part
    return part._replace(
        member=values["stalled_member"], process=values["stalled_process"], stalled_s=stalled_s, is_cause=True)


def _part(
    stage: Stage, seconds: float, what: str, *, is_waited_for: bool, is_cause: bool = True,
) -> Part:
    return Part(
        stage.member, stage.name, stage.process, seconds, what, is_waited_for, is_cause,
        min(stage.values.get("stalled_s", 0.0), seconds))


# The sentence ----------------------------------------------------------------------------------


def _sentence(part: Part, usual_s: float | None, total_s: float, quorum: str) -> str:
    """*quorum*: who it was, for a part that the client did not wait for."""
    took = milliseconds(part.seconds)
    what = f"{part.what} {took}" if part.what.endswith("took") else f"{part.what} ({took})"
    if part.seconds < SLOW_S and (usual_s is None or part.seconds < max(UNUSUAL_S, UNUSUAL_TIMES * usual_s)):
        longest = f"the longest part was on member {part.member}: {what}"
        return f"nothing stands out: {milliseconds(total_s)} in all; {longest}"
    if usual_s is not None and part.seconds >= 2 * usual_s:
        what = f"{what}, usually {milliseconds(usual_s)}"
    if part.stalled_s >= COVERED * part.seconds:
        what = f"its {part.process} did not run for {milliseconds(part.stalled_s)}; this write waited {took}"
    slowest = f"member {part.member} was slowest: {what}"
    if part.is_waited_for:
        return f"{slowest}; the client waited for it ({milliseconds(total_s)} in all)" if total_s else slowest
    return f"{slowest}; the client did not wait for it{quorum}"


def _quorum(stages: list[Stage], completed_by: int) -> str:
    commit = next((each for each in stages if each.name == "commit"), None)
    if commit is None or completed_by == NOBODY:
        return ""
    after = milliseconds(commit.duration_ns / 1e9)
    needed = {each.member for each in stages if each.name == "append" and each.values.get("needed")}
    needed |= {completed_by}
    if len(needed) == 1:
        return f" (the quorum was complete after {after})"
    *others, last = [str(each) for each in sorted(needed)]
    return f" (members {', '.join(others)} and {last} were the quorum after {after})"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"

