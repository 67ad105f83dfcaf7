"""What may stand at the cursor: commands, their options, and paths as the server has them now."""

import shlex
import time
from collections.abc import Iterable, Iterator
from typing import Final

import click
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from node.cli.errors import Failure
from node.cli.shell import table
from node.cli.shell.paths import ZnodePath, resolve
from node.cli.shell.shell import Shell

KEPT_S: Final = 2.0  # children that were asked for are taken to be the same for so long
OFFERED_MAX: Final = 500


class ShellCompleter(Completer):
    """Asks the server; prompt_toolkit calls it in a thread (complete_in_thread)."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._children: dict[str, tuple[float, list[str]]] = {}

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        words = _words(before)
        if words is None:
            return
        current = words.pop() if words and not before[-1:].isspace() else ""
        if not words:
            yield from _matching(current, (*table.COMMANDS, *table.ALIASES), {})
            return
        command = table.find(words[0])
        if command is None:
            return
        if words[0] in ("help", "?"):
            yield from _matching(current, table.COMMANDS, {})
        elif current.startswith("-"):
            helps = {each: option.help or "" for option in command.params if isinstance(option, click.Option)
                     for each in option.opts}
            yield from _matching(current, helps, helps)
        elif takes_path(command, words[1:]):
            yield from self._paths(current)

    def _paths(self, current: str) -> Iterator[Completion]:
        begin, slash, name = current.rpartition("/")
        parent = resolve(begin + slash if slash else ".", cwd=self._shell.cwd)
        found = [each for each in self._children_of(parent) if each.startswith(name)]
        for each in found[:OFFERED_MAX]:
            yield Completion(_quoted(f"{begin}{slash}{each}"), start_position=-len(current), display=each)

    def _children_of(self, path: str) -> list[str]:
        at_s, names = self._children.get(path, (float("-inf"), []))
        if time.monotonic() - at_s > KEPT_S:
            try:
                names, _ = self._shell.client.children(path)
            except Failure:
                names = []
            self._children[path] = (time.monotonic(), names)
        return names


def takes_path(command: click.Command, before: list[str]) -> bool:
    """Whether the next word is one, after these."""
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    options = {name: option for option in command.params if isinstance(option, click.Option) for name in option.opts}
    place, is_value = 0, False
    for word in before:
        if is_value:
            is_value = False
        elif word in options:
            is_value = not options[word].is_flag
        elif not word.startswith("-"):
            place += 1
    if is_value or not arguments:
        return False
    argument = arguments[min(place, len(arguments) - 1)]
    return isinstance(argument.type, ZnodePath) and (place < len(arguments) or argument.nargs == -1)


def _matching(current: str, names: Iterable[str], helps: dict[str, str]) -> Iterator[Completion]:
    for name in names:
        if name.lower().startswith(current.lower()):
            yield Completion(name, start_position=-len(current), display_meta=helps.get(name, ""))


def _words(text: str) -> list[str] | None:
    """None: within quotes, where nothing is offered."""
    try:
        return shlex.split(text)
    except ValueError:
        return None


def _quoted(path: str) -> str:
    return shlex.quote(path)
