"""Broadcast's figures for telemetry and mntr, by the names of observability/metrics.py: taken once a second."""

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from node.processes.loop import now_ms, process_figures
from node.zab import effects
from observability.histogram import Histogram
from transport.clock import clock_ns
from transport.entry import RECORD
from transport.zxid import Zxid, counter_of, epoch_of, make_zxid

if TYPE_CHECKING:
    from node.processes.broadcast import Broadcast

MARK_MS: Final = 10  # between two remembered positions of the log
MARKS_MAX: Final = 6000  # the leader drops a follower long before that minute is over

# How the reason for looking for a leader begins -> its cause. In order: the first that fits.
CAUSES: Final = (
    ("the stream to leader", "leader_lost"),
    ("leader ", "leader_silent"),
    ("no quorum has answered within the lease", "lease_lost"),
    ("no quorum in time", "no_quorum"),
    ("the quorum has gone", "no_quorum"),
    ("no processor 0", "no_processor"),
    ("handed over", "handed_over"),
    ("refused by", "refused"),
    ("elected without a vote", "superseded"),
    ("called by leader ", "superseded"),
    ("it is to vote", "superseded"),
    ("member ", "superseded"),
    ("epoch ", "superseded"),
    ("the zxids of this epoch", "zxids_used_up"),
    ("called by leader", "promoted"),
    ("it is to vote", "promoted"),
)


ALARMS: Final = (
    "digest_differs", "digests_without_majority", "histories_diverge", "log_unreadable", "looking",
    "no_member_stands", "refused", "voters_differ",
)
MODES: Final = ("diff", "trunc", "snap")


def cause_of(reason: str) -> str:
    """The label of corral_elections_total; what ZAB does not say itself is a peer's breach of the protocol."""
    return next((cause for start, cause in CAUSES if reason.startswith(start)), "protocol_error")


class Marks:
    """When the leader's log was how long: since when something is not acknowledged."""

    def __init__(self) -> None:
        self._marks: deque[tuple[Zxid, int]] = deque(maxlen=MARKS_MAX)
        self._last = Zxid(0)

    def on_turn(self, last: Zxid, now: int) -> None:
        if last != self._last and (not self._marks or now - self._marks[-1][1] >= MARK_MS):
            self._last = last
            self._marks.append((last, now))

    def waiting_s(self, acked: Zxid, last: Zxid, now: int) -> float:
        """For how long what follows *acked* has been in the log, within MARK_MS; at most what is remembered."""
        if acked >= last:
            return 0.0
        since = next((at for zxid, at in self._marks if zxid > acked), now)
        return (now - since) / 1000


