"""`corral keys`: CURVE pairs, the allow-list and the ensemble's secret."""

import json
import sys
from pathlib import Path

import click
import msgspec

from node.cli.errors import EXIT_CODES, refusals_shown
from node.config.member import MEMBER_ID_MAX
from node.config.read import load_config
from node.keys import (
    allow_member,
    allow_only,
    init_ensemble,
    join_ensemble,
    load_keys,
    make_keys,
    renew_keys,
)

_config = click.argument("config", type=click.Path(path_type=Path))


@click.group()
def keys() -> None:
    """Make and show the keys by which members know each other, and encrypt what they say.

    \b
    On one machine, or with all files at hand:
      corral keys init m1/zoo.cfg m2/zoo.cfg m3/zoo.cfg
    On several machines:
      host1$ corral keys init /etc/corral/zoo.cfg
      host2$ corral keys init /etc/corral/zoo.cfg --join ensemble.json   (copied from host 1)
      host3$ corral keys init /etc/corral/zoo.cfg --join ensemble.json   (copied from host 2)
      then host 3's ensemble.json over that of hosts 1 and 2, or `corral keys add` there

    \b
    Examples:
      corral keys init /etc/corral/zoo.cfg
      corral keys add /etc/corral/zoo.cfg 3 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'
      corral keys show /etc/corral/zoo.cfg
    """


@keys.command(epilog=EXIT_CODES)
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...",
                type=click.Path(path_type=Path))  # fmt: skip
@click.option("--join", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE",
              help="ensemble.json of a member of the ensemble, - for stdin; else a new one is made.")  # fmt: skip
@click.option("--replace", is_flag=True, help="With --join: the ensemble has run before, and this "
              "member has lost its data. It gets them from the others.")  # fmt: skip
@refusals_shown
def init(configs: tuple[Path, ...], join: Path | None, replace: bool) -> None:
    """Make the keys of the members CONFIG, and mark their data directories as new.

    \b
    Examples:
      corral keys init /etc/corral/zoo.cfg
      corral keys init /etc/corral/zoo.cfg --join ensemble.json
    """
    loaded = [load_config(path).config for path in configs]
    if join is None:
        if replace:
            raise click.UsageError("--replace goes with --join")
        init_ensemble(loaded)
    else:
        text = sys.stdin.buffer.read() if join == Path("-") else None
        for config in loaded:
            join_ensemble(config, join, is_new=not replace, text=text)
            join, text = config.keys_dir / "ensemble.json", None
    for config in loaded:
        public = load_keys(config).public.decode()
        click.echo(f"member {config.id}: {public}   in {config.keys_dir}")
        if len(loaded) < len(config.members):
            click.echo(f"on the others: corral keys add CONFIG {config.id} '{public}'")


# A key may begin with a dash.
@keys.command(epilog=EXIT_CODES, context_settings={"ignore_unknown_options": True})
@_config
@click.argument("member_id", metavar="ID", type=click.IntRange(1, MEMBER_ID_MAX))
@click.argument("public", metavar="PUBLIC_KEY")
@refusals_shown
def add(config: Path, member_id: int, public: str) -> None:
    """Let in member ID with PUBLIC_KEY; a running member notices by itself.

    \b
    Example:
      corral keys add /etc/corral/zoo.cfg 3 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'
    """
    allow_member(load_config(config).config, member_id, public)


@keys.command(epilog=EXIT_CODES, context_settings={"ignore_unknown_options": True})
@_config
@click.argument("listed", metavar="JSON")
@refusals_shown
def allow(config: Path, listed: str) -> None:
    """Let in the members of JSON, {"ID": "PUBLIC_KEY", ...}, and nobody else; a running member notices by itself.

    \b
    Example:
      corral keys allow /etc/corral/main/zoo.cfg "$(cat members.json)"
    """
    try:
        members = msgspec.json.decode(listed, type=dict[int, str])
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"not an object of member ids and public keys: {error}", param_hint="JSON") from None
    click.echo("changed" if allow_only(load_config(config).config, members) else "unchanged")


@keys.command(epilog=EXIT_CODES)
@_config
@refusals_shown
def renew(config: Path) -> None:
    """Make a new pair for the member CONFIG. It counts from the member's next start on.

    Let it in on the others first, then restart this member.

    \b
    Example:
      host1$ corral keys renew /etc/corral/main/zoo.cfg
      host2$ corral keys add /etc/corral/main/zoo.cfg 1 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'
      host3$ corral keys add /etc/corral/main/zoo.cfg 1 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'
      host1$ systemctl restart corral@main.target
    """
    loaded = load_config(config).config
    public = renew_keys(loaded)
    click.echo(f"on the others: corral keys add CONFIG {loaded.id} '{public}'")


@keys.command(epilog=EXIT_CODES)
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("members", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1, MEMBER_ID_MAX))
@click.option("--renew", "renewed", multiple=True, type=click.IntRange(1, MEMBER_ID_MAX), metavar="ID",
              help="Make a new pair for it, in place of the one that it has. May be repeated.")  # fmt: skip
@refusals_shown
def make(directory: Path, members: tuple[int, ...], renewed: tuple[int, ...]) -> None:
    """Make keys of all members in one place, DIRECTORY/ID/, from where they are copied to the hosts.

    Members that have theirs there keep them, save by --renew. The copy is corral.keys of the member's zoo.cfg.

    \b
    Examples:
      corral keys make secrets/prod 1 2 3
      corral keys make secrets/prod 1 2 3 --renew 2
    """
    strange = sorted({*renewed} - {*members})
    if strange:
        raise click.UsageError(f"--renew {strange[0]}: name all members of the ensemble, this one among them")
    click.echo("made" if make_keys(directory, members, renewed) else "unchanged")


@keys.command(epilog=EXIT_CODES)
@_config
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@refusals_shown
def show(config: Path, as_json: bool) -> None:
    """Show the ensemble's id and every member's public key; never a secret.

    \b
    Example:
      corral keys show /etc/corral/zoo.cfg
    """
    own = load_keys(load_config(config).config)
    members = {i: public.decode() for i, public in own.allowed.items()}
    if as_json:
        shown = {"ensemble": own.ensemble, "member": own.member, "members": members}
        click.echo(json.dumps(shown))
        return
    click.echo(f"ensemble {own.ensemble}")
    for member_id, public in members.items():
        click.echo(f"{member_id:>3}  {public}{'   this member' if member_id == own.member else ''}")
