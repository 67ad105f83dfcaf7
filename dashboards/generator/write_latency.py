"""Write latency: which member and which stage make it what it is."""

from dashboards.generator.pages import MEMBER_OF_THIS_LINE, Page, Row
from dashboards.generator.panels import Panel, below, unlike
from dashboards.generator.queries import Query, mean, quantile, rate

_MEMBER = "member {{member}}"
_SLOW = below(0.02, 0.1)


def _mean_by_member(histogram: str, where: str = "") -> str:
    return mean(histogram, by="member", legend="", where=where).expr


# What the ack of a follower took beyond its own disk: both ways through the network. The lesser of two estimates: under
# load the mean counts records that waited in the follower until a sync before them had ended, which is no fault of the
# link; the quickest quarter does not, but goes by buckets, which are coarse.
_OF_FOLLOWER = 'label_replace({}, "member", "$1", "follower", "(.+)") - on (member) group_left () {}'
_MEANS = _OF_FOLLOWER.format(
    "sum by (follower) (rate(corral_ack_seconds_sum{E}[R])) / sum by (follower) (rate(corral_ack_seconds_count{E}[R]))",
    '(sum by (member) (rate(corral_stage_seconds_sum{M,stage="append"}[R])) / '
    'sum by (member) (rate(corral_stage_seconds_count{M,stage="append"}[R])))')
_QUICKEST = _OF_FOLLOWER.format(
    "histogram_quantile(0.25, sum by (follower, le) (rate(corral_ack_seconds_bucket{E}[R])))",
    'histogram_quantile(0.25, sum by (member, le) (rate(corral_stage_seconds_bucket{M,stage="append"}[R])))')
_LINK = f"clamp_min(max by (member) ({_MEANS}) < max by (member) ({_QUICKEST}) or max by (member) ({_QUICKEST}), 0)"


def _felt(stage: str) -> str:
    """Mean of a stage over the writes: those of the leader as they are, those of members by their clients' writes."""
    of_stage = mean("corral_stage_seconds", by="ensemble, member", legend="", where=f'stage="{stage}"').expr
    if stage in ("queue", "commit"):
        return mean("corral_stage_seconds", by="ensemble", legend="", where=f'stage="{stage}"').expr
    writes = "rate(corral_writes_total{M}[R])"
    weighed = f"({of_stage} >= 0) * on (ensemble, member) sum by (ensemble, member) ({writes})"
    return f"sum by (ensemble) ({weighed}) / sum by (ensemble) ({writes})"


_STALLED = ("max by (member) (sum by (member, process) (corral_event_loop_stalled_seconds_total{M}) - "
            "sum by (member, process) (corral_event_loop_stalled_seconds_total{M} offset $__rate_interval))")

_WHICH = Row("Which member, which stage?", (
    Panel(
        title="Which member, which stage", unit="s", kind="table", width=24, height=7, minimum=None,
        queries=(
            Query(_mean_by_member("corral_fsync_seconds")),
            Query(_mean_by_member("corral_stage_seconds", 'stage="append"')),
            Query(_LINK),
            Query(_mean_by_member("corral_stage_seconds", 'stage="queue"')),
            Query(_mean_by_member("corral_stage_seconds", 'stage="apply_wait"')),
            Query(_mean_by_member("corral_stage_seconds", 'stage="apply"')),
            Query(_mean_by_member("corral_stage_seconds", 'stage="reply"')),
            Query(_STALLED),
            Query(_mean_by_member("corral_request_seconds", 'kind="write"')),
        ),
        columns=(("A", "fsync", "s"), ("B", "append", "s"), ("C", "link to leader", "s"), ("D", "queue", "s"),
                 ("E", "apply wait", "s"), ("F", "apply", "s"), ("G", "reply", "s"), ("H", "stalled", "s"),
                 ("I", "whole write", "s")),
        coloured=tuple((name, unlike(0.02, 0.1)) for name in (
            "fsync", "append", "link to leader", "queue", "apply wait", "apply", "reply", "stalled", "whole write")),
        links=(("Member internals", MEMBER_OF_THIS_LINE),),
        tell="Means of the last moments, one line per member. fsync is a part of append; the link is what a follower's "
             "ack took beyond its append; stalled is for how long a process of the member did not run.",
        do="the coloured cell names the member and the stage. fsync: the disk; link: the network; queue: the leader "
           "has too much to do; apply, apply wait, reply, stalled: CPU, or a process was stopped. "
           "`corral trace ZXID` tells the story of one write."),
))

