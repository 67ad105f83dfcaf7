"""A Stat in words: as zkCli prints it, as one line of `ls -l`, and as JSON with ZooKeeper's names."""

import time
from datetime import UTC, datetime
from typing import Any

from transport.records import Stat

_JAVA_TIME = "%a %b %d %H:%M:%S %Z %Y"


def stat_json(stat: Stat) -> dict[str, Any]:
    return {
        "czxid": stat.czxid, "mzxid": stat.mzxid, "pzxid": stat.pzxid, "ctime": stat.ctime, "mtime": stat.mtime,
        "version": stat.version, "cversion": stat.cversion, "aversion": stat.aversion,
        "ephemeralOwner": f"0x{owner(stat):x}", "dataLength": stat.data_length, "numChildren": stat.num_children}


def stat_lines(stat: Stat) -> list[str]:
    """As zkCli has them."""
    return [
        f"cZxid = 0x{stat.czxid:x}", f"ctime = {_java_time(stat.ctime)}", f"mZxid = 0x{stat.mzxid:x}",
        f"mtime = {_java_time(stat.mtime)}", f"pZxid = 0x{stat.pzxid:x}", f"cversion = {stat.cversion}",
        f"dataVersion = {stat.version}", f"aclVersion = {stat.aversion}", f"ephemeralOwner = 0x{owner(stat):x}",
        f"dataLength = {stat.data_length}", f"numChildren = {stat.num_children}"]


def owner(stat: Stat) -> int:
    """The session that it goes with, unsigned; 0: it stays."""
    return int(stat.ephemeral_owner) % (1 << 64)


def kind(stat: Stat) -> str:
    """e: ephemeral; else p, persistent: to clients containers and TTL znodes look so."""
    return "e" if stat.ephemeral_owner else "p"


def age(time_ms: int) -> str:
    """When it was, for a listing: ISO, in this machine's time."""
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _java_time(time_ms: int) -> str:
    return time.strftime(_JAVA_TIME, time.localtime(time_ms / 1000))
