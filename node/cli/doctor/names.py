"""Whether the names of servers resolve, fast, and to what other hosts can reach."""

import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from node.cli.doctor.subject import Subject
from node.self_check.finding import Finding, Level

SLOW_S: Final = 1.0
DEADLINE_S: Final = 5.0
_NAME: Final = "names"


class Resolved(NamedTuple):
    """*why*: it has no address. *seconds*: that it took."""

    addresses: Sequence[str]
    seconds: float
    why: str = ""


def check(subject: Subject) -> list[Finding]:
    hosts = {address.host for address in subject.servers}
    for conf in subject.confs.values():
        hosts |= {_host(value) for key, value in conf.items() if key.startswith("server.")}
    return judge(hosts, resolve(sorted(host for host in hosts if not _is_address(host))))


def _host(line: str) -> str:
    return line[1:].partition("]")[0] if line.startswith("[") else line.partition(":")[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def resolve(hosts: Iterable[str]) -> dict[str, Resolved]:
    """All at once; who takes longer than DEADLINE_S has no answer."""
    answers: queue.SimpleQueue[tuple[str, Resolved]] = queue.SimpleQueue()
    wanted = list(hosts)
    for host in wanted:
        threading.Thread(target=lambda h=host: answers.put((h, _resolve(h))), daemon=True).start()
    until_s = time.monotonic() + DEADLINE_S
    found = {host: Resolved((), DEADLINE_S, f"no answer within {DEADLINE_S:g} s") for host in wanted}
    for _ in wanted:
        try:
            host, resolved = answers.get(timeout=max(until_s - time.monotonic(), 0.0))
        except queue.Empty:
            break
        found[host] = resolved
    return found


def _resolve(host: str) -> Resolved:
    begin_s = time.monotonic()
    try:
        rows = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        return Resolved((), time.monotonic() - begin_s, getattr(error, "strerror", None) or str(error))
    return Resolved(sorted({str(row[4][0]) for row in rows}), time.monotonic() - begin_s)


def judge(hosts: Iterable[str], resolved: Mapping[str, Resolved]) -> list[Finding]:
    """*hosts*: all, addresses among them."""
    found = []
    for host, each in resolved.items():
        if each.why:
            found.append(Finding(_NAME, Level.FAILURE, f"{host} has no address here: {each.why}",
                                 "put it into DNS or /etc/hosts of every host, or write addresses into zoo.cfg"))
        elif each.seconds > SLOW_S:
            found.append(Finding(_NAME, Level.WARNING, f"{host} took {each.seconds:.1f} s to resolve",
                                 "members and clients wait as long when they connect: mend DNS, or use addresses"))
    loopback = sorted(host for host, each in resolved.items() if each.addresses and all(
        ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in each.addresses))
    others = [host for host in hosts if host not in loopback and not _is_loopback(host)]
    if loopback and others:
        found.append(Finding(_NAME, Level.WARNING, f"{', '.join(loopback)} is this machine itself here, as it resolves",
                             "other hosts cannot reach it so: take the name off the loopback line of /etc/hosts"))
    return found


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_loopback
