"""session, connect, close, sync, version."""

import re
from dataclasses import replace
from importlib.metadata import version as version_of
from typing import Any, Final

import click

from node.cli.shell import requests
from node.cli.shell.paths import PATH
from node.cli.shell.servers import ask_each
from node.cli.shell.shell import Shell, command, pass_shell
from node.cli.waterfall import harmless

_CONNECTION: Final = re.compile(r"^ /(?P<address>.*?)\[\d+\]\((?P<fields>.*)\)$")


@command("session")
@click.option("--all", "is_all", is_flag=True, help="The connections of all servers, by their word cons.")
@pass_shell
def session(shell: Shell, is_all: bool) -> None:
    """Show this session: its id, server, timeout, who you are, and its ephemeral znodes.

    \b
    Examples:
      session
      session --all                 who is connected to which server, and how much he asks
    """
    if is_all:
        _all(shell)
        return
    client = shell.client
    ephemerals = [client.own(each) for each in client.call(requests.own_ephemerals(client.whole("/")))]
    users = client.call(requests.who_am_i())
    value: dict[str, Any] = {
        "id": f"0x{client.session_id % (1 << 64):x}", "password": client.password.hex(), "state": client.state,
        "server": client.server, "servers": client.target.servers, "timeout_ms": client.timeout_ms,
        "identities": [{"scheme": scheme, "user": user} for scheme, user in users], "ephemerals": ephemerals}
    shell.output.answer(value, [
        f"session   {value['id']}", f"state     {client.state}",
        f"server    {client.server or '(none)'} of {client.target.servers}",
        f"timeout   {client.timeout_ms / 1000:g} s asked for",
        f"as        {', '.join(f'{scheme}:{user}' for scheme, user in users) or '(nobody)'}",
        f"ephemeral {', '.join(ephemerals) or '(none)'}"])


def _all(shell: Shell) -> None:
    rows = []
    for server, answer in ask_each(shell.client.target, b"cons").items():
        if isinstance(answer, str):
            shell.output.remark(f"{server}: {answer}")
        else:
            rows += [{"server": server, **row} for row in connections(answer.decode(errors="replace"))]
    _draw(shell, rows)


def _draw(shell: Shell, rows: list[dict[str, Any]]) -> None:
    rows.sort(key=lambda row: -row["received"])
    shell.output.answer(rows, [
        f"{'SESSION':<20} {'CLIENT':<26} {'SERVER':<22} {'TIMEOUT':>7} {'RECEIVED':>9} {'SENT':>9} {'QUEUED':>6}",
        *(harmless(_line(row)) for row in rows)])


def _line(row: dict[str, Any]) -> str:
    return (f"{row['session'] or '-':<20} {row['client']:<26} {row['server']:<22} "
            f"{(row['timeout_ms'] or 0) / 1000:>5g} s {row['received']:>9,} {row['sent']:>9,} {row['queued']:>6}")


def connections(text: str) -> list[dict[str, Any]]:
    """What the four-letter word cons says, a row for each client that has a session or is about to."""
    rows = []
    for line in text.splitlines():
        if (match := _CONNECTION.match(line)) is None:
            continue
        fields = dict(part.partition("=")[::2] for part in match["fields"].split(","))
        rows.append({
            "client": match["address"], "session": fields.get("sid"), "received": int(fields.get("recved", 0)),
            "sent": int(fields.get("sent", 0)), "queued": int(fields.get("queued", 0)),
            "timeout_ms": int(fields["to"]) if "to" in fields else None, "last": fields.get("lop"),
            "last_response_ms": int(fields["lresp"]) if "lresp" in fields else None,
            "latency_max_ms": int(fields["maxlat"]) if "maxlat" in fields else None})
    return rows


@command("connect")
@click.argument("servers", required=False, default="")
@pass_shell
def connect(shell: Shell, servers: str) -> None:
    """Begin a new session, with the same servers or others.

    \b
    Examples:
      connect
      connect zk1:2181,zk2:2181/app
    """
    shell.reconnect(servers)
    shell.cwd = "/"
    shell.output.answer({"session": f"0x{shell.client.session_id % (1 << 64):x}"}, [])


@command("close")
@pass_shell
def close(shell: Shell) -> None:
    """End the session; its ephemeral znodes go. The next command begins a new one."""
    shell.close()
    shell.output.answer({"closed": True}, [])


@command("sync")
@click.argument("path", type=PATH, default="/")
@pass_shell
def sync(shell: Shell, path: str) -> None:
    """Wait until this server has all that was written before: what is read after it is no older.

    \b
    Example:
      sync /app
    """
    shell.client.call(requests.sync(shell.client.whole(path)))
    shell.output.answer({"path": path}, "Sync is OK")


@command("version")
@pass_shell
def version(shell: Shell) -> None:
    """Versions of this shell, and of the server as its word srvr says it."""
    server, target = shell.client.server, shell.client.target
    by_address = replace(target.credentials, any_host=True)  # a certificate names the host
    answer: bytes | str = "not connected"
    if server:
        answer = ask_each(replace(target, servers=server, credentials=by_address), b"srvr").get(server, "no answer")
    said = answer if isinstance(answer, str) else answer.decode(errors="replace").partition("\n")[0]
    name = said.removeprefix("Zookeeper version: ")
    shell.output.answer({"shell": version_of("corral"), "server": name}, [
        f"corral sh {version_of('corral')}", f"server {server}: {name}"])
