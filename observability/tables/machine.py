"""The processes of a member, mostly as telemetry sees them in /proc."""

from observability.metric import NANOSECONDS, Metric

_ALL = ("broadcast", "processor", "election", "snapshotter", "telemetry", "supervisor")
_LOOPS = ("broadcast", "processor", "election", "snapshotter")
_PYTHON = ("broadcast", "processor", "election", "snapshotter", "telemetry")

MACHINE: tuple[Metric, ...] = (
    Metric("corral_info", "gauge", "Always 1; its labels say what runs here.", "info", ("telemetry",),
           "Versions of an ensemble differ during an upgrade only.",
           labels=("version", "zookeeper_version", "python_version", "ensemble_id", "member_id")),
    Metric("corral_process_up", "gauge", "1 while a process of this member lives and reports, else 0.", "up",
           _PYTHON, "0: it is dead or stuck; docs/architecture.md says what a client sees of it."),
    Metric("corral_process_sample_age_seconds", "gauge", "How old the newest figures of a process are.",
           "sample_age_s", _PYTHON, "Above some seconds: the process is stopped, starved or stuck."),
    Metric("corral_process_pid", "gauge", "Its pid.", "pid", _ALL, "Changes with a restart."),
    Metric("corral_process_start_time_seconds", "gauge", "When it started, as Unix time.", "start_time_s", _ALL,
           "See corral_process_restarts_total."),
    Metric("corral_process_restarts_total", "counter", "How often it was started again.", "restarts", _PYTHON,
           "Read the log of that process: it says why it ended."),
    Metric("corral_process_cpu_seconds_total", "counter", "CPU time of the process and its ended children, by mode.",
           "cpu_s", _ALL, "A rate near 1 of broadcast or a processor: one core is all that it can use; add "
           "processors (corral.processors), or batch requests in the clients.", labels=("mode",)),
    Metric("corral_process_resident_bytes", "gauge", "Memory in RAM, shared pages counted in full (RSS).",
           "resident_bytes", _ALL, "Shared pages are in it once per process; see the next."),
    Metric("corral_process_proportional_bytes", "gauge", "Memory, shared pages counted in part (PSS); "
           "of a systemd unit its own pages only, without those of files.",
           "proportional_bytes", _ALL, "Their sum is what the member takes. Grows with znodes × processors."),
    Metric("corral_process_threads", "gauge", "Threads.", "threads", _ALL, "Constant."),
    Metric("corral_process_open_fds", "gauge", "Open files.", "open_fds", _ALL,
           "Each client connection is one of its processor's."),
    Metric("corral_process_max_fds", "gauge", "Limit of open files.", "max_fds", _ALL,
           "Near it new clients are refused: raise LimitNOFILE or ulimit -Hn."),
    Metric("corral_process_context_switches_total", "counter", "Context switches, by kind.", "context_switches",
           _ALL, "Many involuntary ones: others want the same cores.", labels=("kind",)),
    Metric("corral_process_gc_enabled", "gauge", "1 where the cyclic garbage collector may run.", "gc_enabled",
           _LOOPS, "0 in processors: no pauses that grow with the tree."),
    Metric("corral_process_gc_collections_total", "counter", "Runs of the garbage collector, by generation.",
           "gc_collections", _LOOPS, "Constant in processors; rare elsewhere.",
           labels=("generation",)),
    Metric("corral_event_loop_stalls_total", "counter", "How often the loop did not run for more than 50 ms.",
           "stalls", _LOOPS, "Clients waited. The machine is overloaded or was paused, or a turn took too long."),
    Metric("corral_event_loop_stalled_seconds_total", "counter", "Time in such stalls.", "stall_ns", _LOOPS,
           "As above.", scale=NANOSECONDS),
)
