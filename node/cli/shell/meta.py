"""help, history, redo, quit, exit."""

import click

from node.cli.errors import Failure
from node.cli.shell import table
from node.cli.shell.shell import EndShellError, Shell, command, pass_shell


@command("help")
@click.argument("name", required=False)
@pass_shell
def help_(shell: Shell, name: str | None) -> None:
    """Say what there is, or what one command does.

    \b
    Example:
      help watch
    """
    if name is None:
        for title, commands in table.GROUPS.items():
            shell.output.print(f"{title}:", *(f"  {each:<22} {text}" for each, (_, text) in commands.items()), "")
        return
    found = table.find(name)
    if found is None:
        raise Failure(f"no command {name!r} — `help` lists them")
    with click.Context(found, info_name=found.name, obj=shell) as context:
        shell.output.print(found.get_help(context))


@command("history")
@pass_shell
def history(shell: Shell) -> None:
    """What was said in this shell, with numbers for `redo`."""
    lines = list(enumerate(shell.history))
    shell.output.answer([{"number": number, "line": line} for number, line in lines],
                        [f"{number} - {line}" for number, line in lines])


@command("redo")
@click.argument("number", type=int)
@pass_shell
def redo(shell: Shell, number: int) -> None:
    """Say a line of the history again.

    \b
    Example:
      redo 3
    """
    if not 0 <= number < len(shell.history) or shell.history[number].split()[:1] == ["redo"]:
        raise Failure(f"no line {number} to do again — `history` shows them")
    shell.run(shell.history[number])


@command("quit")
@pass_shell
def quit_(shell: Shell) -> None:
    """Leave."""
    del shell
    raise EndShellError


@command("exit")
@pass_shell
def exit_(shell: Shell) -> None:
    """Leave."""
    del shell
    raise EndShellError
