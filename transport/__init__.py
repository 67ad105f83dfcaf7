"""Bytes, sockets and the vocabulary on them; imports nothing of ours.

zxid.py       zxids, epochs, ids as types            opcodes.py  the client protocol's operations
errors.py     ZooKeeper's error codes                jute.py     the codec; records.py its records as a table
batch.py      write requests of one processor turn   entry.py    what the log orders: one record of many batches
messages.py   between processes and members          wiring.py   the table of sockets
unpacking.py  msgpack with one kind of error
sockets.py    ZeroMQ; listener.py, stream.py, push_pull.py its parts, on zmq_socket.py and numbering.py; curve.py keys
poller.py     waits for any of them                  client_port.py  TCP to clients: bytes to frames
endpoints.py  addresses and ipc paths to bind
clock.py      the clock of leases and deadlines      timings.py  notes of what happened when
"""
