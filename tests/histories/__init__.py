"""Histories: what clients of a running ensemble asked, what they were told and when; and whether that may be so.

operation.py        one operation, and the recorder that clients write to
linearizability.py  the search for an order that explains a key's operations
register.py         the model of a znode for it: create, read, write and compare-and-set by version
sessions.py         plain reads: one value per version, never backwards within a session
sets.py             creates are there exactly once
counters.py         multi: all of it or nothing
locks.py            no lock has two holders
ephemerals.py       gone with their session, and not before
watches.py          the event comes before the reply that shows the change; none is lost
checks.py           all of these over one history
"""
