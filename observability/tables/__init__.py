"""The rows of the table of metrics (observability/metrics.py), one file per subject.

ensemble.py  who leads, quorum, elections, followers, digests    writes.py   stages of a write, reads, queues
clients.py   connections, sessions, watches, throttling          storage.py  log, snapshots, space
machine.py   the processes of a member                           tracing.py  traces, telemetry's own losses, clocks
"""
