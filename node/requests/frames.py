"""Frames of the client protocol, as the hot paths pack and unpack them."""

import struct

from node.tree.znode import STAT

HEAD = struct.Struct(">iii")  # frame length, xid, opcode
REPLY = struct.Struct(">iiqi")  # frame length, xid, zxid, err
REPLY_HEADER_BYTES = REPLY.size - 4
EVENT = struct.Struct(">iiqiiii")  # frame length, xid, zxid, err, type, state, length of the path
SYNC_CONNECTED = 3
DATA_REPLY = struct.Struct(">iiqii")  # REPLY, and the length of the data; the data and a Stat follow
DATA_REPLY_BYTES = DATA_REPLY.size - 4 + STAT.size
# A client's requests wait once so much of their answers is made: a few bytes of input can ask for gigabytes.
ANSWERS_BYTES_MAX = 1 << 20