class Figures:
    def __init__(self, shell: "Broadcast") -> None:
        self._shell = shell
        # What has not happened yet is shown as 0: else nobody could see the first time.
        self.elections = dict.fromkeys((cause for _, cause in CAUSES), 0) | {"protocol_error": 0, "started": 1}
        self.alarms = dict.fromkeys(ALARMS, 0)
        self.synchronisations = dict.fromkeys(MODES, 0)
        self.learners_lost = self.digest_mismatches = self.digests_undecided = 0
        self.records = self.requests = self.log_bytes = 0
        self.proposal_bytes = [-1, -1, -1]  # last, smallest, largest
        self._marks = Marks()
        self._looking_ns: int | None = clock_ns()
        self._election_ns = Histogram()
        self._leading_ms = 0  # since when; 0: it does not lead

    # What happened -----------------------------------------------------------------------------

    def on_append(self, record: bytes) -> None:
        size = len(record)
        self.records += 1
        self.requests += RECORD.unpack_from(record)[1]
        self.log_bytes += size
        sizes = self.proposal_bytes
        sizes[0], sizes[2] = size, max(sizes[2], size)
        sizes[1] = size if sizes[1] < 0 else min(sizes[1], size)

    def on_report(self, report: effects.Report) -> None:
        if report.alarm:
            self.alarms[report.event] = self.alarms.get(report.event, 0) + 1
        match report.event:
            case "looking":
                self._on_looking(str(report.fields.get("reason", "")))
            case "established" | "synchronised":
                self._on_serving(leads=report.event == "established")
            case "learner_synchronised":
                mode = str(report.fields["mode"])
                self.synchronisations[mode] = self.synchronisations.get(mode, 0) + 1
            case "learner_lost" | "learner_stuck":
                self.learners_lost += 1
            case "digest_differs":
                self.digest_mismatches += 1
            case "digests_without_majority":
                self.digests_undecided += 1

    def on_differs(self) -> None:
        """The leader named a process of this member; where we lead, our own report has counted it."""
        if not self._leading_ms:
            self.digest_mismatches += 1

    def on_turn(self, now: int) -> None:
        if self._leading_ms:
            self._marks.on_turn(self._shell.member.last_zxid, now)

    def _on_looking(self, reason: str) -> None:
        cause = cause_of(reason)
        self.elections[cause] = self.elections.get(cause, 0) + 1
        self._leading_ms = 0
        if self._looking_ns is None:
            self._looking_ns = clock_ns()

    def _on_serving(self, *, leads: bool) -> None:
        self._leading_ms = now_ms() if leads else 0
        if self._looking_ns is not None:
            self._election_ns.observe(clock_ns() - self._looking_ns)
            self._looking_ns = None

    # Figures -----------------------------------------------------------------------------------

    def values(self, now: int, *, differs: bool, lag: int) -> dict[str, Any]:
        """*lag*: zxids that the leader has committed and this member does not know of."""
        member = self._shell.member
        control = member.control
        figures = {
            "is_leader": int(member.is_serving and member.role == "leader"), "is_serving": int(member.is_serving),
            "is_observer": int(member.is_serving and member.role == "observer"),
            "observers": [each.member for each in member.learners if each.phase == "serving" and each.is_observer],
            "epoch": member.epoch if member.is_serving else 0, "voters": len(member.voters),
            "leader": member.leader if member.is_serving else 0,
            "committed_epoch": epoch_of(member.committed), "committed_counter": counter_of(member.committed),
            "lag_zxids": lag, "differs": int(differs), "feature_level": control.feature_level if control else 0,
            "elections": dict(self.elections), "election_ns": self._election_ns.figure(),
            "synchronisations": dict(self.synchronisations), "learners_lost": self.learners_lost,
            "digest_mismatches": self.digest_mismatches, "digests_undecided": self.digests_undecided,
            "alarms": dict(self.alarms), "records": self.records, "requests_ordered": self.requests,
            "log_bytes": self.log_bytes, "proposal_bytes": list(self.proposal_bytes),
            **self._queues(), **process_figures(),
        }
        return figures | self._leader(now) if figures["is_leader"] else figures

    def _leader(self, now: int) -> dict[str, Any]:
        """What only a leader has."""
        shell, member = self._shell, self._shell.member
        learners = member.learners
        phases: dict[str, int] = {}
        for each in learners:
            phases[each.phase] = phases.get(each.phase, 0) + 1
        last, start = member.last_zxid, make_zxid(epoch=member.epoch, counter=0)
        acked = {str(each.member): max(each.durable, start) for each in learners}
        return {
            "quorum_slack": member.quorum_slack, "learner_phases": phases,
            "followers_without_vote": sum(
                each.phase == "serving" and not each.votes and not each.is_observer for each in learners),
            "follower_lag_zxids": {name: max(last - zxid, 0) for name, zxid in acked.items()},
            "follower_lag_s": {name: self._marks.waiting_s(zxid, last, now) for name, zxid in acked.items()},
            "follower_unacked_bytes": {str(each.member): each.unacked_bytes for each in learners},
            "intake_requests": shell.submissions.intake.queued_requests,
            "intake_bytes": shell.submissions.intake.queued_bytes,
            "uncommitted_bytes": member.uncommitted_bytes, "leading_since_ms": self._leading_ms,
        }

    def _queues(self) -> dict[str, Any]:
        """What waits on the links: to peers where they take nothing, to own processes likewise."""
        shell = self._shell
        peers = {str(member): (0, 0) for member in shell.streams.learners.values()}
        for stream, waiting in shell.streams.waiting().items():
            if stream in shell.streams.learners:
                peers[str(shell.streams.learners[stream])] = waiting
        own = {each.name: (len(each.waiting), sum(map(len, each.waiting))) for each in shell.local}
        return {
            "link_queue_messages": {
                "peer": {to: count for to, (count, _) in peers.items()},
                "local": {to: count for to, (count, _) in own.items()}},
            "link_queue_bytes": {
                "peer": {to: size for to, (_, size) in peers.items()},
                "local": {to: size for to, (_, size) in own.items()}},
        }
