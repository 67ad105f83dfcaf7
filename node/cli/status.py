"""`corral status`: how an ensemble does, from outside, whatever hangs."""

import json
import ssl
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from node.cli.asking import MemberStatus, ask_all
from node.cli.drawing import Row, draw_health
from node.cli.errors import EXIT_CODES, EXIT_FAILED, refusals_shown
from node.cli.local import LocalEnsemble, has_ensemble, last_directory, load_ensemble
from node.cli.shell.target import TLS_OPTIONS, Credentials, context_of, credential_options
from node.config.address import Address, parse_address

DEFAULT_SERVERS = (Address("::1", 2181), Address("127.0.0.1", 2181))
DEFAULT_PORT = 2181


@click.command(epilog=EXIT_CODES)
@click.argument("servers", nargs=-1, metavar="[SERVER]...")
@click.option("--data", type=click.Path(path_type=Path), help="A local ensemble's directory.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@credential_options(only=TLS_OPTIONS)
@refusals_shown
def status(servers: tuple[str, ...], data: Path | None, as_json: bool, credentials: Credentials) -> None:
    """Say how an ensemble does: each member's role, position, load.

    SERVER is a client address, host:port, also several with commas between them. Without one, the
    last local `corral up` is asked, else port 2181 on [::1] and 127.0.0.1. A genuine ZooKeeper
    answers too, if srvr is in its whitelist. It takes 2 s at most, whatever hangs. By TLS, SERVER is a
    secureClientPort, or a clientPort that takes both.

    \b
    Examples:
      corral status
      corral status zk1:2181,zk2:2181,zk3:2181
      corral status '[::1]:2181' --json
      corral status --ca authority.pem --cert me.pem zk1:2281,zk2:2281,zk3:2281
    """
    if credentials.uses_tls and not servers:
        raise click.UsageError("by TLS goes with SERVER: the secureClientPort of each member, as zk1:2281")
    rows, is_serving = gather(servers, data, context_of(credentials))
    if as_json:
        click.echo(json.dumps({"quorum": is_serving, "members": [row_json(r) for r in rows]}))
    else:
        draw_health(rows)
        if not is_serving:
            click.echo("no quorum serves", err=True)
    sys.exit(0 if is_serving else EXIT_FAILED)


def gather(
    servers: Sequence[str], data: Path | None, tls: ssl.SSLContext | None = None
) -> tuple[list[Row], bool]:
    """The rows, and whether a quorum serves. *tls*: for *servers*."""
    if servers:
        rows = [Row(s) for s in ask_all(_addresses(servers), tls=tls)]
    elif (directory := data or last_directory()) and (data or has_ensemble(directory)):
        rows = local_rows(load_ensemble(directory))
    else:
        rows = _first_that_answers([Row(s) for s in ask_all(DEFAULT_SERVERS)])
    statuses = with_lag([row.status for row in rows])
    return [replace(r, status=s) for r, s in zip(rows, statuses, strict=True)], serves(statuses)


def local_rows(ensemble: LocalEnsemble) -> list[Row]:
    rows = []
    for member, status in zip(ensemble.members, ask_all(ensemble.client_addresses), strict=True):
        running = ensemble.running(member)
        if running is None and status.role != "down":
            # Another ensemble's, on our ports: its health is not ours.
            status = MemberStatus(status.address, "down", why="not running; something else answers there")
        rows.append(Row(replace(status, id=member.id), running))
    return rows


def serves(statuses: Sequence[MemberStatus]) -> bool:
    """Whether a quorum serves, as far as these members can tell.

    Where all voters were asked, most of them must serve, or the leader must say that enough follow it, as votes may
    count by groups; else one that does vouches for the rest.
    """
    serving = [status for status in statuses if status.is_serving]
    voters = max((status.voters for status in statuses), default=0) or len(statuses)
    if len(statuses) < voters:
        return bool(serving)
    if sum(status.role != "observer" for status in serving) > voters // 2:
        return True
    slacks = [status.values.get("quorum_slack") for status in serving if status.role == "leader"]
    return any(slack is not None and slack >= 0 for slack in slacks)


def with_lag(statuses: Sequence[MemberStatus]) -> list[MemberStatus]:
    """The lag behind the leader in transactions, for those who do not know it themselves."""
    leader = next((s for s in statuses if s.role == "leader" and s.counter is not None), None)
    filled = []
    for status in statuses:
        if leader is None or status.lag is not None or status.epoch != leader.epoch:
            filled.append(status)
            continue
        assert leader.counter is not None
        lag = None if status.counter is None else max(0, leader.counter - status.counter)
        filled.append(replace(status, lag=lag))
    return filled


def row_json(row: Row) -> dict[str, Any]:
    status, running = row.status, row.running
    fields: dict[str, Any] = {
        **status.values,
        "id": status.id,
        "address": status.address,
        "role": status.role,
        "serving": status.is_serving,
        "epoch": status.epoch,
        "zxid_counter": status.counter,
        "lag": status.lag,
        "connections": status.connections,
        "uptime_s": status.uptime_s,
    }
    if status.why:
        fields["why"] = status.why
    if running is not None:
        fields["metrics"] = running.metrics
        fields["supervisor_pid"] = running.pid
        fields["pids"] = {process.name: process.pid for process in running.processes}
    return fields


def _addresses(servers: Sequence[str]) -> list[Address]:
    texts = [text.strip() for server in servers for text in server.split(",") if text.strip()]
    return [_address(text) for text in texts]


def _address(text: str) -> Address:
    try:
        has_port = text.rpartition(":")[2].isdigit() and not text.endswith("]")
        return parse_address(text if has_port else f"{text}:{DEFAULT_PORT}")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="SERVER") from None


def _first_that_answers(rows: list[Row]) -> list[Row]:
    """One server, two addresses: the second is not another member."""
    return next(([row] for row in rows if row.status.role != "down"), rows[:1])
