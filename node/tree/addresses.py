"""IP addresses of the scheme `ip`, parsed here: the standard library's parser has changed between Python versions."""

from typing import NamedTuple


class Network(NamedTuple):
    """*prefix*: the leading *bits* of an address of *width* bits."""

    width: int
    bits: int
    prefix: int


def _java_int(text: bytes) -> int | None:
    """Integer.parseInt for ASCII digits."""
    digits = text[1:] if text[:1] in (b"+", b"-") else text
    if not digits.isdigit() or len(digits) > 10:
        return None
    return int(text)


def _parse_v4(text: bytes) -> int | None:
    parts = text.split(b".")
    if len(parts) != 4:
        return None
    address = 0
    for part in parts:
        octet = _java_int(part)
        if octet is None or not 0 <= octet <= 255:
            return None
        address = address << 8 | octet
    return address


def _groups(text: bytes, *, at_end: bool) -> list[int] | None:
    """The 16-bit groups between colons; at the address's end an IPv4 address may stand."""
    groups: list[int] = []
    parts = text.split(b":") if text else []
    for index, part in enumerate(parts):
        if b"." in part and at_end and index == len(parts) - 1:
            low = _parse_v4(part)
            if low is None:
                return None
            groups += (low >> 16, low & 0xFFFF)
        elif 1 <= len(part) <= 4 and all(c in b"0123456789abcdefABCDEF" for c in part):
            groups.append(int(part, 16))
        else:
            return None
    return groups


def _parse_v6(text: bytes) -> int | None:
    head, gap, tail = text.partition(b"::")
    left = _groups(head, at_end=not gap)
    right = _groups(tail, at_end=True) if gap else []
    if left is None or right is None:
        return None
    missing = 8 - len(left) - len(right)
    if missing < 1 if gap else missing != 0:
        return None
    address = 0
    for group in (*left, *[0] * missing, *right):
        address = address << 16 | group
    return address


def parse_network(text: bytes) -> Network | None:
    """`addr` or `addr/bits`; None if it is neither."""
    address_text, slash, bits_text = text.partition(b"/")
    width, address = 32, _parse_v4(address_text)
    if address is None:
        width, address = 128, _parse_v6(address_text)
    if address is None:
        return None
    bits: int | None = width
    if slash:
        bits = _java_int(bits_text)
    if bits is None or not 0 <= bits <= width:
        return None
    return Network(width, bits, address >> width - bits)


def contains(network: Network, address: Network) -> bool:
    """Whether *address*, a network of one, lies in *network*. A v4-mapped v6 address counts as v4."""
    width, number = address.width, address.prefix
    if width == 128 and network.width == 32 and number >> 32 == 0xFFFF:
        width, number = 32, number & 0xFFFFFFFF
    return width == network.width and number >> width - network.bits == network.prefix
