"""Seeing: names of metrics as a table, logging, and the telemetry process's endpoint.

metrics.py    every metric: name, kind, help, and which process's figure it is
exposition.py samples to Prometheus text                 endpoint.py   HTTP: /metrics, /healthz
logging.py    structlog: one line per state change, JSON where nobody watches
"""
