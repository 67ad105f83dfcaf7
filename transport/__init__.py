"""Bytes, sockets and the vocabulary on them; imports nothing of ours.

zxid.py       zxids, epochs, ids as types            opcodes.py  the client protocol's operations
errors.py     ZooKeeper's error codes                jute.py     the codec; records.py its records as a table
batch.py      write requests of one processor turn   entry.py    what the log orders: one record of many batches
messages.py   between processes and members          wiring.py   the table of sockets
sockets.py    the only importer of zmq               client_port.py  TCP to clients: bytes to frames
clock.py      the clock of leases and deadlines      timings.py  notes of what happened when
"""
