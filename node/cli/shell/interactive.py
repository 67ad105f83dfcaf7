"""The shell at a terminal: a line at a time, with history and completion, while events come in above it."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout

from node.cli.shell.completion import ShellCompleter
from node.cli.shell.lines import do_line
from node.cli.shell.shell import EndShellError, Shell

SECRET = "addauth"


class QuietHistory(FileHistory):
    """Of this user alone, and without what proves who he is."""

    def store_string(self, string: str) -> None:
        if not string.strip().startswith(SECRET):
            super().store_string(string)


def talk(shell: Shell) -> None:
    """Until the user leaves."""
    session: PromptSession[str] = PromptSession(
        history=_history(), completer=ShellCompleter(shell), complete_in_thread=True, complete_while_typing=False,
        enable_history_search=True)
    shell.next_line = lambda prompt: _line(session, lambda: FormattedText([("bold", prompt)]))
    shell.run = lambda line: do_line(shell, line)
    click.echo(f"Connected to {shell.client.target.servers}, session 0x{shell.client.session_id % (1 << 64):x}. "
               "Tab completes, `help` lists the commands, Ctrl-D leaves.")
    while True:
        try:
            line = _line(session, lambda: _prompt(shell))
        except KeyboardInterrupt:
            continue  # as shells do: a new line
        if line is None:
            return
        try:
            do_line(shell, line)
        except EndShellError:
            return


def _line(session: "PromptSession[str]", prompt: Callable[[], Any]) -> str | None:
    """None: the end.  Raises KeyboardInterrupt."""
    try:
        with patch_stdout(raw=True):  # what events print comes above the line
            return session.prompt(prompt)
    except EOFError:
        return None


def _prompt(shell: Shell) -> FormattedText:
    state = shell.client.state if shell.is_connected else "CLOSED"
    where = shell.client.server if state.startswith("CONNECTED") else state.lower()
    style = "ansigreen" if state == "CONNECTED" else "ansired"
    who = where or shell.target.servers
    return FormattedText([("", "["), (style, who), ("", " "), ("bold", shell.cwd), ("", "] ")])


def _history() -> History:
    given = os.environ.get("XDG_STATE_HOME")
    file = (Path(given) if given else Path.home() / ".local" / "state") / "corral" / "sh_history"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    with suppress(OSError):
        file.chmod(0o600)
    return QuietHistory(str(file))
