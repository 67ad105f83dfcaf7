"""Member internals: each process of a member, its loops, its links, and what telemetry itself loses."""

from dashboards.generator.pages import Page, Row
from dashboards.generator.panels import GREEN, ORANGE, RED, Panel, above, below
from dashboards.generator.queries import Query, begun, rate

_PROCESS = "member {{member}} {{process}}"
_LINK = "member {{member}} {{link}} to {{to}}"

_PROCESSES = Row("Processes", (
    Panel(
        title="Processes that live and report", unit="none", width=8, stepped=True, decimals=0, maximum=1,
        queries=(Query("min by (member, process) (corral_process_up{M})", _PROCESS),),
        calculations=("lastNotNull", "min"),
        tell="1 while a process lives and reports, else 0.",
        do="0: it is dead or stuck; its log says why, docs/architecture.md what a client sees of it."),
    Panel(
        title="Restarts", unit="none", width=8, stepped=True, decimals=0, steps=((None, GREEN), (1, ORANGE)),
        queries=(Query("sum by (member, process) (increase(corral_process_restarts_total{M}[R]))", _PROCESS),),
        tell="How often a process was started again.",
        do="read the log of that process: it says why it ended. Repeated: the runbook CorralProcessRestarting."),
    Panel(
        title="Age of the newest figures", unit="s", width=8, steps=below(10, 30),
        queries=(Query("max by (member, process) (corral_process_sample_age_seconds{M})", _PROCESS),),
        tell="Processes report once a second, the snapshotter every five. Older: stopped, starved or stuck.",
        do="one process: look at it with `py-spy` or its log; all of a member: that machine."),
    Panel(
        title="CPU by process", unit="none", width=12, height=9, steps=below(0.7, 0.95), decimals=2,
        queries=(rate("corral_process_cpu_seconds_total", by="member, process", legend=_PROCESS),),
        tell="Cores that each process uses. One is all that a broadcast or processor can use.",
        do="a processor near 1: raise corral.processors; broadcast near 1: let clients pipeline, see Capacity."),
    Panel(
        title="Memory by process", unit="bytes", width=12, height=9, stack=True,
        queries=(Query("sum by (member, process) (corral_process_proportional_bytes{M})", _PROCESS),),
        tell="Memory with shared pages counted in part: their sum is what the member takes.",
        do="processors grow with znodes; growth without znodes: see Capacity, and report it."),
    Panel(
        title="Resident memory", unit="bytes", width=8,
        queries=(Query("sum by (member, process) (corral_process_resident_bytes{M})", _PROCESS),),
        tell="Memory in RAM, shared pages counted in full in each process.",
        do="near a limit of the unit or machine: fewer processors, or more memory."),
    Panel(
        title="Open files, of what is allowed", unit="percentunit", width=8, steps=below(0.6, 0.8), maximum=1,
        queries=(Query("max by (member, process) (corral_process_open_fds{M} / corral_process_max_fds{M})", _PROCESS),),
        tell="Each client connection is an open file of its processor.",
        do="raise LimitNOFILE of the unit or ulimit -Hn before it is 1; the runbook CorralOpenFilesExhausted."),
    Panel(
        title="Context switches against one's will", unit="ops", width=8,
        queries=(rate("corral_process_context_switches_total", by="member, process", legend=_PROCESS,
                      where='kind="involuntary"'),),
        tell="The kernel took the core away because others wanted it.",
        do="high while latency is: the machine has too few cores for what runs on it."),
    Panel(
        title="Threads", unit="none", width=8,
        queries=(Query("sum by (member, process) (corral_process_threads{M})", _PROCESS),),
        tell="Threads of each process; constant once it runs.",
        do="growth is a leak: report it with the log of that process."),
    Panel(
        title="Garbage collections", unit="ops", width=8,
        queries=(rate("corral_process_gc_collections_total", by="member, process", legend=_PROCESS),),
        tell="Runs of Python's cyclic garbage collector. None in processors.",
        do="some in a processor: pauses that grow with the tree; report it."),
    Panel(
        title="Uptime by process", unit="s", width=8,
        queries=(Query("time() - max by (member, process) (corral_process_start_time_seconds{M})", _PROCESS),),
        tell="Since when each process runs.",
        do="shorter than the others of its member: it was restarted; see Restarts and its log."),
))

