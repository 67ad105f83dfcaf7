"""What decoding refuses, so that no number of a peer reaches code that packs it into eight bytes."""

from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from transport.messages import Ack, AckNewLeader, Commit, Message, Ping, Watermark, decode_local, decode_peer, encode


@pytest.mark.parametrize("zxid", [-1, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("make", [
    Ack, Commit, partial(AckNewLeader, zxid=5), partial(Ping, 1, 1, digest_wanted=False)],
    ids=["Ack", "Commit", "AckNewLeader", "Ping"])
def test_a_zxid_or_epoch_out_of_range_is_not_a_message(make: Callable[[int], Message], zxid: int) -> None:
    message = make(zxid)
    with pytest.raises(msgspec.ValidationError):
        decode_peer(encode(message))


def test_the_largest_zxid_is_one() -> None:
    message = Ack((1 << 63) - 1)
    assert decode_peer(encode(message)) == message


def test_processes_of_the_own_member_are_held_to_it_too() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_local(encode(Watermark(-1, 0, 0, 0)))
