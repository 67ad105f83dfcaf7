"""The password that ZooKeeper gives to a session: java.util.Random's first bytes, seeded by the session's id.

So a session can be carried over: its client comes back with the password that it got there. Whoever knows a session's
id can work its password out; so it is with ZooKeeper.
"""

from typing import Final

_SUPER_SECRET: Final = 0xB3415C00
_MULTIPLIER: Final = 0x5DEECE66D
_MASK_48: Final = (1 << 48) - 1
PASSWORD_BYTES: Final = 16


def zookeeper_password(session_id: int) -> bytes:
    seed = (session_id ^ _SUPER_SECRET ^ _MULTIPLIER) & _MASK_48
    words = []
    for _ in range(PASSWORD_BYTES // 4):
        seed = seed * _MULTIPLIER + 0xB & _MASK_48
        words.append((seed >> 16).to_bytes(4, "little"))
    return b"".join(words)