_LOOPS = Row("Loops and links", (
    Panel(
        title="Time in stalls", unit="percentunit", width=8, steps=below(0.02, 0.1),
        queries=(rate("corral_event_loop_stalled_seconds_total", by="member, process", legend=_PROCESS),),
        tell="The part of the time in which a loop did not run when it should have.",
        do="the machine is overloaded or was paused; or a turn took too long, which the log of the process says."),
    Panel(
        title="Stalls", unit="ops", width=8, steps=((None, GREEN), (1, ORANGE)),
        queries=(rate("corral_event_loop_stalls_total", by="member, process", legend=_PROCESS),),
        tell="How often a loop did not run for more than 50 ms.",
        do="compare with CPU and context switches of the same moment."),
    Panel(
        title="Queues of links", unit="bytes", width=8, steps=((None, GREEN), (33554432, ORANGE), (67108864, RED)),
        queries=(Query("max by (member, link, to) (corral_link_queue_bytes{M})", _LINK),),
        tell="Bytes waiting on a link between processes or members.",
        do="not 0 for long: the receiver does not read; it is stopped, starved, or its network is slow."),
    Panel(
        title="Messages in queues of links", unit="none", width=8,
        queries=(Query("max by (member, link, to) (corral_link_queue_messages{M})", _LINK),),
        tell="The same in messages.",
        do="as for the queues in bytes."),
    Panel(
        title="Batches on their way", unit="none", width=8, steps=((None, GREEN), (200, ORANGE)),
        queries=(Query("sum by (member, process) (corral_batches_in_flight{M})", _PROCESS),),
        tell="Batches of a processor that are not executed yet; at 256 it stops reading from its clients.",
        do="near 256: the quorum is slower than the load; see Write latency."),
    Panel(
        title="Bytes on their way", unit="bytes", width=8, steps=((None, GREEN), (12582912, ORANGE)),
        queries=(Query("sum by (member, process) (corral_batches_in_flight_bytes{M})", _PROCESS),),
        tell="Their bytes; at 16 MiB the processor stops reading from its clients.",
        do="as for the batches; large values fill it first."),
    Panel(
        title="Requests waiting at the leader", unit="none", width=8,
        queries=(Query("sum by (member) (corral_intake_requests{M})", "member {{member}}"),),
        tell="Requests that arrived and are not proposed yet.",
        do="lasting: too much is uncommitted; the quorum's disks or links are slower than the load."),
    Panel(
        title="Replica behind the log", unit="none", width=8,
        queries=(Query("max by (member, process) (corral_apply_lag_zxids{M})", _PROCESS),),
        tell="Requests committed and durable here that a replica has not executed.",
        do="lasting: that processor has not enough CPU for the load."),
    Panel(
        title="Member behind the leader", unit="none", width=8,
        queries=(Query("max by (member) (corral_lag_zxids{M})", "member {{member}}"),),
        tell="Requests that the leader has committed and this member does not know of.",
        do="what its clients may not see yet. Lasting: its link and its disk."),
))

