"""Making one tree like another through the client protocol: for `corral mirror`, and for the restoration of a subtree.

contents.py   what of a znode can be carried over, read from a server or from a state
plan.py       what has to be done to a target; nothing is done here
apply.py      doing it, many requests at once
counters.py   sequence counters, which must not go back
following.py  Mirror: a source is watched, and the target follows
"""
