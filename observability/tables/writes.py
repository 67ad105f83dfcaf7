"""The stages of a write, reads, batches and queues."""

from observability.metric import NANOSECONDS, Metric

_BROADCAST = ("broadcast",)
_PROCESSOR = ("processor",)

WRITES: tuple[Metric, ...] = (
    Metric("corral_request_seconds", "histogram", "From reading a request to writing its answer, by kind.",
           "request_*", _PROCESSOR, "What clients feel, less their network. Of writes: the stages below say where.",
           labels=("kind",), scale=NANOSECONDS),
    Metric("corral_stage_seconds", "histogram", "The stages of a write, each measured in one process.", "stage_*",
           ("broadcast", "processor"),
           "collect: read to sent to the leader; order: sent to executed here; queue: arrived at the leader to "
           "proposed; append: proposed or received to durable; commit: proposed to committed; publish: committed to "
           "told to the processes; apply_wait: told to executing; apply: executing; reply: executed to answered.",
           labels=("stage",), scale=NANOSECONDS),
    Metric("corral_read_stage_seconds", "histogram", "The stages of a read.", "read_stage_*", _PROCESSOR,
           "park: it waited for an earlier write of its session, which is slow then, not the read; answer: the turn of "
           "the processor's loop that answered it, with all that the turn had to do.",
           labels=("stage",), scale=NANOSECONDS),
    Metric("corral_fsync_seconds", "histogram", "One fdatasync of the log.", "fsync", _BROADCAST,
           "The disk's share of every write. A quorum waits for its median member; the slowest delays its own "
           "clients. Use disks with power-loss protection, alone for the log.",
           scale=NANOSECONDS),
    Metric("corral_ack_seconds", "histogram", "From sending a record to a follower to its ack (leader only).",
           "ack", _BROADCAST, "One follower slow: its disk (corral_fsync_seconds there) or its link. All: this "
           "leader's loop is busy.", labels=("follower",), scale=NANOSECONDS),
    Metric("corral_batch_requests", "histogram", "Writes per record that the leader proposed.", "batch_requests",
           _BROADCAST, "Grows with load: that is how throughput is made."),
    Metric("corral_record_bytes", "histogram", "Bytes per record appended to the log.", "record_bytes", _BROADCAST,
           "Large ones (MiB) delay those behind them."),
    Metric("corral_records_total", "counter", "Records appended to the log.", "records", _BROADCAST,
           "Each is one round of the quorum."),
    Metric("corral_requests_ordered_total", "counter", "Requests in the records appended to the log.",
           "requests_ordered", _BROADCAST, "The ensemble's rate of writes, as each member logs it."),
    Metric("corral_writes_total", "counter", "Writes of this processor's clients that were executed.", "writes",
           _PROCESSOR, "Sum over the ensemble: its rate of writes."),
    Metric("corral_reads_total", "counter", "Reads answered.", "reads", _PROCESSOR, "By the local replica alone."),
    Metric("corral_pings_total", "counter", "Pings of clients answered.", "pings", _PROCESSOR,
           "Idle sessions, a third of their timeout apart."),
    Metric("corral_request_errors_total", "counter", "Requests answered with an error, by ZooKeeper's name of it.",
           "errors", _PROCESSOR, "NONODE, NODEEXISTS and BADVERSION are everyday work of recipes; SYSTEMERROR is a "
           "fault of Corral; NOAUTH may be a misconfigured client.", labels=("error",)),
    Metric("corral_outstanding_requests", "gauge", "Writes taken from clients and not executed yet.",
           "outstanding", _PROCESSOR, "Grows while there is no leader or the quorum is slow."),
    Metric("corral_batches_in_flight", "gauge", "Batches of this processor that are not executed yet.",
           "batches_in_flight", _PROCESSOR, "At 256 the processor stops reading from its clients."),
    Metric("corral_batches_in_flight_bytes", "gauge", "Their bytes.", "batches_in_flight_bytes", _PROCESSOR,
           "At 16 MiB the processor stops reading from its clients."),
    Metric("corral_intake_requests", "gauge", "Requests waiting at the leader to be proposed.", "intake_requests",
           _BROADCAST, "Lasting: the leader may not propose, because too much is uncommitted."),
    Metric("corral_intake_bytes", "gauge", "Bytes waiting at the leader to be proposed.", "intake_bytes", _BROADCAST,
           "As above."),
    Metric("corral_uncommitted_bytes", "gauge", "Bytes proposed and not committed yet (leader only).",
           "uncommitted_bytes", _BROADCAST, "At its limit nothing more is proposed: the quorum's disks or links are "
           "slower than the load."),
    Metric("corral_link_queue_messages", "gauge", "Messages waiting on a link (transport/wiring.py), by receiver.",
           "link_queue_messages", _BROADCAST, "Not 0 for long: the receiver does not read; it is stopped or starved.",
           labels=("link", "to")),
    Metric("corral_link_queue_bytes", "gauge", "Bytes waiting on a link, by receiver.", "link_queue_bytes",
           _BROADCAST, "Beyond 64 MiB the stream to a learner is ended.", labels=("link", "to")),
    Metric("corral_apply_lag_zxids", "gauge", "Requests committed and durable here that this replica has not executed.",
           "apply_lag_zxids", _PROCESSOR, "Lasting: this processor has not enough CPU for the load."),
    Metric("corral_executed_epoch", "gauge", "Epoch of the last executed zxid.", "executed_epoch", _PROCESSOR,
           "Position of this replica."),
    Metric("corral_executed_in_epoch", "gauge", "Counter of the last executed zxid.", "executed_counter", _PROCESSOR,
           "Position of this replica. Starts again with each epoch."),
)
