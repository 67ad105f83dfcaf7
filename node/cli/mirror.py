"""`corral mirror`: one ensemble follows another through the client protocol, until clients move over."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

import click

from node.cli.errors import EXIT_CODES, EXIT_FAILED, Failure, refusals_shown
from node.cli.mirroring.apply import Done
from node.cli.mirroring.contents import Tree, read_tree
from node.cli.mirroring.counters import RAISE_MAX, behind, raise_counter
from node.cli.mirroring.following import Mirror
from node.cli.mirroring.plan import make_plan, only_in_target
from node.cli.shell.client import Client
from node.cli.shell.paths import PATH
from node.cli.shell.target import Credentials, Target, credential_options
from node.cli.waterfall import harmless
from node.processes.loop import EXIT_REFUSED

_SHOWN: Final = 10
_CANNOT: Final = (
    "not carried over by a mirror: Stats (zxids, times, versions), ephemerals and sessions, which znodes are "
    "containers or have a TTL, what lies below /zookeeper")


@click.command(epilog=EXIT_CODES)
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
@click.option("--path", "top", type=PATH, default="/", show_default=True, help="Only this znode and those below it.")
@click.option("--once", is_flag=True, help="Copy what differs, compare, and end: the last step before clients "
              "move over.")  # fmt: skip
@click.option("--compare", is_flag=True, help="Only say what differs; nothing is written.")
@click.option("--delete", "deletes", is_flag=True, help="Delete what only TARGET has.")
@click.option("--counters", type=click.Choice(["numbered", "all", "none"]), default="numbered", show_default=True,
              help="With --once: whose sequence counters are raised to the source's: of znodes that have children with "
              "numbers, of all, of none.")  # fmt: skip
@click.option("--every", "every_s", type=click.FloatRange(1), default=60.0, show_default=True, metavar="S",
              help="How often everything is compared, for what no watch tells.")  # fmt: skip
@credential_options("source", "SOURCE")
@credential_options("target", "TARGET")
@click.option("--json", "as_json", is_flag=True, help="JSON, one object per line.")
@refusals_shown
def mirror(
    source: str, target: str, top: str, once: bool, compare: bool, deletes: bool, counters: str, every_s: float,
    source_credentials: Credentials, target_credentials: Credentials, as_json: bool,
) -> None:
    """Keep the ensemble TARGET in step with SOURCE, a running ZooKeeper, until you interrupt it.

    Both are HOST:PORT,…[/CHROOT]; either may be Corral or ZooKeeper. Nobody else should write to TARGET meanwhile.
    Values and ACLs are carried over; to see and to set all of them, be a super user on both sides. Then, with the
    writers stopped: --once, which ends with 0 only if both are the same. docs/migration.md is the whole way.

    \b
    Examples:
      corral mirror zk1:2181,zk2:2181 corral1:2181 --source-auth digest:super:secret
      corral mirror zk1:2181 corral1:2281 --target-ca ca.pem --target-sasl digest-md5:super:secret
      corral mirror zk1:2181 corral1:2181 --once
      corral mirror zk1:2181/app corral1:2181/app --compare --json
    """
    if compare and (once or deletes):
        raise click.UsageError("--compare writes nothing: no --once, no --delete")
    with _clients(
        Target(source, credentials=source_credentials), Target(target, credentials=target_credentials)) as (one, two):
        if not compare:
            _refuse_foreign(one, two, top, deletes=deletes)
        say = _Says(as_json=as_json)
        if compare:
            _compare(say, Mirror(one, two, top, deletes=False))
        following = Mirror(one, two, top, deletes=deletes)
        if once:
            _once(following, say, counters)
        say.line({"event": "mirroring", "path": top}, f"{_CANNOT}\nmirroring {top}; Ctrl-C ends it")
        try:
            following.follow(say.done, say.problem, every_s=every_s)
        except KeyboardInterrupt:
            say.line({"event": "ended"}, "ended; `corral mirror … --once` makes sure of what came last")


@contextmanager
def _clients(source: Target, target: Target) -> Iterator[tuple[Client, Client]]:
    one = Client(source)
    try:
        two = Client(target)
        try:
            yield one, two
        finally:
            two.close()
    finally:
        one.close()


def _refuse_foreign(source: Client, target: Client, top: str, *, deletes: bool) -> None:
    """A target with znodes of its own may well be the wrong one.  Raises Failure."""
    if deletes:
        return
    foreign = only_in_target(read_tree(source, top), read_tree(target, top))
    if foreign:
        raise Failure(
            f"{len(foreign)} znodes are only in the target: {_some(foreign)} — if SOURCE and TARGET are not mixed up, "
            "--delete makes the target as the source is", exit_code=EXIT_REFUSED)


def _once(following: Mirror, say: "_Says", counters: str) -> None:
    """Ends the process."""
    source, _, done = following.copy_all()
    say.done("all", done)
    raised = _raise_counters(following, source, counters, say) if counters != "none" else 0
    _compare(say, following, refused=done.refused, raised=raised)


def _raise_counters(following: Mirror, source: Tree, counters: str, say: "_Says") -> int:
    target = read_tree(following.target, following.top)
    raised = 0
    for path, by in behind(source, target, everywhere=counters == "all").items():
        if by > RAISE_MAX:
            say.problem(f"{path}: its counter is {by} behind; that many are not made up for: numbers will come again")
            continue
        raise_counter(following.target, path, by)
        raised += 1
    return raised


def _compare(
    say: "_Says", mirror: Mirror, *, refused: Mapping[str, str] = MappingProxyType({}), raised: int = 0,
) -> None:
    """Ends the process: with 0 where both are the same."""
    source, target = read_tree(mirror.source, mirror.top), read_tree(mirror.target, mirror.top)
    plan, hidden = make_plan(source, target, deletes=True), sorted(source.hidden | target.hidden)
    facts = {
        "event": "compared", "same": not plan.count and not hidden, "missing": list(plan.creates),
        "other_values": list(plan.values), "other_acls": list(plan.acls), "only_in_target": plan.deletes,
        "blocked": plan.blocked, "not_readable": hidden, "refused": dict(refused), "counters_raised": raised}
    say.line(facts, "\n".join(_sentences(facts)))
    sys.exit(0 if facts["same"] else EXIT_FAILED)


def _sentences(facts: dict[str, Any]) -> list[str]:
    named = (
        ("missing", "only in the source"), ("other_values", "with other values"), ("other_acls", "with other ACLs"),
        ("only_in_target", "only in the target"), ("blocked", "behind an ephemeral of the target's"),
        ("not_readable", "not readable, with their ACLs: be a super user (--source-auth, --target-auth)"))
    lines = [f"{len(facts[key])} {what}: {_some(facts[key])}" for key, what in named if facts[key]]
    lines += [f"refused: {harmless(why)}" for why in list(facts["refused"].values())[:_SHOWN]]
    if facts["counters_raised"]:
        lines.append(f"sequence counters raised: {facts['counters_raised']}")
    return [*lines, "both are the same" if facts["same"] else "they are NOT the same", _CANNOT]


def _some(paths: list[str]) -> str:
    shown = ", ".join(str(harmless(path)) for path in paths[:_SHOWN])
    return shown + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")


class _Says:
    """What happens, a line each."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def line(self, facts: dict[str, Any], text: str) -> None:
        click.echo(json.dumps(facts) if self._as_json else text)
        sys.stdout.flush()

    def done(self, compared: str, done: Done) -> None:
        facts = {"event": "copied", "compared": compared, "created": done.created, "changed": done.changed,
                 "acls": done.acls, "deleted": done.deleted, "refused": done.refused}
        what = "everything compared" if compared == "all" else "followed"
        first = next(iter(done.refused.values()), "")
        refused = f", {len(done.refused)} refused: {harmless(first)}" if first else ""
        self.line(facts, f"{time.strftime('%H:%M:%S')}  {what}: {done.created} created, {done.changed} changed, "
                         f"{done.acls} ACLs, {done.deleted} deleted{refused}")

    def problem(self, text: str) -> None:
        self.line({"event": "problem", "text": text}, f"{time.strftime('%H:%M:%S')}  {text}")
