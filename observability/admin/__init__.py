"""The admin HTTP of a member, beside /metrics.

explain.py  /explain, /slow and /recent: the story of a write, the slowest, the newest of a path
page.py     the page for those with no Grafana at hand: /    page.html  what it shows, and how; no other file or host
status.py   how the member and its ensemble are, as JSON: /status
checks.py   /livez and /readyz: named checks for whoever restarts members or sends clients to them
commands.py /commands/<name>: those of ZooKeeper's AdminServer that telemetry can answer
history.py  the last minutes, second by second, out of the processes' samples
"""
