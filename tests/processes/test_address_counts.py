"""Connections per address, counted by several processors together."""

from pathlib import Path

import pytest

from node.processes.address_counts import AddressCounts, prefix_of


def counts(run_dir: Path, processors: int) -> list[AddressCounts]:
    return [AddressCounts(run_dir, index=i, processors=processors) for i in range(processors)]


@pytest.mark.parametrize("processors", [1, 2, 3])
def test_each_sees_the_connections_of_all(tmp_path: Path, processors: int) -> None:
    all_counts = counts(tmp_path, processors)

    seen = [each.opened("10.0.0.1") for each in all_counts * 2]

    assert seen == list(range(1, 2 * processors + 1))
    assert all_counts[0].opened("10.0.0.2") == 1


def test_what_has_closed_no_longer_counts(tmp_path: Path) -> None:
    first, second = counts(tmp_path, 2)
    first.opened("::1")
    second.opened("::1")

    first.closed("::1")

    assert second.opened("::1") == 2
    assert first.opened("::1") == 3


def test_a_processor_that_starts_again_holds_none(tmp_path: Path) -> None:
    first, second = counts(tmp_path, 2)
    first.opened("10.0.0.1")
    second.opened("10.0.0.1")

    AddressCounts(tmp_path, index=1, processors=2)

    assert first.opened("10.0.0.1") == 2


@pytest.mark.parametrize(("address", "prefix"), [
    ("10.1.2.3", "10.1.2.0/24"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("", "")])
def test_an_addresss_network_has_as_many_bits_as_the_limit_says(address: str, prefix: str) -> None:
    assert prefix_of(address, v4_bits=24, v6_bits=64) == prefix
