"""Rules broken on purpose, one at a time, in memory: checkers that find none of them are no checkers.

    mutation.py                               what a mutation is, applying it, looking for it
    broadcast.py storage.py execution.py      how rules are broken
    table.py                                  all of them; `python -m tests.simulation.mutations`
    known_bugs.py                             what went wrong in ZooKeeper, and which of them stands for it
    page.py                                   the tables of docs/simulation.md
"""
