"""Time travel: what was when, and what changed, from a member's snapshots and log.

points.py     a point in time as people say it: a zxid, a time, so long ago
place.py      where in the files a point is, and the state from which its own can be made
prefix.py     the first requests of a record
requests.py   who asked for what, in a record
travel.py     Traveller: a state that goes forward through the log, and says what changes
compare.py    two states of a subtree
"""
