"""`corral restore`: a stopped ensemble goes back to a backup, member by member."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from node.backup.archive import DamagedBackupError, Loaded
from node.backup.remote import RemoteError
from node.backup.restoring import Plan, Target, adapt, examine, make_plan, restore_member
from node.backup.wanted import forget
from node.cli.backup import when
from node.cli.backup_remote import load_from
from node.cli.errors import EXIT_CODES, Failure, refusals_shown
from node.cli.progress import progress
from node.config.read import load_config
from node.processes.broadcast import replicated_settings
from node.processes.loop import EXIT_REFUSED
from node.storage.errors import RefusedError, StorageError
from node.storage.files import RealFiles
from transport.entry import read_control
from transport.zxid import show


@click.command(epilog=EXIT_CODES)
@click.argument("file", metavar="FILE|URL")
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...", type=click.Path(path_type=Path))
@click.option("--epoch", type=int, metavar="N", help="Where the restored ensemble goes on counting, the same on every "
              "member, above every epoch that was used.  [default: the next thousand but one]")  # fmt: skip
@click.option("--replace", is_flag=True, help="Move this member's data aside; without it, a member with data is left "
              "alone.")  # fmt: skip
@click.option("--end-sessions", is_flag=True, help="End every session of the backup, and its ephemerals: no lock comes "
              "back that its holder has given up since. The same on every member.")  # fmt: skip
@click.option("--from-other-ensemble", is_flag=True, help="The backup may be of an ensemble with other keys; implies "
              "--end-sessions.")  # fmt: skip
@click.option("--check", is_flag=True, help="Only say what would be done, and what stands against it; the member may "
              "run.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--by-member", is_flag=True, hidden=True)  # its own broadcast waits, and nothing else holds its state
@click.option("--json", "as_json", is_flag=True, help="One JSON object; implies --yes.")
@refusals_shown
def restore(
    file: str, configs: tuple[Path, ...], epoch: int | None, replace: bool, end_sessions: bool,
    from_other_ensemble: bool, check: bool, yes: bool, as_json: bool, by_member: bool,
) -> None:
    """Put the state of a backup in place of what the members CONFIG, their zoo.cfg files, have.

    Every member of the ensemble must be stopped, and be restored from the same backup with the same options; then start
    them all. All writes since the backup are lost; the old data are moved aside, never deleted. Clients come back by
    themselves. A member that was not restored, or otherwise, is refused by those that were.

    \b
    Examples:
      corral restore main.backup /etc/corral/main/zoo.cfg --replace
      corral restore main.backup m1/zoo.cfg m2/zoo.cfg m3/zoo.cfg --replace --yes
      corral restore s3://bucket/corral/corral-….backup /etc/corral/main/zoo.cfg --replace
      corral restore main.backup /etc/corral/main/zoo.cfg --check --json
    """
    files = RealFiles()
    try:
        targets = [_examined(files, config, may_run=check or by_member) for config in configs]
        with progress() as shown:
            loaded = load_from(file, shown)
        plan = make_plan(
            loaded.backup.header, loaded.backup.sha256, targets, epoch=epoch,
            ends_sessions=end_sessions or from_other_ensemble, from_other_ensemble=from_other_ensemble,
            replaces=replace, settings=[replicated_settings(target.config) for target in targets],
            control=read_control(loaded.state.control))
        if not as_json:
            _say_plan(loaded, targets, plan)
        if not (check or yes or as_json):
            click.confirm("Restore?", abort=True)
        moved = {} if check else _restore(files, targets, loaded, plan, by_member=by_member)
    except (RefusedError, DamagedBackupError, RemoteError) as error:
        raise Failure(f"nothing was restored: {error}", exit_code=EXIT_REFUSED) from None
    except StorageError as error:
        raise Failure(
            f"the restoration stopped half-way: {error} — make it right, and run the same command again") from None
    if as_json:
        _say_json(loaded, targets, plan, moved, is_done=not check)
    elif not check:
        _say_done(file, targets, plan, moved)


def _restore(
    files: RealFiles, targets: list[Target], loaded: Loaded, plan: Plan, *, by_member: bool,
) -> dict[int, list[Path]]:
    """Member -> where its old data are now."""
    adapt(loaded, plan)
    for target in targets if not by_member else ():
        forget(target.config)  # what somebody asked for over HTTP is overtaken
    now = datetime.now(UTC)
    return {target.config.id: restore_member(
        files, target, loaded, plan, now, by_member=by_member) for target in targets}


def _examined(files: RealFiles, path: Path, *, may_run: bool) -> Target:
    """Raises RefusedError, KeysError, ConfigError, Failure."""
    config = load_config(path).config
    owner = config.data_dir.stat().st_uid
    if owner != os.geteuid():
        raise Failure(
            f"{config.data_dir} belongs to user {owner}, this is user {os.geteuid()}: the member could not read what "
            f"is written — run it as its owner, as in: sudo -u '#{owner}' corral restore …", exit_code=EXIT_REFUSED)
    return examine(files, config, may_run=may_run)


def _say_plan(loaded: Loaded, targets: list[Target], plan: Plan) -> None:
    header = loaded.backup.header
    local = "" if header.is_complete else " (taken with --local: it may lack the last writes before that)"
    tail = f" (the state at {header.point})" if header.point else local
    click.echo(f"backup of {when(header.made_ms)}, ensemble {header.ensemble}, zxid {show(header.zxid)}, "
               f"{header.znodes} znodes, {header.sessions} sessions{tail}")
    click.echo(f"restoration {plan.name}: the ensemble goes on at epoch {plan.epoch + 1}; voters "
               f"{', '.join(map(str, plan.voters))}" + ("; all sessions end" if plan.ends_sessions else ""))
    for target in targets:
        what = "its data are moved aside" if target.has_data else "it has no data"
        click.echo(f"member {target.config.id}: {target.config.data_dir}: {what}")
        if target.running:
            click.echo(f"member {target.config.id} runs, and has to be stopped first: {target.running}")


def _say_done(file: str, targets: list[Target], plan: Plan, moved: dict[int, list[Path]]) -> None:
    for target in targets:
        where = ", ".join(map(str, moved[target.config.id]))
        click.echo(f"member {target.config.id}: restored" + (f"; old data: {where}" if where else ""))
    others = sorted(set(targets[0].config.members) - set(moved))
    click.echo("next:")
    if others:
        options = " --end-sessions" if plan.ends_sessions else ""
        click.echo(f"  on each other member ({', '.join(map(str, others))}), from the same file:\n"
                   f"    corral restore {file} CONFIG --replace --epoch {plan.epoch}{options}")
    click.echo("  start every member, then: corral status\n"
               "  once you are sure, delete the old data")


def _say_json(
    loaded: Loaded, targets: list[Target], plan: Plan, moved: dict[int, list[Path]], *, is_done: bool,
) -> None:
    click.echo(json.dumps({
        "restored": is_done, "restoration": plan.name, "epoch": plan.epoch, "zxid": show(loaded.backup.header.zxid),
        "sha256": loaded.backup.sha256, "voters": plan.voters, "ends_sessions": plan.ends_sessions,
        "members": [{
            "id": target.config.id, "had_data": target.has_data, "highest_epoch": target.highest_epoch,
            "running": target.running,
            "moved_aside": [str(path) for path in moved.get(target.config.id, [])]} for target in targets]}))
