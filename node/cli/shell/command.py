"""`corral sh`: one command, a file of them, or a shell to talk with."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from node.cli.errors import EXIT_FAILED, Failure, refusals_shown
from node.cli.local import has_ensemble, last_directory, load_ensemble
from node.cli.shell.output import Output
from node.cli.shell.shell import Shell
from node.cli.shell.table import ShellCommands
from node.cli.shell.target import Credentials, Target, credential_options

DEFAULT_SERVERS: Final = "127.0.0.1:2181"

EXIT_CODES: Final = """\b
Exit codes: 0 done; 1 refused, failed, or nothing found (grep, diff);
2 wrong usage."""


class _Sh(ShellCommands):
    """Errors of kazoo's session come as text."""

    def invoke(self, ctx: click.Context) -> Any:
        return refusals_shown(super().invoke)(ctx)


@click.command(
    name="sh", cls=_Sh, invoke_without_command=True, epilog=EXIT_CODES, subcommand_metavar="[COMMAND [ARGS]...]")
@click.option("--server", "-server", "servers", metavar="HOST:PORT,…[/CHROOT]",
              help="Whom to connect to.  [default: the last local `corral up`, else 127.0.0.1:2181]")  # fmt: skip
@click.option("--timeout", "-timeout", "timeout_ms", type=click.IntRange(1), default=30000, show_default=True,
              metavar="MS", help="Session timeout that is asked for.")  # fmt: skip
@click.option("--read-only", "-r", "read_only", is_flag=True, help="A server without a quorum will do.")
@credential_options()
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text; with every command.")
@click.option("--yes", "-y", "is_yes", is_flag=True, help="Ask nothing.")
@click.option("--fail-fast", "-e", "fails_fast", is_flag=True, help="Of stdin: stop at the first line that fails.")
@click.option("-waitforconnection", "waits", is_flag=True, hidden=True, help="Taken for zkCli's sake: it always does.")
@click.pass_context
def sh(
    ctx: click.Context, servers: str | None, timeout_ms: int, read_only: bool, credentials: Credentials,
    as_json: bool, is_yes: bool, fails_fast: bool, waits: bool,
) -> None:
    """A shell for znodes, of Corral and of ZooKeeper. Without COMMAND it is interactive, or does the lines of stdin.
    zkCli's commands work under their names, with their flags; every command has --help with examples, and --json.

    \b
    Examples:
      corral sh                                    talk with the last local ensemble
      corral sh --server zk1:2181,zk2:2181/app
      corral sh --server zk1:2281 --ca ca.pem --sasl digest-md5:ann:secret
      corral sh ls -l /app
      corral sh get /app/config --json
      corral sh -e --server zk1:2181 < changes
    """
    target = Target(
        servers=servers or default_servers(), timeout_s=timeout_ms / 1000, read_only=read_only, credentials=credentials)
    is_terminal = sys.stdout.isatty()
    shell = ctx.obj = Shell(target, Output(as_json, is_terminal, is_paged=is_terminal), is_yes=is_yes)
    ctx.call_on_close(shell.close)
    if ctx.invoked_subcommand is None:
        _without_command(shell, fails_fast=fails_fast)


def _without_command(shell: Shell, *, fails_fast: bool) -> None:
    if sys.stdin.isatty():
        from node.cli.shell.interactive import talk

        shell.is_interactive = True
        talk(shell)
        return
    from node.cli.shell.lines import do_lines

    if not do_lines(shell, stops=fails_fast):
        sys.exit(EXIT_FAILED)


def default_servers() -> str:
    directory: Path | None = last_directory()
    if directory is None or not has_ensemble(directory):
        return DEFAULT_SERVERS
    try:
        return load_ensemble(directory).connect
    except Failure:
        return DEFAULT_SERVERS
