"""What the commands of one shell share: the session, where the user is, and how he is answered and asked."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar, cast

import click

from node.cli.errors import Failure
from node.cli.shell.client import Client
from node.cli.shell.output import Output
from node.cli.shell.target import Target

F = TypeVar("F", bound=Callable[..., Any])
ASK_ABOVE: Final = 10  # znodes that a command changes without asking


class EndShellError(Exception):
    """The user wants to leave."""


@dataclass
class Shell:
    """*next_line*: the line after this one, for commands that take several; None: there is none.

    *history*: what was said so far. *run*: does one line, for `redo`. *watching*:
    what `watch` shows at the moment; other events wait until it has ended.
    """

    target: Target
    output: Output
    cwd: str = "/"
    is_yes: bool = False
    is_interactive: bool = False
    prints_watches: bool = True
    next_line: Callable[[str], str | None] = lambda _: None
    history: list[str] = field(default_factory=list)
    run: Callable[[str], bool] = lambda _: False
    watching: str | None = None
    _client: Client | None = None

    @property
    def client(self) -> Client:
        """Connected when it is needed first.  Raises Failure."""
        if self._client is None:
            self._client = self._connected()
        return self._client

    def _connected(self) -> Client:
        client = Client(self.target)
        client.listen(self._told)
        return client

    def _told(self, event: str, path: str) -> None:
        """In a thread of kazoo's."""
        if self.prints_watches and self.watching is None:
            self.output.event(event, path)

    @property
    def is_connected(self) -> bool:
        return self._client is not None

    def reconnect(self, servers: str) -> None:
        """With a new session; empty: to the same servers."""
        self.close()
        if servers:
            self.target = replace(self.target, servers=servers)
        self._client = self._connected()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def other(self, servers: str | None) -> Client:
        """Of another ensemble, with the same credentials; None: this one's."""
        return self.client if servers is None else Client(replace(self.target, servers=servers))

    def may(self, what: str, count: int) -> bool:
        """Whether the user agrees to *what*, as in "delete 12 znodes".  Raises Failure: nobody is there to be asked."""
        if self.is_yes or count <= ASK_ABOVE:
            return True
        if not (self.is_interactive or (sys.stdin.isatty() and sys.stderr.isatty())):
            raise Failure(f"this would {what} — say --yes if that is meant; --dry-run lists them")
        return click.confirm(f"{what[:1].upper()}{what[1:]}?", default=False, err=True)


def pass_shell(command: F) -> F:
    """The shell as first argument."""
    return cast("F", click.make_pass_decorator(Shell)(command))


def _json_wanted(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_object(Shell).output.as_json = True  # type: ignore[union-attr]  # every context here has one


class ShellCommand(click.Command):
    """--json may stand with each of them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params.append(click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_json_wanted, help="JSON instead of text."))


def command(name: str) -> Callable[[Callable[..., Any]], ShellCommand]:
    return click.command(name=name, cls=ShellCommand)


dry_run_option = click.option("--dry-run", "-n", is_flag=True, help="Only say what would be done.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask, however many there are.")
