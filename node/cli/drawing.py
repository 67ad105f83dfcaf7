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


def draw_members(rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    is_local = any(row.running for row in rows)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("ID", "ROLE", "EPOCH", "ZXID", "LAG", "CONNECTIONS", "UPTIME", "CLIENTS"):
        table.add_column(name, justify="left" if name in {"ROLE", "CLIENTS"} else "right")
    if is_local:
        table.add_column("METRICS")
        table.add_column("PROCESSES (PID)")
    for row in rows:
        table.add_row(*_cells(row, is_local=is_local))
    console.print(table)


def _cells(row: Row, *, is_local: bool) -> list[str]:
    status = row.status
    colour = _COLOURS.get(status.role, "red")
    role = f"[{colour}]{status.role}[/{colour}]" + (f" ({status.why})" if status.why else "")
    zxid = "-" if status.counter is None else f"{status.epoch}:{status.counter}"
    cells = [_text(status.id), role, _text(status.epoch), zxid, _text(status.lag)]
    cells += [_text(status.connections), _duration(status.uptime_s), _escaped(status.address)]
    if is_local:
        running = row.running
        cells.append(_escaped(running.metrics) if running else "-")
        names = [f"{p.name} {p.pid or 'restarting'}" for p in running.processes] if running else []
        cells.append(", ".join(names) or "-")
    return cells


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
