"""The load generator notices what is wrong: a bench whose client is blind measures nothing."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from bench.check_zkload import FAULTS, FakeServer, check
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


async def output_of(zkload: Path, fake: FakeServer, *arguments: str) -> tuple[int | None, list[str], str]:
    """(exit code, lines, complaints) of zkload."""
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        str(zkload), "--hosts", f"127.0.0.1:{port}", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await process.communicate()
    server.close()
    await asyncio.gather(*filter(None, fake.serving))
    return process.returncode, out.decode().splitlines(), err.decode()


def test_a_read_behind_a_sync_is_one_operation_and_is_checked(zkload: Path) -> None:
    load = ("--op", "sync-get", "--conns", "2", "--window", "5", "--keys", "20", "--duration", "0.3", "--warmup", "0")
    fake = FakeServer("none")

    code, lines, _ = asyncio.run(output_of(zkload, fake, *load))
    result = json.loads(lines[0])
    assert (code, result["errors"]) == (0, 0)
    assert 0 < result["ops"] <= fake.gets

    code, _, complaints = asyncio.run(output_of(zkload, FakeServer("wrong_value"), *load))
    assert code == 1
    assert "not the value that was written" in complaints


def test_sessions_and_watches_are_held_from_the_word_on(zkload: Path) -> None:
    held = ("--hold", "--conns", "3", "--watches", "2", "--duration", "0.2")

    code, lines, _ = asyncio.run(output_of(zkload, FakeServer("none"), *held))

    assert (code, lines[0]) == (0, "held")
    assert json.loads(lines[1])["watches"] == 2


def test_abandoned_sessions_are_left_to_expire(zkload: Path) -> None:
    abandoned = ("--hold", "--abandon", "--conns", "3", "--duration", "1")

    code, lines, _ = asyncio.run(output_of(zkload, FakeServer("none"), *abandoned))

    assert code == 0
    assert json.loads(lines[0])["errors"] == 0


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
