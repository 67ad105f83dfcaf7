"""`corral manual`: the commands' help as pages for man(1)."""

import inspect
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click

from node.cli.errors import refusals_shown


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@refusals_shown
def manual(directory: Path) -> None:
    """Write a page for man(1) per command into DIRECTORY. The Debian package has them installed.

    \b
    Examples:
      corral manual ~/.local/share/man/man1 && man corral-up
    """
    root = click.get_current_context().find_root()
    directory.mkdir(parents=True, exist_ok=True)
    for context in _commands(click.Context(root.command, info_name="corral")):
        (directory / f"{_name(context)}.1").write_text(page(context))


def page(context: click.Context) -> str:
    """The page of one command, as roff."""
    command, name = context.command, _name(context)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f'.TH "{name.upper()}" "1" "" "Corral {version("corral")}" "Corral\'s commands"', ".SH NAME",
             f"{_roff(name)} \\- {_roff(_summary(command))}", ".SH SYNOPSIS",
             f".B {_roff(context.command_path)}", _roff(usage), ".SH DESCRIPTION", *_description(command)]
    if options := [found for each in command.get_params(context) if (found := each.get_help_record(context))]:
        lines += [".SH OPTIONS", *(line for option in options for line in _entry(*option))]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for each in _children(context):
            lines += _entry(_name(each) + "(1)", _summary(each.command))
    if command.epilog:
        lines += [".SH EXIT CODES", *_paragraphs(command.epilog)]
    return "\n".join(lines) + "\n"


def _commands(context: click.Context) -> Iterator[click.Context]:
    yield context
    for child in _children(context):
        yield from _commands(child)


def _children(context: click.Context) -> Iterator[click.Context]:
    command = context.command
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield click.Context(child, parent=context, info_name=name)


def _name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _summary(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").split("\n\n")[0].replace("\n", " ").rstrip(".")


def _description(command: click.Command) -> Iterator[str]:
    yield from _paragraphs(inspect.cleandoc(command.help or ""))


def _paragraphs(text: str) -> Iterator[str]:
    """Click's own sign of a block that is laid out already is \\b on a line of its own."""
    for paragraph in text.split("\n\n"):
        laid_out = paragraph.startswith("\b")
        yield ".PP"
        if laid_out:
            yield ".nf"
        yield from (_roff(line) for line in paragraph.removeprefix("\b").strip("\n").split("\n"))
        if laid_out:
            yield ".fi"


def _entry(term: str, meaning: str) -> Iterator[str]:
    yield from (".TP", f"\\fB{_roff(term)}\\fR", _roff(meaning))


def _roff(text: str) -> str:
    """Text that roff takes literally: no escape, no request at a line's start, hyphens that can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
