"""What a processor decides, without sockets, clocks or files (PURE).

connection.py   one client connection: its input, parked reads, output
intake of bytes and order of replies: processor.py      handshake.py   ConnectRequest and ConnectResponse
drain.py        whose turn it is to go elsewhere
submissions.py  batches on their way to the leader, at most once each, in order
reconfigs.py    clients whose reconfig is with the leader
local_sessions.py   sessions that one processor alone knows        read_only.py   clients of a member without a quorum
frames.py       of the client protocol, for the hot paths
auth.py         auth packets                            passwords.py   session passwords
traceparent.py  a connection's trace context, by an auth packet
audit.py        a processor that says who changed what
four_letter.py  texts of the four-letter words          statistics.py  what they report
"""
