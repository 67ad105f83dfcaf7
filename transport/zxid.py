"""zxids and ids, as types.

A zxid is a positive signed 64-bit number: the epoch in the upper 24 bits (23 usable), the counter in
the lower 40. ZooKeeper splits 32/32 and must elect a new leader when the counter is used up, which at
10,000 writes/s is every five days; 40 bits last 3.5 years at that rate, and 23 bits allow 8 million leaders.
"""

from typing import Final, NewType

Zxid = NewType("Zxid", int)
Epoch = NewType("Epoch", int)
MemberId = NewType("MemberId", int)  # 1..254: it is the top byte of a session id
SessionId = NewType("SessionId", int)  # signed 64 bit, as on the wire

COUNTER_BITS: Final = 40
COUNTER_MASK: Final = (1 << COUNTER_BITS) - 1
EPOCH_MAX: Final = (1 << 23) - 1
ZERO: Final = Zxid(0)


def make_zxid(*, epoch: int, counter: int) -> Zxid:
    assert 0 <= epoch <= EPOCH_MAX
    assert 0 <= counter <= COUNTER_MASK
    return Zxid(epoch << COUNTER_BITS | counter)


def epoch_of(zxid: int) -> Epoch:
    return Epoch(zxid >> COUNTER_BITS)


def counter_of(zxid: int) -> int:
    return zxid & COUNTER_MASK


def show(zxid: int) -> str:
    """`epoch:counter`, both decimal, for people: 4:17."""
    return f"{zxid >> COUNTER_BITS}:{zxid & COUNTER_MASK}"


def parse_zxid(text: str) -> Zxid:
    """As `show` writes it, or one number, 0x… or decimal. Raises ValueError."""
    epoch, colon, counter = text.partition(":")
    value = int(epoch) << COUNTER_BITS | int(counter) if colon else int(text, 0)
    is_split_well = not colon or (0 <= int(epoch) <= EPOCH_MAX and 0 <= int(counter) <= COUNTER_MASK)
    if not is_split_well or not 0 <= value < 1 << 63:
        raise ValueError(f"{text} is no zxid")
    return Zxid(value)


def parse_session(text: str) -> SessionId:
    """0x… or decimal, signed or not. Raises ValueError."""
    value = int(text, 0)
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"{text} is no session id")
    return SessionId(value - (1 << 64) if value >> 63 == 1 else value)
