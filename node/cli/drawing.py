"""The table of members, for a terminal; rich is loaded only where it draws."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from node.cli.asking import MemberStatus
from node.running import RunningMember

PLAIN_WIDTH = 200  # where the output is no terminal, nothing is cut off
_COLOURS = {"leader": "bold green", "follower": "green", "observer": "cyan", "looking": "yellow"}


@dataclass(frozen=True, slots=True)
class Row:
    """One member: what it says, and what this machine knows of its processes, if it runs here."""

    status: MemberStatus
    running: RunningMember | None = None


def draw_health(rows: Sequence[Row]) -> None:
    """How each member does: what `status` shows."""
    _draw(
        ("ID", "ROLE", "EPOCH", "ZXID", "LAG", "CONNECTIONS", "UPTIME", "CLIENTS"),
        [_health(row.status) for row in rows],
    )


def draw_places(rows: Sequence[Row]) -> None:
    """Where each member is: what `up` shows."""
    _draw(("ID", "ROLE", "CLIENTS", "METRICS", "PROCESSES (PID)"), [_places(row) for row in rows])


def _draw(names: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=name in {"ID", "CLIENTS", "METRICS"})
    for line in lines:
        table.add_row(*line)
    console.print(table)


def _health(status: MemberStatus) -> list[str]:
    zxid = "-" if status.counter is None else f"{status.epoch}:{status.counter}"
    cells = [_text(status.id), _role(status), _text(status.epoch), zxid, _text(status.lag)]
    return [*cells, _text(status.connections), _duration(status.uptime_s), _escaped(status.address)]


def _places(row: Row) -> list[str]:
    cells = [_text(row.status.id), _role(row.status), _escaped(row.status.address)]
    if row.running is None:
        return [*cells, "-", "-"]
    names = [f"{p.name}={p.pid or 'restarting'}" for p in row.running.processes]
    return [*cells, _escaped(row.running.metrics), ", ".join(names)]


def _role(status: MemberStatus) -> str:
    colour = _COLOURS.get(status.role, "red")
    return f"[{colour}]{status.role}[/{colour}]" + (f" ({status.why})" if status.why else "")


def _escaped(address: str) -> str:
    return address.replace("[", r"\[")  # else rich takes [::1] for a style


def _text(value: object) -> str:
    return "-" if value is None else str(value)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d{hours}h"
    if hours:
        return f"{hours}h{minutes}m"
    return f"{minutes}m{whole % 60}s" if minutes else f"{whole}s"
