"""Who leads, what is left of the quorum, elections, followers, digests: figures of broadcast and election."""

from observability.metric import NANOSECONDS, Metric

_BROADCAST = ("broadcast",)

ENSEMBLE: tuple[Metric, ...] = (
    Metric("corral_is_leader", "gauge", "1 while this member leads and serves.", "is_leader", _BROADCAST,
           "The sum over an ensemble is 1. 0 for longer than an election takes: no write is accepted; look at "
           "corral_is_serving and corral_elections_total of each member."),
    Metric("corral_is_observer", "gauge", "1 while this member serves as an observer, which has no vote.",
           "is_observer", _BROADCAST,
           "Constant but for a reconfig: an observer that becomes a voter, or a voter that becomes one."),
    Metric("corral_is_serving", "gauge", "1 while this member serves clients: as leader, or as a follower up to date.",
           "is_serving", _BROADCAST,
           "0 on one member: it looks for a leader or synchronises; its clients go elsewhere. 0 on most: no quorum."),
    Metric("corral_epoch", "gauge", "The epoch this member serves in, 0 while it looks for a leader.", "epoch",
           _BROADCAST, "Rises by one with each new leader. Members that serve differ for no longer than an election."),
    Metric("corral_leader", "gauge", "Number of the member that this one follows, or is itself; 0 while it looks.",
           "leader", _BROADCAST, "Members agree on it but for the moments of an election."),
    Metric("corral_voters", "gauge", "Voters of the configuration in force.", "voters", _BROADCAST,
           "A quorum is more than half of it."),
    Metric("corral_quorum_slack", "gauge", "How many more voters may fail before writes stop (leader only).",
           "quorum_slack", _BROADCAST,
           "0: the next failure stops all writes. Bring the members back that corral_is_serving or up miss."),
    Metric("corral_learners", "gauge", "Members connected to this leader, by phase (leader only).", "learner_phases",
           _BROADCAST, "Those in another phase than serving synchronise; one that stays so never catches up: "
           "look at its disk and link.", labels=("phase",)),
    Metric("corral_follower_lag_zxids", "gauge", "Requests that a follower has not acknowledged (leader only).",
           "follower_lag_zxids", _BROADCAST,
           "Grows without end: the follower's disk or link is too slow for this load.", labels=("follower",)),
    Metric("corral_follower_lag_seconds", "gauge",
           "For how long the oldest record that a follower has not acknowledged waits (leader only).",
           "follower_lag_s", _BROADCAST,
           "Above syncLimit the leader drops the follower, which synchronises anew.", labels=("follower",)),
    Metric("corral_follower_unacked_bytes", "gauge", "Record bytes sent to a follower and not acknowledged yet "
           "(leader only).", "follower_unacked_bytes", _BROADCAST,
           "At its window (32 MiB) the leader stops sending to it, and its lag grows.", labels=("follower",)),
    Metric("corral_lag_zxids", "gauge", "Requests that the leader has committed and this member does not know of.",
           "lag_zxids", _BROADCAST, "What clients of this member may not see yet. Lasting: look at link and disk."),
    Metric("corral_elections_total", "counter", "How often this member began to look for a leader, by cause.",
           "elections", _BROADCAST,
           "leader_lost, leader_silent: the leader's process or link; lease_lost, no_quorum: a leader cut off from "
           "the others; no_processor: processor 0 of the leader; handed_over: as planned; zxids_used_up: "
           "a new epoch counts anew; promoted: an observer behind a follower is to vote; "
           "refused, superseded, protocol_error: read the member's log; started: a restart.",
           labels=("cause",)),
    Metric("corral_election_seconds", "histogram", "From looking for a leader to serving again.", "election_ns",
           _BROADCAST, "Nobody writes through this member meanwhile. Long: voters missing, or a long synchronisation.",
           scale=NANOSECONDS),
    Metric("corral_synchronisations_total", "counter", "Learners brought up to date by this leader, by mode.",
           "synchronisations", _BROADCAST,
           "diff: records from the log; trunc: a tail was cut; snap: a whole snapshot. Many of them: a link that "
           "breaks; snap: retention is too short for the outages there are.", labels=("mode",)),
    Metric("corral_learners_lost_total", "counter", "Streams of learners that ended (leader only).", "learners_lost",
           _BROADCAST, "Rises without restarts: a link between two members breaks."),
    Metric("corral_election_clock", "gauge", "The logical clock of this member's elections.", "election_clock",
           ("election",), "Equal on members that can hear each other once they have voted."),
    Metric("corral_digest_differs", "gauge",
           "1 while a process of this member is known to have another digest than the majority.", "differs",
           _BROADCAST, "The process reloads from snapshot and log by itself. If it comes again: memory or disk of "
           "that machine is bad; take it out."),
    Metric("corral_digest_mismatches_total", "counter",
           "Processes found with another digest than the majority: by the leader anywhere, else of this member.",
           "digest_mismatches", _BROADCAST, "Any increase is a fault of hardware or of Corral: keep the log files "
           "of all members, and report it."),
    Metric("corral_digests_undecided_total", "counter",
           "Digest comparisons without a majority (leader only).", "digests_undecided", _BROADCAST,
           "Replicas differ and nobody knows which is right: stop writing, keep the files of all members."),
    Metric("corral_alarms_total", "counter", "Log lines that an operator must look at, by event.", "alarms",
           ("broadcast", "processor"), "The line in the log of that process says what to do.", labels=("event",)),
    Metric("corral_feature_level", "gauge", "The feature level of the log.", "feature_level", _BROADCAST,
           "Rises once every voter runs a release that can follow."),
    Metric("corral_committed_epoch", "gauge", "Epoch of the last zxid known to be committed.", "committed_epoch",
           _BROADCAST, "Position of this member."),
    Metric("corral_committed_in_epoch", "gauge", "Counter of the last zxid known to be committed.",
           "committed_counter", _BROADCAST, "Its rate is the rate of writes of the ensemble. Starts again with each "
           "epoch."),
    Metric("corral_clock_offset_seconds", "gauge", "What must be added to a peer's wall clock to get this member's.",
           "clock_offset_s", ("telemetry",), "Only traces depend on it, and certificates; run NTP.",
           labels=("peer",)),
    Metric("corral_clock_uncertainty_seconds", "gauge", "The offset above is right within this.",
           "clock_uncertainty_s", ("telemetry",), "Half a round trip between the two.", labels=("peer",)),
)
