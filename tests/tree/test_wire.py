"""The ints of requests, which compiled code reads byte by byte, against struct."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.tree.wire import int_at
from transport.jute import LengthError


@given(st.integers(-2**31, 2**31 - 1), st.binary(max_size=5), st.binary(max_size=5))
def test_an_int_is_read_as_it_was_packed_wherever_it_stands(number: int, before: bytes, after: bytes) -> None:
    assert int_at(before + struct.pack(">i", number) + after, len(before)) == number


@given(st.binary(max_size=8), st.integers(0, 9))
def test_an_int_that_its_record_cuts_off_is_refused(record: bytes, left: int) -> None:
    with pytest.raises(LengthError):
        int_at(record, max(len(record) - 3, 0) + left)
