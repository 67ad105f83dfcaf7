"""The trace context of a connection, as W3C's traceparent: `00-<32 hex>-<16 hex>-<2 hex>`.

It comes as an auth packet of scheme `traceparent`, because that is what every client can send without knowing of
tracing. It is no identity: what a connection may do is the same before and after.
"""

import re
from collections.abc import Callable
from typing import Final

from node.requests.auth import fields_of
from transport.batch import REQUEST, TRACED

SCHEME: Final = b"traceparent"
# Version 00 ends after its flags; a later one may go on after a dash (W3C Trace Context, 4.3).
_FORM: Final = re.compile(rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)

Pack = Callable[[int, int, int, int, int, int, int, int], bytes]


def is_traceparent(packet: bytes) -> bool:
    """Whether this AuthPacket is one of ours. Raises AuthPacketError."""
    return fields_of(packet)[0] == SCHEME


def context_of(packet: bytes) -> bytes | None:
    """The 25 bytes that travel with requests (transport/batch.py); empty: none from here on; None: malformed.

    Raises AuthPacketError.
    """
    text = fields_of(packet)[1].strip()
    if not text:
        return b""
    found = _FORM.fullmatch(text)
    if found is None or (found[1] == b"00" and found[5]):
        return None
    context = bytes.fromhex((found[2] + found[3] + found[4]).decode())
    if not any(context[:16]) or not any(context[16:24]):
        return None
    return context


def traced_pack(context: bytes, pack: Pack = REQUEST.pack) -> Pack:
    """What packs a REQUEST of a traced connection, in the place of *pack*: the context stands behind it."""

    def packed(s: int, connection: int, xid: int, op: int, flags: int, who: int, tenths: int, length: int) -> bytes:
        return pack(s, connection, xid, op, flags | TRACED, who, tenths, length) + context

    return packed
