"""How a command fails: what, where and the cure on stderr, and an exit code of its kind."""

import functools
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import click

from node.auth.errors import SecurityError
from node.config.problems import ConfigError
from node.keys import KeysError, KeysUnreadableError
from node.processes.loop import EXIT_REFUSED

EXIT_FAILED: Final = 1

EXIT_CODES: Final = """\b
Exit codes: 0 done; 1 failed, or no quorum serves; 2 wrong usage;
78 configuration, keys or data are refused (the message names the cure)."""

P = ParamSpec("P")
R = TypeVar("R")


class Failure(click.ClickException):
    """A command could not do it.  text: with the cure."""

    def __init__(self, text: str, *, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(text)
        self.exit_code = exit_code  # type: ignore[misc]  # click: one code for each class


def refusals_shown(command: Callable[P, R]) -> Callable[P, R]:
    """The errors of configuration and keys, as text and EXIT_REFUSED; those of files with a cure."""

    @functools.wraps(command)
    def shown(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return command(*arguments, **options)
        except KeysUnreadableError as error:
            raise Failure(str(error)) from None
        except (ConfigError, KeysError, SecurityError) as error:
            raise Failure(str(error), exit_code=EXIT_REFUSED) from None
        except OSError as error:
            if error.filename is None:
                raise
            cure = "see that the place exists, has room and may be written by this user"
            raise Failure(f"{error.filename}: {error.strerror} — {cure}") from None

    return shown
