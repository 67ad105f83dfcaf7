"""`corral top` on a terminal: who is how, where time goes, who wants what."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from node.cli.top_reading import STAGES
from node.cli.waterfall import harmless

_LEVELS = {"ok": "bold green", "degraded": "bold yellow", "down": "bold red"}
_ROLES = {"leader": "bold green", "follower": "green", "observer": "cyan", "looking": "yellow"}
_WIDE = 150  # columns, from which lists stand side by side


def drawing(summary: Mapping[str, Any], *, width: int) -> RenderableType:
    pairs = [_paths(summary["paths"]), _clients(summary["clients"])]
    lists: list[RenderableType] = [Columns(pairs, expand=True, equal=True)] if width >= _WIDE else [*pairs]
    return Group(_head(summary), _members(summary["members"]), _stages(summary), *lists, _slow(summary["slow"]))


def _head(summary: Mapping[str, Any]) -> Text:
    members = summary["members"]
    text = Text(f" {summary['level']} ", style=f"{_LEVELS[summary['level']]} reverse")
    slack = summary["quorum_slack"]
    told = "quorum slack not known" if slack is None else f"quorum slack {slack}: {_slack(slack)}"
    text.append(f"  {told}", style="red" if slack == 0 and len(members) > 2 else "")
    writes = sum(each.get("writes_per_s", 0.0) for each in members)
    reads = sum(each.get("reads_per_s", 0.0) for each in members)
    text.append(f"   {rate(writes)} writes/s   {rate(reads)} reads/s", style="bold")
    for sentence in summary["sentences"]:
        text.append(f"\n  {harmless(sentence)}", style="yellow")
    return text


def _slack(slack: int) -> str:
    return "one more failure stops writes" if slack <= 0 else f"{slack} more may fail"


def _table(*names: str, right: Sequence[str] = (), last_gives_way: bool = False) -> Table:
    """*last_gives_way*: where the screen is too narrow, to all the others."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in names:
        least = None if not last_gives_way or name == names[-1] else 10
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True, overflow="ellipsis",
                         min_width=least)
    return table


def _titled(title: str, table: Table) -> Group:
    return Group(Text(title, style="bold"), table)


def _members(rows: Sequence[Mapping[str, Any]]) -> Table:
    names = ("ID", "ROLE", "EPOCH", "LAG", "CLIENTS", "WATCHES", "ZNODES", "WRITES/S", "READS/S", "WRITE P50", "P99",
             "READ P99", "FSYNC P99", "METRICS")
    table = _table(*names, right=names[2:-1])
    for row in rows:
        if "id" not in row:
            table.add_row("?", Text(row["role"], style="red"), *([""] * 11), row["server"])
            continue
        role = Text(row["role"], style=_ROLES.get(row["role"], "red"))
        if row["down"]:
            role.append(f" ({', '.join(row['down'])} down)", style="red")
        times = [seconds(row[name]) for name in ("write_p50_s", "write_p99_s", "read_p99_s", "fsync_p99_s")]
        table.add_row(
            str(row["id"]), role, str(row["epoch"]), f"{row['lag']:,}", f"{row['connections']:,}",
            f"{row['watches']:,}", f"{row['znodes']:,}", rate(row["writes_per_s"]), rate(row["reads_per_s"]), *times,
            row["server"])
    return table


def _stages(summary: Mapping[str, Any]) -> Group:
    """p99 by stage, a row for each member."""
    names = [stage.upper() for stage in STAGES]
    table = _table("MEMBER", *names, right=names)
    found = {(row["member"], row["stage"]): row["p99_s"] for row in summary["stages"]}
    worst = {stage: max((found[each] for each in found if each[1] == stage), default=0.0) for stage in STAGES}
    for member in sorted({member for member, _ in found}):
        cells = []
        for stage in STAGES:
            value = found.get((member, stage))
            is_worst = value is not None and value == worst[stage] and len(found) > len(STAGES)
            cells.append(Text(seconds(value), style="yellow" if is_worst else ""))
        table.add_row(str(member), *cells)
    return _titled("Latency by stage, p99", table)


def _paths(rows: Sequence[Mapping[str, Any]]) -> Group:
    table = _table("WRITES/S", "SHARE", "PATH", right=("WRITES/S", "SHARE"))
    for row in rows:
        table.add_row(rate(row["writes_per_s"]), f"{row['share']:.0%}", Text(harmless(row["path"])))
    return _titled("Hottest paths, by writes", table)


def _clients(rows: Sequence[Mapping[str, Any]]) -> Group:
    names = ("REQUESTS/S", "CLIENT", "MEMBER", "SESSION", "QUEUED")
    table = _table(*names, right=("REQUESTS/S", "QUEUED"))
    for row in rows:
        table.add_row(rate(row["requests_per_s"]), Text(harmless(row["client"])), str(row["member"]),
                      str(row["session"]), str(row["queued"]))
    return _titled("Biggest clients", table)


def _slow(rows: Sequence[Mapping[str, Any]]) -> Group:
    table = _table("TOOK", "ZXID", "WHAT", "WHY", right=("TOOK",), last_gives_way=True)
    for row in rows:
        write = row["write"] or {}
        what = f"{write.get('op', 'write')} {write.get('path', '')}".strip()
        table.add_row(seconds(row["total_s"]), row["zxid_text"], Text(harmless(what)),
                      Text(harmless(row["why"]), style="dim"))
    return _titled("Slowest writes of the last 15 minutes", table)


def panel(summary: Mapping[str, Any], *, width: int, interval_s: float) -> Panel:
    return Panel(drawing(summary, width=width - 4), title="corral top", border_style="dim",
                 subtitle=f"every {interval_s:g} s — q or Ctrl-C leaves", height=None)


def seconds(value: float | None) -> str:
    if value is None:
        return "–"
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if value < (1e-3 if unit == "µs" else 1.0):
            return f"{value * factor:.3g} {unit}"
    return f"{value:.3g} s"


def rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
