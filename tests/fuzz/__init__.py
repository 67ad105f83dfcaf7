"""Hostile input to everything that takes in bytes of others: a parse or a typed error, never more.

    python -m tests.fuzz --minutes 10         every target in turn, from the corpus on (make fuzz)

targets.py  the table: what is fed, with which seeds      client.py, peers.py, votes.py, files.py  what a target does
edits.py    an input changed: bits, lengths, splices      choices.py  decisions drawn from bytes; messages.py of them
corpus/     inputs worth keeping: a folder per target     test_fuzz.py  the short version, and every kept input
"""
