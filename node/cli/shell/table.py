"""The shell's commands, by group; each loaded when it is said first. zkCli's stand under their own names too."""

import importlib
from collections.abc import Mapping
from typing import Final

import click

from node.cli.guessing import GuessingGroup, near

_PACKAGE: Final = "node.cli.shell"

GROUPS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {  # name -> (module, help)
    "Look": {
        "ls": ("browse", "Children of a znode; -l with their facts, -R all below."),
        "tree": ("browse", "A subtree as a drawing."),
        "cd": ("browse", "Go to a znode; paths may be said from there."),
        "pwd": ("browse", "Where you are."),
        "stat": ("browse", "The facts of a znode."),
        "get": ("data", "The value of a znode."),
        "find": ("search", "Znodes by name, size, age, owner."),
        "grep": ("search", "Znodes whose value matches."),
        "du": ("search", "Bytes and znodes of subtrees."),
        "diff": ("compare", "Two subtrees, also of two ensembles."),
        "getAllChildrenNumber": ("browse", "How many znodes are below one."),
        "getEphemerals": ("browse", "Ephemeral znodes of this session."),
    },
    "Change": {
        "create": ("data", "Make a znode."),
        "set": ("data", "Give a znode another value."),
        "edit": ("edit", "Change a value in $EDITOR, if nobody else does meanwhile."),
        "rm": ("removing", "Delete znodes; -r with all below."),
        "cp": ("copying", "Copy a znode, or a subtree; also to another ensemble."),
        "mv": ("copying", "Move a subtree, at once where it is small."),
        "multi": ("blocks", "Several changes, all or none."),
        "delete": ("removing", "Delete one znode."),
        "deleteall": ("removing", "Delete a subtree."),
    },
    "Watch": {
        "watch": ("watching", "Show changes live; -r of a whole subtree."),
        "addWatch": ("watching", "Watch from now on, beside other commands."),
        "removewatches": ("watching", "Stop that."),
        "printwatches": ("watching", "Whether events are printed."),
        "sync": ("sessions", "See all that was written until now."),
    },
    "Rights and limits": {
        "acl": ("access", "Show or change who may do what."),
        "getAcl": ("access", "Who may do what."),
        "setAcl": ("access", "Say who may do what."),
        "addauth": ("access", "Prove who you are."),
        "whoami": ("access", "Who you are to the server."),
        "quota": ("quotas", "Show or set limits of a subtree."),
        "setquota": ("quotas", "Set a limit."),
        "listquota": ("quotas", "Limits and what is used of them."),
        "delquota": ("quotas", "Lift a limit."),
    },
    "Session and ensemble": {
        "session": ("sessions", "This session; --all: everybody's."),
        "connect": ("sessions", "A new session, also with other servers."),
        "close": ("sessions", "End the session."),
        "config": ("members", "The ensemble's members."),
        "reconfig": ("members", "Change the ensemble's members."),
        "version": ("sessions", "Versions of this shell and of the server."),
    },
    "Shell": {
        "help": ("meta", "The commands, or one of them."),
        "history": ("meta", "What was said, with numbers."),
        "redo": ("meta", "Say a line again."),
        "quit": ("meta", "Leave."),
        "exit": ("meta", "Leave."),
    },
}
ALIASES: Final = {"rmr": "deleteall", "getacl": "getAcl", "setacl": "setAcl", "?": "help", "ls2": "ls", "removeWatches":
                  "removewatches", "addwatch": "addWatch"}
OTHER_NAMES: Final = {  # of file systems, kazoo and zk-shell
    "cat": "get", "dir": "ls", "ll": "ls -l", "mkdir": "create", "touch": "create", "put": "set", "vi": "edit",
    "vim": "edit", "rmdir": "rm", "unlink": "rm", "exists": "stat", "child_count": "getAllChildrenNumber",
    "add_auth": "addauth", "logout": "quit", "q": "quit", "bye": "quit", "transaction": "multi", "search": "find"}
COMMANDS: Final = {name: row for group in GROUPS.values() for name, row in group.items()}


def find(name: str) -> click.Command | None:
    """None: there is none of this name."""
    name = ALIASES.get(name, name)
    if name not in COMMANDS:
        return None
    module = importlib.import_module(f"{_PACKAGE}.{COMMANDS[name][0]}")
    found = next(each for each in vars(module).values() if isinstance(each, click.Command) and each.name == name)
    assert isinstance(found, click.Command)
    return found


def guesses(word: str) -> list[str]:
    """What somebody may have meant who has said it."""
    return [OTHER_NAMES[word]] if word in OTHER_NAMES else near(word, COMMANDS)


class ShellCommands(GuessingGroup):
    """A group of the table's commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return find(cmd_name)

    def guesses(self, word: str) -> list[str]:
        return guesses(word)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, help_) for name, (_, help_) in commands.items()])
