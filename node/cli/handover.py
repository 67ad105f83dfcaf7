"""`corral handover`: another member leads from now on."""

from pathlib import Path
from typing import Final

import click

from node.cli.control import Control, leader_of, local_ensemble, run_dir_of
from node.cli.errors import EXIT_CODES, refusals_shown
from transport.messages import HandOverDone, HandOverWanted

WITHIN_S: Final = 5.0  # for a follower to have all of the log
SETTLE_S: Final = 7.0  # for the new leader


@click.command(epilog=EXIT_CODES)
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--to", type=click.IntRange(1, 254), metavar="ID", help="Who is to lead.  [default: whoever can at once]")
@click.option("--data", type=click.Path(path_type=Path), help="A local ensemble's directory.")
@refusals_shown
def handover(config: Path | None, to: int | None, data: Path | None) -> None:
    """Have another member lead, without an election: writes wait for some tens of milliseconds.

    CONFIG is the zoo.cfg of the member that leads; run it on that machine, as the member's user. Without it, whoever
    leads the last local `corral up` hands over. No client loses its connection, and no request is lost.

    \b
    Examples:
      corral handover /etc/corral/main/zoo.cfg
      corral handover /etc/corral/main/zoo.cfg --to 2
      corral handover --data ./run
    """
    with Control(run_dir_of(config) if config else _leaders_run_dir(data)) as control:
        done = control.ask(HandOverWanted(to or 0, int(WITHIN_S * 1000)), within_s=WITHIN_S + SETTLE_S)
        assert isinstance(done, HandOverDone)
    click.echo(f"member {done.leader} leads, epoch {done.epoch}; it took {done.took_ms:.0f} ms")


def _leaders_run_dir(data: Path | None) -> Path:
    ensemble = local_ensemble(data)
    return ensemble.run_dir(ensemble.member(leader_of(ensemble)))
