"""Backups: a member's state at an exact zxid in one file, and the way back.

archive.py      the file: format, writing, the trial load
shelf.py        a directory of backups: names, listing, keeping the newest
remote.py       a place that is no directory: S3 and whatever else fsspec reaches
barrier.py      a sync through the member's own client port: what a backup must hold
watermark.py    up to where a member's files are known to be committed
take.py         one backup, from the barrier to the verified file
epochs.py       the epochs that a directory has seen
restoring.py    what a restoration would do, and doing it
"""
