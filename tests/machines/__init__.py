"""Three members on machines of their own, as far as one machine can have them, and what breaks there.

    python -m tests.machines --help

namespaces.py   of network and mounts, entered by a thread
fabric.py       network namespaces on a bridge, IPv4 and IPv6; what is cut, one way or both, and what is lost
delay.py        a process that holds back what passes one port of the bridge
disk.py         a small file system: it fills up, its power is cut
preloaded.c     syncs that fail or take their time
clock.py        a wall clock that is wrong
member.py       a member: its namespace, disk, clock and processes
ensemble.py     all of them: keys and configuration, who leads, whether all serve
faults.py       the table of faults
nemesis.py      one fault after the other, and some two at a time
session.py      a kazoo client whose every request goes into the history
workloads/      what the clients do
load.py         all clients at work
aftermath.py    what is read at the end, from every member
run.py          a run: load, nemesis, checks
summary.py      what is said while it goes on
picture.py      what it looked like
"""
