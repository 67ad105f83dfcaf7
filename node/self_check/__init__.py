"""The daily look at one member: read-only, while it serves. Each check gives findings with evidence and cure.

finding.py      what a check finds
places.py       configuration, keys, directories, room on disk
history.py      the newest snapshot, the log behind it, the newest backup
ensemble.py     whether the member serves, and runs what the others run
clock.py        whether the clock is synchronised
checks.py       all of them, in order
"""
