"""One line of a shell: taken apart, done, and its failure said without an end of the shell."""

import shlex
import sys
from typing import Final

import click

from node.cli.errors import Failure
from node.cli.guessing import no_command
from node.cli.shell import table
from node.cli.shell.errors import NoSessionError
from node.cli.shell.shell import EndShellError, Shell

HISTORY_MAX: Final = 1000
_SECRET: Final = "addauth"  # what is behind it is nobody's business


def do_line(shell: Shell, line: str) -> bool:
    """Whether it went well.  Raises EndShellError."""
    text = line.strip()
    if not text or text.startswith("#"):
        return True
    if not text.startswith(_SECRET):
        shell.history.append(text)
        del shell.history[:-HISTORY_MAX]
    as_json = shell.output.as_json
    try:
        return _do(shell, _words(text))
    except click.ClickException as error:
        if isinstance(error, NoSessionError) and not shell.is_interactive:
            raise  # each line that follows would wait as long
        error.show()
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
    except OSError as error:
        click.echo(f"Error: {error.filename or text}: {error.strerror or error}", err=True)
    finally:
        shell.output.as_json = as_json
        sys.stdout.flush()
    return False


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Failure(f"{error} — a value with spaces or quotes wants quotes around it") from None


def _do(shell: Shell, words: list[str]) -> bool:
    found = table.find(words[0])
    if found is None:
        raise Failure(no_command(words[0], table.guesses(words[0]), "help"))
    try:
        with found.make_context(found.name or words[0], words[1:], obj=shell) as context:
            found.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code == 0
    return True


def do_lines(shell: Shell, *, stops: bool) -> bool:
    """All of stdin; whether all went well. *stops*: at the first that does not."""
    is_well = True
    shell.next_line = lambda _: sys.stdin.readline() or None
    shell.run = lambda line: do_line(shell, line)
    try:
        while line := sys.stdin.readline():
            if not do_line(shell, line):
                is_well = False
                if stops:
                    break
    except EndShellError:
        pass
    return is_well
