"""`corral restore-subtree`: one subtree of a backup, into an ensemble that serves."""

import json
import sys
from typing import Any

import click

from node.backup.archive import Backup, DamagedBackupError
from node.backup.remote import RemoteError
from node.cli.backup_remote import load_from
from node.cli.errors import EXIT_CODES, EXIT_FAILED, Failure, refusals_shown
from node.cli.history import text_of
from node.cli.mirroring.apply import Done, apply
from node.cli.mirroring.contents import Content, Tree, contents_above, contents_of, read_some, read_tree
from node.cli.mirroring.plan import Plan, make_plan
from node.cli.progress import progress
from node.cli.shell.client import Client
from node.cli.shell.paths import PATH
from node.cli.shell.target import Credentials, Target, credential_options
from node.cli.waterfall import harmless
from node.history.points import when
from node.processes.loop import EXIT_REFUSED
from node.storage.errors import RefusedError
from transport.zxid import show


@click.command(epilog=EXIT_CODES)
@click.argument("file", metavar="FILE|URL")
@click.argument("path", type=PATH)
@click.argument("servers", metavar="SERVERS")
@click.option("--delete", "deletes", is_flag=True, help="Delete what is there now and is not in the backup.")
@credential_options()
@click.option("--check", is_flag=True, help="Only say what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; asks nothing.")
@refusals_shown
def restore_subtree(
    file: str, path: str, servers: str, deletes: bool, credentials: Credentials, check: bool, yes: bool, as_json: bool,
) -> None:
    """Put the znode PATH of a backup, and all below it, back into the ensemble SERVERS, which goes on serving.

    SERVERS is HOST:PORT,…; PATH is whole. What differs is written as a client would: values and ACLs are those of the
    backup, Stats and versions count on, watches fire. Ephemerals are left out, as are /zookeeper and what only servers
    know: which znodes are containers or have a TTL. What is to be done is shown first. To see and to set every ACL,
    be a super user (--auth, --sasl, --cert).

    \b
    Examples:
      corral restore-subtree main.backup /app zk1:2181 --check
      corral restore-subtree s3://bucket/corral/corral-….backup /app zk1:2181
      corral restore-subtree main.backup /app/config zk1:2181,zk2:2181 --delete --auth digest:super:secret
    """
    backup, wanted, above = _wanted(file, path)
    client = Client(Target(servers, credentials=credentials))
    try:
        there = read_tree(client, path)
        missing = {each: above[each] for each in above if each not in read_some(client, above).nodes}
        wanted.nodes = missing | wanted.nodes
        plan = make_plan(wanted, there, deletes=deletes)
        facts = _facts(backup, file, path, plan, there, deletes=deletes)
        if not as_json:
            _say(facts, plan, there)
        if not (check or yes or as_json) and plan.count:
            click.confirm("Restore?", abort=True)
        done = Done() if check else apply(client, plan)
    finally:
        client.close()
    facts |= {"restored": not check and not done.refused, "refused": done.refused}
    if as_json:
        click.echo(json.dumps(facts))
    elif not check:
        _say_done(done)
    sys.exit(EXIT_FAILED if done.refused else 0)


def _wanted(file: str, path: str) -> tuple[Backup, Tree, dict[str, Content]]:
    """The subtree, and the znodes above it.  Raises Failure."""
    try:
        with progress() as shown:
            loaded = load_from(file, shown)
    except (RefusedError, DamagedBackupError, RemoteError) as error:
        raise Failure(f"nothing was restored: {error}", exit_code=EXIT_REFUSED) from None
    wanted = contents_of(loaded.state, path)
    if path not in wanted.nodes:
        raise Failure(
            f"nothing was restored: {harmless(path)} is not in the backup, or is ephemeral, or the servers' own",
            exit_code=EXIT_REFUSED)
    return loaded.backup, wanted, contents_above(loaded.state, path)


def _facts(backup: Backup, file: str, path: str, plan: Plan, there: Tree, *, deletes: bool) -> dict[str, Any]:
    header = backup.header
    return {
        "file": file, "zxid": show(header.zxid), "made": when(header.made_ms), "path": path,
        "creates": list(plan.creates), "values": list(plan.values), "acls": list(plan.acls), "deletes": plan.deletes,
        "blocked": plan.blocked, "not_readable": sorted(there.hidden), "only_there": [] if deletes else plan.left,
    }


def _say(facts: dict[str, Any], plan: Plan, there: Tree) -> None:
    click.echo(f"backup of {facts['made']}, zxid {facts['zxid']}: {harmless(facts['path'])}")
    for path, each in plan.creates.items():
        _line("+", path, text_of(each.data))
    for path, each in plan.values.items():
        _line("~", path, f"{text_of(there.nodes[path].data)} → {text_of(each.data)}")
    for path in plan.acls:
        _line("~", path, "its ACL")
    for path in plan.deletes:
        _line("-", path, "")
    for path in plan.blocked:
        _line("!", path, "an ephemeral stands there: left alone")
    for path in facts["not_readable"]:
        _line("!", path, "not readable, or its ACL is not: left alone; be a super user (--auth)")
    kept = f"; {len(facts['only_there'])} that the backup does not have stay (--delete)" if facts["only_there"] else ""
    click.echo(f"{len(plan.creates)} to create, {len(plan.values)} to change, {len(plan.acls)} ACLs, "
               f"{len(plan.deletes)} to delete{kept}")


def _line(sign: str, path: str, what: str) -> None:
    click.echo(f"{sign} {harmless(path)}  {what}".rstrip())


def _say_done(done: Done) -> None:
    for why in done.refused.values():
        click.echo(f"refused: {harmless(why)}", err=True)
    click.echo(f"done: {done.created} created, {done.changed} changed, {done.acls} ACLs, {done.deleted} deleted, "
               f"{len(done.refused)} refused")
