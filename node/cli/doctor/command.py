"""`corral doctor`: what is wrong with an ensemble, or will be."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from node.auth.errors import SecurityError
from node.cli.asking import ask_all
from node.cli.doctor.checks import CHECKS, look
from node.cli.doctor.drift import parsed
from node.cli.doctor.observing import observe, word
from node.cli.doctor.subject import Subject
from node.cli.doctor.watches import counted
from node.cli.errors import Failure, refusals_shown
from node.cli.local import has_ensemble, last_directory, load_ensemble
from node.cli.shell.client import Client
from node.cli.shell.servers import addresses
from node.cli.shell.target import Credentials, Target, context_of, credential_options
from node.cli.site import Site, Trust, site_of_member, sites_of, trust_options
from node.cli.waterfall import harmless
from node.config.problems import ConfigError
from node.self_check.finding import Finding, Level

DEFAULT_SERVERS: Final = "127.0.0.1:2181"
WATCH_S: Final = 3.0
PATIENCE_S: Final = 10.0  # longer than `status` has: a slow server is not a dead one
_STYLES: Final = {Level.WARNING: "yellow", Level.FAILURE: "red", Level.OK: "green"}

EXIT_CODES: Final = """\b
Exit codes: 0 nothing is wrong; 1 warnings: mend it before it harms; 2 failures, or wrong usage."""


@click.command(epilog=EXIT_CODES)
@click.argument("servers", nargs=-1, metavar="[SERVER]...")
@click.option("--data", type=click.Path(path_type=Path), help="A local ensemble's directory.")
@click.option("--metrics", default="", metavar="HOST:PORT,…",
              help="Metrics ports of the members, also as https://HOST:PORT.")  # fmt: skip
@click.option("--config", "configs", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="The zoo.cfg of a member on this machine.")  # fmt: skip
@credential_options(only=("auth", "sasl", "tls", "any-host"))
@click.option("--watch", "seconds", type=click.FloatRange(0, 3600), default=WATCH_S, show_default=True,
              metavar="SECONDS", help="Watch rates and silences so long.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@trust_options
@refusals_shown
def doctor(
    servers: tuple[str, ...], data: Path | None, metrics: str, configs: tuple[Path, ...],
    credentials: Credentials, seconds: float, as_json: bool, trust: Trust,
) -> None:
    """Look for what is wrong with an ensemble, or will be: members, versions, configuration that differs, names that
    do not resolve, modes of files, slow disks, clocks, processes, certificates, huge and hot znodes, sequence counters
    near their end, herds of watches, sessions near their timeout. Each finding says what was seen and what to do.

    SERVER is a client address, host:port, also several with commas between them; without one, the last local
    `corral up` is looked at, with its metrics and files. ZooKeeper's servers can be looked at, too. Nothing is changed.
    What could not be looked at is said. With --tls the client addresses are asked by TLS, too (secureClientPort), with
    the same --ca, --cert and --key as the metrics.

    \b
    Examples:
      corral doctor
      corral doctor zk1,zk2,zk3 --metrics zk1:7000,zk2:7000,zk3:7000
      corral doctor zk1 --metrics https://zk1:7000 --ca authority.pem
      corral doctor zk1:2281 --tls --ca authority.pem --cert me.pem
      corral doctor zk1:2181 --json --watch 30
      corral doctor zk1 --config /etc/corral/main/zoo.cfg
    """
    if credentials.tls:
        credentials = replace(credentials, ca=trust.ca, cert=trust.certificate, key=trust.key)
        if not servers:
            raise click.UsageError("--tls goes with SERVER: the secureClientPort of each member, as zk1:2281")
    given = ",".join(servers)
    ports = sites_of([metrics], trust)
    files = list(configs)
    if not given and (directory := data or last_directory()) and (data or has_ensemble(directory)):
        given, ports, files = _local(directory, ports, files)
    subject = _subject(given or DEFAULT_SERVERS, files)
    try:
        _open(subject, given or DEFAULT_SERVERS, credentials)
        observe(subject, ports, seconds)
        found, left_out = look(subject)
    finally:
        if subject.client is not None:
            subject.client.close()
    worst = max((finding.level for finding in found), default=Level.OK)
    if as_json:
        click.echo(json.dumps({
            "result": worst.name.lower(),
            "findings": [{"check": each.check, "level": each.level.name.lower(), "evidence": each.evidence,
                          "cure": each.cure} for each in found],
            "looked_at": [check.name for check in CHECKS if check.name not in left_out], "left_out": left_out}))
    else:
        _draw(found, left_out)
    sys.exit(int(worst))


def _local(directory: Path, ports: list[Site], files: list[Path]) -> tuple[str, list[Site], list[Path]]:
    """Connect string, metrics ports and configuration files of a local ensemble."""
    ensemble = load_ensemble(directory)
    found = []
    for member in ensemble.members:
        try:
            found.append(site_of_member(ensemble.config(member)))
        except (ConfigError, SecurityError):
            continue  # which the check of files says
    return ensemble.connect, ports or found, files or [ensemble.home(each) / "zoo.cfg" for each in ensemble.members]


def _subject(servers: str, configs: list[Path]) -> Subject:
    try:
        return Subject(addresses(servers), configs=configs)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="SERVER") from None


def _open(subject: Subject, servers: str, credentials: Credentials) -> None:
    subject.tls = context_of(credentials)
    subject.statuses = ask_all(subject.servers, PATIENCE_S, tls=subject.tls)
    confs = {str(server): word(subject, server, b"conf") for server in subject.servers}
    subject.confs = {server: parsed(text) for server, text in confs.items() if text is not None}
    watchers: dict[str, int] = {}
    for server in subject.servers:
        for path, count in counted(word(subject, server, b"wchp") or "").items():
            watchers[path] = watchers.get(path, 0) + count
    subject.watchers = watchers
    try:
        subject.client = _client(Target(servers, credentials=credentials))
    except Failure as error:
        subject.without["session"] = error.message


def _client(target: Target) -> Client:
    """One that is answered.  Raises Failure."""
    client = Client(target)
    try:
        client.exists("/")
    except Failure:
        client.close()
        raise
    return client


def _draw(found: list[Finding], left_out: dict[str, str]) -> None:
    for each in found:
        name = each.level.name if each.level is Level.FAILURE else each.level.name.lower()
        click.echo(click.style(f"{name:<8}", fg=_STYLES[each.level]) + f"{each.check:<14} {harmless(each.evidence)}")
        if each.cure:
            click.echo(f"{'':23}→ {each.cure}")
    looked = [check.name for check in CHECKS if check.name not in left_out]
    if not found:
        click.echo(click.style("ok      ", fg="green") + "nothing is wrong")
    click.echo(f"looked at: {', '.join(looked)}")
    for why in dict.fromkeys(left_out.values()):
        names = ", ".join(name for name, each in left_out.items() if each == why)
        click.echo(f"not looked at: {names} ({harmless(why)})")
