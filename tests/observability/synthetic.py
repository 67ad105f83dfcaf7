"""A write that an ensemble never made: notes as its processes would have written them, each by its own member's clock.

All times are ms of true time from when the request was read; what a test does not say is quick.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from observability.assembly import Entry
from observability.stories import Stories, Story
from observability.timeline import Write
from transport.messages import Timings as TimingsMessage
from transport.timings import NOTE, Note
from transport.zxid import make_zxid

MS = 1_000_000
EPOCH_NS = 1_700_000_000_000_000_000  # wall clock of every member where true time is 0
MEMBERS = (1, 2, 3)


@dataclass
class Ensemble:
    """*skew_ms*: how far each member's CLOCK_MONOTONIC is ahead of true time; *wall_ms*: its wall clock."""

    leader: int = 1
    origin: int = 1
    skew_ms: Mapping[int, float] = field(default_factory=lambda: {1: 5_000.0, 2: 900_000.0, 3: 77.0})
    wall_ms: Mapping[int, float] = field(default_factory=dict)
    sent: dict[tuple[int, str], list[bytes]] = field(default_factory=dict)
    zxids: dict[tuple[int, str], int] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)

    def at(self, member: int, true_ms: float) -> int:
        """By the member's clock."""
        return round((true_ms + self.skew_ms[member]) * MS)

    def note(
        self, member: int, process: str, kind: Note, zxid: int, true_ms: float, *, took_ms: float = 0, who: int = 0,
        part: int = 0, count: int = 0,
    ) -> None:
        packed = NOTE.pack(kind, who, part, count, zxid, self.at(member, true_ms), round(took_ms * MS))
        self.sent.setdefault((member, process), []).append(packed)
        key = (member, process)
        self.zxids[key] = max(zxid, self.zxids.get(key, 0))

    def write(
        self, counter: int, *, begin_ms: float = 0.0, requests: int = 1, fsync_ms: Mapping[int, float] | None = None,
        there_ms: Mapping[int, float] | None = None, back_ms: Mapping[int, float] | None = None,
        apply_wait_ms: Mapping[int, float] | None = None, collect_ms: float = 0.05, queue_ms: float = 0.05,
        ack_queue_ms: Mapping[int, float] | None = None, reply_ms: float = 0.05, epoch: int = 4,
        held_ms: Mapping[int, float] | None = None,
    ) -> int:
        """*there_ms*, *back_ms*: from the leader to a follower, and back. Returns its zxid."""
        fsyncs, there, back = dict(fsync_ms or {}), dict(there_ms or {}), dict(back_ms or {})
        queues, waits, held = dict(ack_queue_ms or {}), dict(apply_wait_ms or {}), dict(held_ms or {})
        zxid = make_zxid(epoch=epoch, counter=counter)
        last = zxid + requests - 1
        leader, origin = self.leader, self.origin
        own = f"{origin}"
        submitted = begin_ms + collect_ms
        taken = submitted + (0.05 if origin == leader else back.get(origin, 0.2))
        proposed = taken + queue_ms
        sent = proposed + 0.02
        synced = proposed + 0.1 + fsyncs.get(leader, 0.5)
        note = self.note
        note(leader, "broadcast", Note.TAKEN, zxid, taken, who=origin, count=requests)
        note(leader, "broadcast", Note.PROPOSED, zxid, proposed, count=requests)
        note(leader, "broadcast", Note.SENT, last, sent, count=200)
        had: dict[int, float] = {leader: synced}
        knows: dict[int, float] = {leader: synced}
        followers = [each for each in MEMBERS if each != leader]
        ack_sent: dict[int, float] = {}
        for member in followers:
            received = sent + there.get(member, 0.2)
            note(member, "broadcast", Note.RECEIVED, zxid, received, count=requests)
            had[member] = received + 0.1 + fsyncs.get(member, 0.5)
            ack_sent[member] = had[member] + held.get(member, 0.02)
            knows[member] = ack_sent[member] + back.get(member, 0.2) + queues.get(member, 0.0)
        quorum_at, completed_by = sorted((at, member) for member, at in knows.items())[1]
        events: list[tuple[float, Callable[[], None]]] = []

        def later(member: int, process: str, kind: Note, zxid_: int, true_ms: float, **rest: float) -> None:
            events.append((true_ms, lambda: note(member, process, kind, zxid_, true_ms, **rest)))  # type: ignore[arg-type]

        later(leader, "broadcast", Note.SYNCED, last, synced, took_ms=fsyncs.get(leader, 0.5))
        for member in followers:
            later(leader, "broadcast", Note.ACKED, last, knows[member], who=member, took_ms=queues.get(member, 0.0))
        later(leader, "broadcast", Note.COMMITTED, last, quorum_at, who=completed_by)
        for member in MEMBERS:
            told = quorum_at + (0.0 if member == leader else there.get(member, 0.2))
            if member == origin != leader:  # Backed: somebody else has it, and then its own disk
                backed = min(at for other, at in knows.items() if other != member) + there.get(member, 0.2)
                told = min(told, max(had[member], backed))
            if member != leader:
                later(member, "broadcast", Note.SYNCED, last, had[member], took_ms=fsyncs.get(member, 0.5))
                later(member, "broadcast", Note.ACK_SENT, last, ack_sent[member])
                later(member, "broadcast", Note.COMMITTED, last, told)
            published = max(told, had[member]) + 0.01
            later(member, "broadcast", Note.PUBLISHED, last, published, count=4096)
            applied = published + waits.get(member, 0.1) + 0.02
            process = "processor-0"
            if member == int(own):
                later(member, process, Note.READ, zxid, begin_ms, count=requests)
                later(member, process, Note.SUBMITTED, zxid, submitted, who=leader, part=1)
                later(member, process, Note.REPLIED, last, applied + reply_ms, count=requests)
            later(member, process, Note.APPLIED, last, applied, took_ms=0.02, count=requests)
        for _, happen in sorted(events, key=lambda each: each[0]):
            happen()
        self._log(zxid, requests)
        return int(zxid)

    def _log(self, first: int, requests: int) -> None:
        for zxid in range(first, first + requests):
            write = Write(zxid, 0x0100_0000_0000_0001, 7, "setData", "/a", 120, None, True)
            self.entries[zxid] = Entry(write, self.origin, 0, first, requests, first, requests, 300)

    def stories(self, *, ring_writes: int = 100_000) -> dict[int, "Stories"]:
        """Each member's, with all notes so far; they are sent after 10 s of true time."""
        made = {}
        for me in MEMBERS:
            stories = Stories(
                me=me, others=[each for each in MEMBERS if each != me], ring_writes=ring_writes,
                find=lambda zxid, _mark, _offset: self.entries.get(zxid))
            stories.wall_ns = EPOCH_NS + round((self.wall_ms.get(me, 0.0) - self.skew_ms[me]) * MS)
            for (member, process), notes in self.sent.items():
                if member == me:
                    stories.intake(TimingsMessage(
                        process, 100, self.at(me, 10_000), self.zxids[member, process], b"".join(notes), 0))
            made[me] = stories
        return made

    def explain(self, zxid: int, *, asked: int = 1, deaf: tuple[int, ...] = (), way_ms: float = 0.3) -> Story:
        """Ask one member's telemetry, 20 s later. *deaf*: members that do not answer; *way_ms*: between them."""
        stories = self.stories()
        found: list[Story] = []
        asker = stories[asked]
        true_ms = 20_000.0
        asker.want(zxid, self.at(asked, true_ms - 1000), found.append)
        for member, payload in asker.step(self.at(asked, true_ms)):
            if member in deaf:
                continue
            answer = stories[member].relayed(asked, payload, lambda m=member: self.at(m, true_ms + way_ms))  # type: ignore[misc]
            assert answer is not None
            asker.relayed(member, answer, lambda: self.at(asked, true_ms + 2 * way_ms))
        asker.finish(self.at(asked, true_ms + (600 if deaf else 2)))
        (story,) = found
        return story
