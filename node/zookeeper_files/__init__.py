"""ZooKeeper's own files, read and written: its snapshots, transaction logs and epoch files.

directory.py   a data directory: which files it has, which of several members' is the one to take
fields.py      jute fields from a buffer          stream.py   a snapshot's bytes: unpacked, with their checksum
snappy.py      snapshots in the framing of xerial snappy
txns.py        what stands in a log entry         log_file.py  log files, torn tails included
snapshot.py    a snapshot file, read              data_tree.py the tree that a fuzzy snapshot and the log make
digest.py      ZooKeeper's digest of a tree       sessions.py  the passwords that it gives to sessions
writing.py     a snapshot file, written; the epoch files
"""
