"""Where sockets are bound and connected: names, both families, and ipc paths. No ZeroMQ here."""

import fcntl
import os
import socket
from pathlib import Path

from transport.wiring import IPC_PATH_MAX

_WILDCARDS = ("0.0.0.0", "::", "*")
_REFUSAL_S = 0.1


class EndpointError(Exception):
    """An endpoint cannot be bound; the text names it, the reason and the cure."""


def connect_endpoints(host: str, port: int) -> list[str]:
    """Where *host* can be reached, in the resolver's order. It may block; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = dict.fromkeys(str(each[4][0]) for each in found)
    return [f"tcp://{_bracketed(address)}:{port}" for address in addresses]


def bind_endpoints(host: str, port: int, *, all_addresses: bool = False) -> list[str]:
    """What to bind for *host*: all its addresses; a wildcard of either family stands for both."""
    if not all_addresses and host not in _WILDCARDS:
        return connect_endpoints(host, port)
    has_ipv6 = Path("/proc/net/if_inet6").exists()
    return [f"tcp://[::]:{port}" if has_ipv6 else f"tcp://0.0.0.0:{port}"]


def private_directory(path: Path) -> None:
    """Make the directory of ipc sockets, mode 0700; or check that it is ours.

    Raises EndpointError.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = path.stat().st_uid
    if owner != os.getuid():
        raise EndpointError(
            f"{path} belongs to user {owner}: remove it, or set corral.runDir to another directory")
    path.chmod(0o700)


def lock_ipc_path(endpoint: str) -> int:
    """Lock *endpoint* before it is bound; the lock lasts as long as the descriptor returned.

    Binding unlinks whatever socket is there, a living process's too. Raises EndpointError.
    """
    path = endpoint.removeprefix("ipc://")
    if len(path.encode()) > IPC_PATH_MAX:
        raise EndpointError(
            f"socket path {path} is longer than {IPC_PATH_MAX} bytes: "
            "set corral.runDir to a shorter directory")
    private_directory(Path(path).parent)
    lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise EndpointError(
            f"{path} is in use by another process of this member: stop it first") from None
    return lock


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def is_refused(endpoint: str) -> bool:
    """Whether that host says, within a moment, that nobody listens at this tcp endpoint."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_REFUSAL_S):
            return False
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
