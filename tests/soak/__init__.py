"""Ten thousand sessions for hours: memory, descriptors, latency and lost sessions over time.

    python -m tests.soak --minutes 60          the whole of it (make soak)

session.py   one client's session, through every reconnect      population.py  all of them: pings, watches, nodes
load.py      requests at a rate, and how long they took         members.py     the processes, as /proc shows them
run.py       the story: fill, load, restarts, the storm         verdict.py     what must hold at its end
"""