_QUORUM = Row("Learners and digests", (
    Panel(
        title="Learners by phase", unit="none", width=8, stack=True, stepped=True, decimals=0,
        queries=(Query("sum by (phase) (corral_learners{E})", "{{phase}}"),),
        tell="Members connected to the leader, by what they do.",
        do="one stays in another phase than serving: it cannot catch up; its disk and link."),
    Panel(
        title="Learners brought up to date", unit="none", width=8, stepped=True, decimals=0,
        queries=(Query("sum by (mode) (increase(corral_synchronisations_total{E}[R]))", "{{mode}}"),),
        tell="diff: records from the log; trunc: a tail was cut; snap: a whole snapshot.",
        do="many: a link that breaks; snap: retention is too short for the outages there are."),
    Panel(
        title="Learners lost", unit="none", width=8, stepped=True, decimals=0, steps=((None, GREEN), (1, ORANGE)),
        queries=(Query("sum by (member) (increase(corral_learners_lost_total{E}[R]))", "member {{member}}"),),
        tell="Streams of learners that ended, as the leader saw them.",
        do="without restarts: a link between two members breaks."),
    Panel(
        title="Replicas that differ", unit="none", width=8, stepped=True, decimals=0, steps=((None, GREEN), (1, RED)),
        queries=(Query("max by (member) (corral_digest_differs{M})", "member {{member}}"),),
        tell="1 while a process of the member has another digest than the majority.",
        do="it reloads by itself; if it comes again, memory or disk of that machine is bad: the runbook "
           "CorralDigestMismatch."),
    Panel(
        title="Alarms in the logs", unit="none", width=8, stepped=True, decimals=0, steps=((None, GREEN), (1, RED)),
        queries=(Query(begun("corral_alarms_total", by="member, event"), "member {{member}} {{event}}"),),
        tell="Log lines that an operator must look at, by event.",
        do="the line in that member's log says what to do."),
    Panel(
        title="Wall clocks of members", unit="s", width=8, minimum=None,
        queries=(Query("max by (member, peer) (corral_clock_offset_seconds{M})", "member {{member}} to {{peer}}"),),
        tell="What must be added to a peer's wall clock to get this member's.",
        do="above some milliseconds: run NTP on every machine. Nothing but traces and certificates depends on it."),
))

_SEEING = Row("Telemetry itself", (
    Panel(
        title="Notes that processes sent", unit="ops", width=8,
        queries=(rate("corral_notes_total", by="member, process", legend=_PROCESS),),
        tell="Notes of what happened when, from which traces are made.",
        do="0 under load: that process notes nothing; /explain does not know its stages."),
    Panel(
        title="Messages lost on the way to telemetry", unit="ops", width=8, steps=((None, GREEN), (1, ORANGE)),
        queries=(rate("corral_telemetry_dropped_total", by="member, process", legend="figures: " + _PROCESS),
                 rate("corral_notes_dropped_total", by="member, process", legend="notes: " + _PROCESS)),
        tell="Samples and notes that a process could not send. Clients notice nothing.",
        do="telemetry is dead, stopped or starved of CPU; traces have gaps: the runbook CorralTelemetryDropping."),
    Panel(
        title="Writes that /explain knows", unit="none", width=8,
        queries=(Query("max by (member) (corral_ring_writes{M})", "member {{member}}"),), steps=above(1, 1000),
        tell="Writes of which each member's telemetry keeps the story.",
        do="too few for your questions: raise corral.traceRing; it costs memory in telemetry only."),
    Panel(
        title="Traces", unit="ops", width=8,
        queries=(rate("corral_traces_total", by="reason", legend="kept: {{reason}}"),
                 rate("corral_traces_dropped_total", by="reason", legend="dropped: {{reason}}")),
        tell="Writes that became a trace, and those that did not, by reason.",
        do="slow kept: look at them; budget dropped: corral.traceBudget, if you want more."),
    Panel(
        title="Spans to the collector", unit="ops", width=8,
        queries=(rate("corral_spans_exported_total", by="member", legend="taken: member {{member}}"),
                 rate("corral_span_export_failures_total", by="member", legend="refused: member {{member}}")),
        tell="Spans that the collector took and those it did not. 0 without corral.otlpEndpoint.",
        do="refused: telemetry's log names the reason once a minute."),
    Panel(
        title="Questions to other members", unit="ops", width=8,
        queries=(rate("corral_peer_questions_total", by="outcome", legend="{{outcome}}"),),
        tell="What telemetry asked the others to put traces together.",
        do="missing: their telemetry is down or slow; traces then lack that member's part."),
))

MEMBER = Page(
    uid="corral-member", title="Corral: member internals",
    description="Each process of a member: life, CPU, memory, loops, links, digests, telemetry.",
    rows=(_PROCESSES, _LOOPS, _QUORUM, _SEEING))
