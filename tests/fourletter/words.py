"""Four-letter words as text, and what two servers' answers have in common."""

import re

from tests.corral import Servers
from tests.waiting import wait_until
from tests.wire_connection import Address, four_letter

MASKS = (
    (re.compile(r"(Zookeeper version: |zookeeper\.version=|zk_version\t).*"), r"\1VERSION"),
    (re.compile(r"expire at .*:"), "expire at TIME:"),
    (re.compile(r"(dataDir|dataLogDir)=.*"), r"\1=PATH"),
    (re.compile(r"0x[0-9a-f]+"), "0xN"),
    (re.compile(r"\[[0-9a-f:.]+\]|\d+\.\d+\.\d+\.\d+"), "ADDRESS"),
    (re.compile(r"lop=\w+"), "lop=OP"),
    (re.compile(r"-?\d+(\.\d+)?"), "N"),
)


def ask(address: Address, word: str) -> str:
    return four_letter(address, word)


def shape(answer: str) -> str:
    """The answer with everything that differs from server to server masked."""
    for pattern, mask in MASKS:
        answer = pattern.sub(mask, answer)
    return answer


def rows(answer: str, separator: str) -> dict[str, str]:
    """Name to value of the lines that have both."""
    return dict(line.split(separator, 1) for line in answer.splitlines() if separator in line)


def wait_for_modes(servers: Servers) -> None:
    """Until each member says leader, follower or standalone."""
    for address in servers.addresses:
        wait_until(
            lambda address=address: "Mode: " in ask(address, "srvr"),  # type: ignore[misc]
            seconds=60,
            what=f"{servers.name} at {address} serves",
        )
