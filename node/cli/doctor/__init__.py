"""`corral doctor`: what is wrong with an ensemble, or will be; each finding with evidence and cure.

command.py    the command               checks.py    the table of checks
subject.py    whom they look at         observing.py  what takes some seconds to see
members.py versions.py drift.py names.py files.py        the members and what they are configured by
znodes.py hot.py watches.py sessions.py                  what clients do
disks.py clocks.py processes.py certificates.py          what the members' metrics tell
"""