_CLIENTS = Row("What clients wait", (
    Panel(
        title="Writes: p50, p99, p99.9", unit="s", steps=_SLOW,
        queries=tuple(quantile(part, "corral_request_seconds", by="ensemble", legend=name, where='kind="write"')
                      for part, name in ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9"))),
        tell="From reading a write to writing its answer, the chosen members together. Each dot is a trace.",
        do="click a dot for its trace; the panels below take the time apart."),
    Panel(
        title="Writes by member, p99", unit="s", steps=_SLOW,
        queries=(quantile(0.99, "corral_request_seconds", by="member", legend=_MEMBER, where='kind="write"'),),
        tell="The same for the clients of each member.",
        do="one member apart from the others: its own processes or its link to the leader; all alike: the quorum."),
    Panel(
        title="Writes per second", unit="wps", stack=True,
        queries=(rate("corral_writes_total", by="member", legend=_MEMBER),),
        tell="Writes of each member's clients that were executed.",
        do="compare with latency: a rise of both is load; latency alone is a fault."),
    Panel(
        title="Reads by member, p99", unit="s", steps=below(0.01, 0.1),
        queries=(quantile(0.99, "corral_request_seconds", by="member", legend=_MEMBER, where='kind="read"'),),
        tell="From the bytes of a read to its answer.",
        do="the panel of its stages says which: behind a write, or a processor with too much to do."),
    Panel(
        title="Stages of a read, p99", unit="s", steps=below(0.01, 0.1),
        queries=tuple(
            quantile(0.99, "corral_read_stage_seconds", by="member", legend=f"{name}: member {{{{member}}}}",
                     where=f'stage="{stage}"')
            for stage, name in (("park", "behind a write"), ("answer", "answer"))),
        tell="A read waits for the earlier writes of its session; then one turn of the processor's loop answers it.",
        do="behind a write: writes are slow, see below; answer: the processor has too much to do (Member internals): "
           "add processors or members."),
))

_STAGES = Row("Where the time goes", (
    Panel(
        title="Stages of a write, mean", unit="s", width=24, height=9, stack=True,
        queries=tuple(
            Query(_felt(stage), name)
            for stage, name in (("collect", "1 collect (origin)"), ("queue", "2 queue (leader)"),
                                ("commit", "3 commit (leader)"), ("publish", "4 publish"),
                                ("apply_wait", "5 apply wait"), ("apply", "6 apply"), ("reply", "7 reply (origin)"))),
        tell="The stages one above the other, in the order in which a write passes them, as clients wait for them: a "
             "member counts as much as its clients write. What the network takes to the leader is not among them.",
        do="find the thick layer; its panel below names the member."),
    Panel(
        title="Disk: fsync of each member, mean", unit="s", width=8, steps=_SLOW,
        queries=(mean("corral_fsync_seconds", by="member", legend=_MEMBER),),
        tell="One fdatasync of the log. A quorum waits for its middle member's disk; a slow minority delays only "
             "its own clients.",
        do="one member apart: its disk; all: shared storage, or other writers on these disks."),
    Panel(
        title="Disk: fsync of each member, p99", unit="s", width=8, steps=_SLOW,
        queries=(quantile(0.99, "corral_fsync_seconds", by="member", legend=_MEMBER),),
        tell="The slowest in a hundred: what makes p99 of writes when a quorum needs that member.",
        do="far above the mean: the disk pauses (garbage collection, a snapshot, other writers)."),
    Panel(
        title="Append by member, p99", unit="s", width=8, steps=_SLOW,
        queries=(quantile(0.99, "corral_stage_seconds", by="member", legend=_MEMBER, where='stage="append"'),),
        tell="From having a record to having it on disk: its wait for the sync before, and its own sync.",
        do="much more than fsync: records wait behind each other; the disk is at its limit."),
    Panel(
        title="Link to each follower", unit="s", width=8, steps=_SLOW,
        queries=(Query(_LINK, "leader to member {{member}}"),),
        tell="A follower's ack less its own append: both ways through the network.",
        do="one follower apart: the network to that machine; all: the leader's machine."),
    Panel(
        title="Ack of each follower, p50", unit="s", width=8, steps=_SLOW,
        queries=(quantile(0.5, "corral_ack_seconds", by="follower", legend="follower {{follower}}", everywhere=True),),
        tell="From sending a record to the follower's ack, by the leader's clock.",
        do="compare with that follower's append: what is more than it, is the link."),
    Panel(
        title="Commit at the leader", unit="s", width=8, steps=_SLOW,
        queries=tuple(quantile(part, "corral_stage_seconds", by="ensemble", legend=name, where='stage="commit"')
                      for part, name in ((0.5, "p50"), (0.99, "p99"))),
        tell="From a record's proposal until a quorum has it on disk: the middle member decides.",
        do="high while one member's fsync is: that member is needed for the quorum, because another is missing."),
    Panel(
        title="Queue at the leader, p99", unit="s", width=8, steps=_SLOW,
        queries=(quantile(0.99, "corral_stage_seconds", by="member", legend=_MEMBER, where='stage="queue"'),),
        tell="From a batch's arrival at the leader to the record that it joins.",
        do="high: the leader's broadcast process has too much to do, or too much is uncommitted: see Capacity."),
    Panel(
        title="Apply wait and apply, p99", unit="s", width=8, steps=_SLOW,
        queries=(quantile(0.99, "corral_stage_seconds", by="member, process", where='stage="apply_wait"',
                          legend="wait: member {{member}} {{process}}"),
                 quantile(0.99, "corral_stage_seconds", by="member, process", where='stage="apply"',
                          legend="apply: member {{member}} {{process}}")),
        tell="From the word that a record may be executed to its execution, and the execution itself.",
        do="wait high: the processor is busy with reads or was stopped; apply high: large multis or huge directories."),
    Panel(
        title="Reply at the origin, p99", unit="s", width=8, steps=_SLOW,
        queries=(quantile(0.99, "corral_stage_seconds", by="member, process", where='stage="reply"',
                          legend="member {{member}} {{process}}"),),
        tell="From the execution of a member's own batch to its answers on the socket.",
        do="high: many watchers are told first, or the processor has lost its lease (Member internals)."),
))

_BATCHES = Row("Stalls, batches and queues", (
    Panel(
        title="Stalls: a process did not run", unit="s", width=12, steps=below(0.05, 0.25),
        queries=(Query("sum by (member, process) (corral_event_loop_stalled_seconds_total{M}) - "
                       "sum by (member, process) (corral_event_loop_stalled_seconds_total{M} offset $__rate_interval)",
                       "member {{member}} {{process}}"),),
        tell="For how long a loop did not run when it should have, within the window.",
        do="the machine is overloaded or was paused, or one turn took too long: that process's log and CPU."),
    Panel(
        title="Writes per record", unit="none", width=6,
        queries=tuple(quantile(part, "corral_batch_requests", by="ensemble", legend=name, everywhere=True)
                      for part, name in ((0.5, "p50"), (0.99, "p99"))),
        tell="How many writes share one round of the quorum and one fsync. Grows with load.",
        do="1 under load: clients wait for each answer before they send more; pipeline them."),
    Panel(
        title="Waiting at the leader", unit="bytes", width=6,
        queries=(Query("sum by (member) (corral_intake_bytes{E})", "to be proposed: member {{member}}"),
                 Query("sum by (member) (corral_uncommitted_bytes{E})", "uncommitted: member {{member}}")),
        tell="Bytes of writes that wait to be proposed, and of those that no quorum has yet.",
        do="lasting: the quorum's disks or links are slower than the load; see Capacity."),
))

WRITE_LATENCY = Page(
    uid="corral-write-latency", title="Corral: write latency",
    description="From a spike to the one member and the one fsync, link or queue that caused it.",
    rows=(_WHICH, _CLIENTS, _STAGES, _BATCHES), since="now-15m")
