"""The servers of a connect string, asked one by one by four-letter words."""

import time
from typing import Final

from node.cli.asking import exchange, reason_of
from node.cli.shell.target import Target
from node.config.address import Address, parse_address

DEFAULT_PORT: Final = 2181
_ANSWER_S: Final = 5.0


def addresses(servers: str) -> list[Address]:
    """Of host:port,…/chroot.  Raises ValueError: it is none."""
    found = []
    for text in servers.partition("/")[0].split(","):
        host = text.strip()
        has_port = host.rpartition(":")[2].isdigit() and not host.endswith("]") and host.count(":") > 0
        found.append(parse_address(host if has_port else f"{host}:{DEFAULT_PORT}"))
    return found


def ask_each(target: Target, word: bytes) -> dict[str, bytes | str]:
    """The answer of each, by its address; why there is none, as a str."""
    found: dict[str, bytes | str] = {}
    tls = target.credentials.tls_context()
    for address in addresses(target.servers):
        try:
            answer = exchange(address, word, time.monotonic() + _ANSWER_S, tls=tls)
        except OSError as error:
            found[str(address)] = f"no answer: {reason_of(error)}"
            continue
        if b"not in the whitelist" in answer:
            found[str(address)] = f"{word.decode()} is not in its 4lw.commands.whitelist"
        else:
            found[str(address)] = answer or f"it does not know the word {word.decode()}"
    return found
