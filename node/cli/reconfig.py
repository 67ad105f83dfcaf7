"""`corral reconfig`: who the members are, and others from now on."""

import json
from pathlib import Path
from typing import Final

import click

from node.cli.control import Control, leader_of, local_ensemble, run_dir_of
from node.cli.errors import EXIT_CODES, Failure, refusals_shown
from node.tree.reconfig import BadServersError, changed_servers
from transport.messages import MembersAre, MembersWanted, Message, NewMembersWanted

ANSWER_S: Final = 5.0
WITHIN_S: Final = 30.0  # for a quorum of those before and of those after


@click.command(epilog=EXIT_CODES)
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--add", "adding", multiple=True, metavar="SERVER",
              help="A server line as in zoo.cfg; of a member that is there already, its new one. May be repeated.")
@click.option("--remove", "removing", multiple=True, type=click.IntRange(1, 254), metavar="ID", help="May be repeated.")
@click.option("--check", is_flag=True, help="Say what would be changed, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--data", type=click.Path(path_type=Path), help="A local ensemble's directory.")
@refusals_shown
def reconfig(
    config: Path | None, adding: tuple[str, ...], removing: tuple[int, ...], check: bool, as_json: bool,
    data: Path | None,
) -> None:
    """Show the members as they stand in the log, or change them while the ensemble serves.

    CONFIG is the zoo.cfg of a member on this machine; to change something, of the one that leads. Run it as the
    member's user. Without it, whoever leads the last local `corral up` is asked. It needs no client and no password;
    reconfigEnabled, which is for clients, need not be set.

    All that is asked for comes at once or not at all. A new member has to run already, and to have the history; one
    that leaves runs on and is to be stopped afterwards. Asked for again, it changes nothing.

    \b
    Examples:
      corral reconfig /etc/corral/main/zoo.cfg
      corral reconfig /etc/corral/main/zoo.cfg --add 'server.4=zk4:2888:3888;2181' --add 'server.5=zk5:2888:3888;2181'
      corral reconfig /etc/corral/main/zoo.cfg --remove 5 --check
    """
    with Control(run_dir_of(config) if config else _leaders_run_dir(data)) as control:
        before = _members(control.ask(MembersWanted(), within_s=ANSWER_S))
        servers = _wanted(before, adding, removing)
        is_changed = servers != before.servers
        after = before
        if is_changed and not check:
            after = _members(control.ask(NewMembersWanted(before.version, servers), within_s=WITHIN_S))
    if as_json:
        _show_json(after, servers if check else after.servers, is_changed)
        return
    _show(before, servers)
    if adding or removing:
        click.echo("unchanged" if not is_changed else "would be changed" if check else "changed")


def _wanted(before: MembersAre, adding: tuple[str, ...], removing: tuple[int, ...]) -> dict[int, str]:
    joining, leaving = ",".join(adding), ",".join(map(str, removing))
    try:
        return changed_servers(before.servers, joining.encode(), leaving.encode())
    except (BadServersError, ValueError) as error:
        raise Failure(
            f"--add {joining}: {error}: a line is server.ID=HOST:QUORUM_PORT:ELECTION_PORT;CLIENT_PORT, and no two "
            "members have the same address") from None


def _members(answer: Message) -> MembersAre:
    assert isinstance(answer, MembersAre)
    return answer


def _show_json(members: MembersAre, servers: dict[int, str], is_changed: bool) -> None:
    click.echo(json.dumps({
        "version": members.version, "servers": servers, "voters": members.voters, "changed": is_changed}))


def _show(before: MembersAre, servers: dict[int, str]) -> None:
    for member in sorted({*before.servers, *servers}):
        line = servers.get(member)
        mark = "-" if line is None else " " if before.servers.get(member) == line else "+"
        click.echo(f"{mark} server.{member}={before.servers[member] if line is None else line}")


def _leaders_run_dir(data: Path | None) -> Path:
    ensemble = local_ensemble(data)
    return ensemble.run_dir(ensemble.member(leader_of(ensemble)))
