"""What somebody may have meant by a word that is no command."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

import click

_GUESSES_MAX: Final = 3


def near(word: str, names: Iterable[str]) -> list[str]:
    """Those of the names that are much like it, the likeliest first."""
    by_lower = {name.lower(): name for name in names}
    return [by_lower[each] for each in get_close_matches(word.lower(), by_lower, n=_GUESSES_MAX)]


def no_command(word: str, guesses: list[str], lists: str) -> str:
    """*lists*: what lists the commands that there are."""
    meant = f"did you mean {' or '.join(guesses)}? " if guesses else ""
    return f"no command {word!r} — {meant}`{lists}` lists them"


class GuessingGroup(click.Group):
    """A group whose `guesses` are said where a word is none of its commands."""

    def guesses(self, word: str) -> list[str]:
        return near(word, self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str],
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            text = no_command(error.command_name, self.guesses(error.command_name), f"{ctx.command_path} --help")
            raise click.UsageError(text, ctx) from None


def refuse_guess(word: str, names: Iterable[str], ctx: click.Context) -> None:
    """Where the word may be something else than a command: only if it is much like one.  Raises UsageError."""
    if guesses := near(word, names):
        raise click.UsageError(no_command(word, guesses, f"{ctx.command_path} --help"), ctx)

