"""Conversations of small ensembles as text: testdata/*.txt, one story each.

A story is a list of blocks: a command, the line ----, what was then seen, an empty line.
`python -m tests.transcripts --rewrite` writes what is seen now: commit a difference only if you understand its cause.
"""
