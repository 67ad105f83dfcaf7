"""Log, snapshots and space: figures of broadcast, of the snapshotter, and what telemetry sees of the directories."""

from observability.metric import NANOSECONDS, Metric

_TELEMETRY = ("telemetry",)

STORAGE: tuple[Metric, ...] = (
    Metric("corral_log_bytes_total", "counter", "Bytes appended to the log.", "log_bytes", ("broadcast",),
           "What the disk must take, twice that with the snapshots."),
    Metric("corral_snapshots_total", "counter", "Snapshots written and verified.", "snapshots", ("snapshotter",),
           "None for long although there are writes: read the snapshotter's log; the log cannot be purged."),
    Metric("corral_snapshot_failures_total", "counter", "Snapshots that failed.", "snapshot_failures",
           ("snapshotter",), "Most often a full disk."),
    Metric("corral_snapshot_seconds", "histogram", "Building and verifying a snapshot.", "snapshot_ns",
           ("snapshotter",), "Grows with the tree; nobody waits for it.", scale=NANOSECONDS),
    Metric("corral_snapshot_duration_seconds", "gauge", "How long the last snapshot took.", "snapshot_s",
           ("snapshotter",), "Grows with the tree; nobody waits for it."),
    Metric("corral_snapshot_age_seconds", "gauge", "Age of the newest snapshot on disk.", "snapshot_age_s",
           _TELEMETRY, "An idle ensemble needs no new one. With writes: recovery takes the longer the older it is."),
    Metric("corral_snapshot_size_bytes", "gauge", "Size of the newest snapshot on disk.", "snapshot_bytes",
           _TELEMETRY, "What a new or far lagging member must be sent."),
    Metric("corral_directory_bytes", "gauge", "Bytes that a directory of this member takes on disk.",
           "directory_bytes", _TELEMETRY, "data: snapshots and epochs; log: segments. Retention: "
           "autopurge.snapRetainCount.", labels=("directory",)),
    Metric("corral_log_segments", "gauge", "Segments of the log on disk.", "log_segments", _TELEMETRY,
           "Purged with the snapshots that need them."),
    Metric("corral_disk_free_bytes", "gauge", "Free space for this member, by directory.", "disk_free_bytes",
           _TELEMETRY, "A full disk ends the broadcast process: the member leaves the quorum.",
           labels=("directory",)),
    Metric("corral_disk_size_bytes", "gauge", "Size of the file system, by directory.", "disk_size_bytes", _TELEMETRY,
           "See corral_disk_free_bytes.", labels=("directory",)),
    Metric("corral_disk_full_in_seconds", "gauge",
           "When the file system is full if the last ten minutes go on; at most a year.", "disk_full_in_s",
           _TELEMETRY, "Make room, or lower autopurge.snapRetainCount, before it is 0.", labels=("directory",)),
)
