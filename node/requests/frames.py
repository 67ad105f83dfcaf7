"""Frames of the client protocol, as the hot paths pack and unpack them."""

import struct
from typing import Final

from node.tree.znode import STAT

HEAD: Final = struct.Struct(">iii")  # frame length, xid, opcode
REPLY: Final = struct.Struct(">iiqi")  # frame length, xid, zxid, err
REPLY_HEADER_BYTES: Final = REPLY.size - 4
EVENT: Final = struct.Struct(">iiqiiii")  # frame length, xid, zxid, err, type, state, length of the path
SYNC_CONNECTED: Final = 3
DATA_REPLY: Final = struct.Struct(">iiqii")  # REPLY, and the length of the data; the data and a Stat follow
DATA_REPLY_BYTES: Final = DATA_REPLY.size - 4 + STAT.size
# A client's requests wait once so much of their answers is made: a few bytes of input can ask for gigabytes.
ANSWERS_BYTES_MAX: Final = 1 << 20
