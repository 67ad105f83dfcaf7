"""Seeing: metrics, traces, the log, and what telemetry serves by HTTP.

metrics.py      the table of metrics (rows in tables/, a row is a metric.py Metric), and metrics_page.py its docs page
samples.py      the newest figures of each process         procfs.py, space.py   what the kernel knows of them
exposition.py   figures to Prometheus text                 exemplars.py          the last traced write of each bucket
zookeeper.py    ZooKeeper's own names, for mntr too        histogram.py          histograms of hot processes
timeline.py     the story of one write                     ring.py … verdict.py  how it is put together from notes
spans.py        names of spans                             sampling.py … export.py  which writes become traces, to where
endpoint.py     HTTP: a table of routes; admin/ has some   logging.py, events.py    one line per state change
audit.py        lines of the audit log
"""
