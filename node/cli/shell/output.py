"""What the shell prints: JSON, or text that a person reads, through a pager where it is longer than the screen."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import click
from rich.console import Console, RenderableType

from node.cli.waterfall import harmless

PLAIN_WIDTH: Final = 10_000  # where the output is no terminal, nothing is cut off
PAGER: Final = ("less", "-RFX")


@dataclass
class Output:
    """*as_json*: for scripts. *is_terminal*: a person looks at it. *is_paged*: what is longer than the screen waits."""

    as_json: bool = False
    is_terminal: bool = False
    is_paged: bool = False

    def answer(self, value: Any, text: "RenderableType | Iterable[RenderableType]") -> None:
        """One of the two: *value* as JSON, or *text*."""
        if self.as_json:
            self.json(value)
        else:
            self.print(*([text] if isinstance(text, str) or not isinstance(text, Iterable) else text))

    def json(self, value: Any) -> None:
        click.echo(json.dumps(value))  # in ASCII: a value may hold what a terminal obeys

    def print(self, *parts: "RenderableType") -> None:
        if not parts:
            return
        console = Console(
            file=sys.stdout, force_terminal=self.is_terminal, width=None if self.is_terminal else PLAIN_WIDTH,
            highlight=False, markup=False, soft_wrap=True, emoji=False)
        with console.capture() as captured:
            for part in parts:
                console.print(_plain(part) if isinstance(part, str) else part, soft_wrap=True)
        text = captured.get()
        if self.is_paged and text.count("\n") >= shutil.get_terminal_size().lines and page(text):
            return
        click.echo(text, nl=False)

    def raw(self, data: bytes) -> None:
        """Exactly these bytes."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def event(self, event: str, path: str) -> None:
        """Of a watch, in whatever thread."""
        if self.as_json:
            self.json({"event": event, "path": path})
        else:
            sys.stdout.write(f"WatchedEvent {event} {harmless(path)}\n")  # which is the prompt's while it waits
            sys.stdout.flush()

    def remark(self, text: str) -> None:
        """Of what is done: for people; scripts read stdout and the exit code."""
        click.echo(harmless(text), err=not self.is_terminal)


def _plain(text: str) -> str:
    return "\n".join(harmless(line) for line in text.split("\n"))


def page(text: str) -> bool:
    """Through $PAGER, else less; False: there is none."""
    given = os.environ.get("PAGER")
    command = ["sh", "-c", given] if given else list(PAGER)
    try:
        subprocess.run(command, input=text.encode(), check=False)
    except OSError:
        return False
    return True
