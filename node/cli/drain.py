"""`corral drain`: a member's clients go to others."""

from pathlib import Path
from typing import Final

import click

from node.cli.control import Control, local_ensemble, run_dir_of
from node.cli.errors import EXIT_CODES, Failure, refusals_shown
from transport.messages import DrainProgress, DrainWanted

OVER_S: Final = 5.0
SPARE_S: Final = 30.0  # beyond that, for answers that clients wait for


@click.command(epilog=EXIT_CODES)
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--undo", is_flag=True, help="Take clients again.")
@click.option("--over", "over_s", type=click.FloatRange(0, 3600), default=OVER_S, show_default=True, metavar="SECONDS",
              help="Spread the clients' leaving over that time, at most.")
@click.option("--member", "member_id", type=int, metavar="ID", help="Of a local ensemble, instead of CONFIG.")
@click.option("--data", type=click.Path(path_type=Path), help="A local ensemble's directory.")
@refusals_shown
def drain(config: Path | None, undo: bool, over_s: float, member_id: int | None, data: Path | None) -> None:
    """Move a member's clients to the other members, and leadership too; it goes on following and voting.

    CONFIG is the member's zoo.cfg; run it on its machine, as its user. New clients are turned away; those connected are
    closed one by one, each after the last answer it waits for. They find another member with their session as it is.
    It lasts until --undo, or until the member is started again. Returns once no client is left.

    \b
    Examples:
      corral drain /etc/corral/main/zoo.cfg
      corral drain /etc/corral/main/zoo.cfg --over 60
      corral drain /etc/corral/main/zoo.cfg --undo
      corral drain --member 2 --data ./run
    """
    if (config is None) == (member_id is None):
        raise click.UsageError("give either CONFIG or --member ID")
    with Control(run_dir_of(config) if config else _local_run_dir(data, member_id or 0)) as control:
        progress = _follow(control, DrainWanted(not undo, round(over_s * 1000)), over_s + SPARE_S)
    if undo:
        click.echo(f"member {control.member} takes clients again")
        return
    click.echo(f"member {control.member} is drained: no client is connected to it")
    if progress.remark:
        click.echo(progress.remark, err=True)


def _follow(control: Control, wanted: DrainWanted, within_s: float) -> DrainProgress:
    """The last word.  Raises Failure."""
    for progress in control.follow(wanted, within_s=within_s):
        assert isinstance(progress, DrainProgress)
        if progress.connections == 0:
            return progress
        if progress.connections > 0:
            click.echo(f"{progress.connections} clients left", err=True)
    raise Failure("the member has ended meanwhile")


def _local_run_dir(data: Path | None, member_id: int) -> Path:
    ensemble = local_ensemble(data)
    return ensemble.run_dir(ensemble.member(member_id))
