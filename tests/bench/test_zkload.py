"""The load generator notices what is wrong: a bench whose client is blind measures nothing."""

import asyncio
import shutil
from pathlib import Path

import pytest

from bench.check_zkload import FAULTS, check
from bench.load import BenchError, Load, build, result_of, value_at

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None, reason="no C compiler: apt-get install gcc libc6-dev"
)


@pytest.fixture(scope="module")
def zkload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("zkload", tmp_path_factory.mktemp("zkload"))


@pytest.mark.parametrize("fault", FAULTS)
def test_zkload_tells_each_kind_of_wrong_reply(zkload: Path, fault: str) -> None:
    assert asyncio.run(check(str(zkload), fault, FAULTS[fault]))


def test_a_server_that_is_not_there_is_an_error_not_a_figure(zkload: Path) -> None:
    arguments = ("--hosts", "127.0.0.1:1", "--duration", "0.1", "--timeout", "200")

    with Load(zkload, arguments, seconds=1) as load, pytest.raises(BenchError, match="sessions"):
        load.result()


def test_an_address_of_ipv6_stands_in_brackets(zkload: Path) -> None:
    arguments = ("--hosts", "[::1]:1", "--duration", "0.1", "--timeout", "200")

    with Load(zkload, arguments, seconds=1) as load, pytest.raises(BenchError) as told:
        load.result()

    assert "[::1]:1" in str(told.value)


def test_a_figure_is_found_by_its_path() -> None:
    result = result_of(["zkload"], '{"latency_us": {"p50": 12.5}}', "", 0)

    assert value_at(result, "latency_us.p50") == 12.5
