"""The only code that touches the disk.

files.py             Files, the door to the operating system; RealFiles
errors.py            what can go wrong, by what the caller can do
layout.py            bytes of a log segment: header, envelope, end marker
segments.py          segment files: names, headers, making them ahead of use, cutting them
scan.py              verified walk over one segment; search for good records behind a bad one
log.py               Log: append, sync, truncate, position
reader.py            LogReader: records up to the watermark, while somebody else writes
recovery.py          what the files say after any end: repair of a torn tail, refusal of corruption
replaced.py          small files that are replaced atomically
epochs.py            acceptedEpoch, currentEpoch, generation
identity.py          whose data this is: lock, identity, the mark of a first initialisation
snapshots.py         snapshot files: format, writing aside, verifying, the newest valid one
received.py          a snapshot that comes in chunks from the leader, and its installation in place of the log
retention.py         what may be deleted
snapshot_builder.py  snapshot n + log -> snapshot n+1
"""
