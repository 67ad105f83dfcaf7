"""The table of commands. Each is imported when it is run, so that `corral status` starts fast."""

import importlib
import keyword

import click

from node.cli.guessing import GuessingGroup, near

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("node.cli.up", "Start an ensemble on this machine."),
    "down": ("node.cli.down", "Stop a local ensemble."),
    "status": ("node.cli.status", "Say how an ensemble does."),
    "sh": ("node.cli.shell.command", "A shell for znodes, of Corral and of ZooKeeper."),
    "doctor": ("node.cli.doctor.command", "Say what is wrong with an ensemble, or will be."),
    "top": ("node.cli.top", "Show what an ensemble does, live."),
    "trace": ("node.cli.trace", "Say what every member did for a write."),
    "stop": ("node.cli.down", "Stop one member of a local ensemble."),
    "start": ("node.cli.down", "Start one member of a local ensemble."),
    "handover": ("node.cli.handover", "Have another member lead."),
    "reconfig": ("node.cli.reconfig", "Show or change who the members are."),
    "drain": ("node.cli.drain", "Move a member's clients to the others."),
    "kill": ("node.cli.down", "Kill one member of a local ensemble by SIGKILL."),
    "member": ("node.cli.member", "Run one member from a zoo.cfg, in the foreground."),
    "config": ("node.cli.config", "Say what each key of a zoo.cfg is, and why."),
    "keys": ("node.cli.keys", "Make and show the keys of members."),
    "backup": ("node.cli.backup", "Write a member's state to a verified file; list and verify such files."),
    "restore": ("node.cli.restore", "Put a backup in place of the data of a stopped ensemble."),
    "log": ("node.cli.log", "Show what changed, when, and who did it."),
    "show": ("node.cli.show", "Show a znode as it was."),
    "diff": ("node.cli.diff", "Show what differs between two points in time."),
    "mirror": ("node.cli.mirror", "Have one ensemble follow another until clients move over."),
    "restore-subtree": ("node.cli.restore_subtree", "Put one subtree of a backup back while the ensemble serves."),
    "import": ("node.cli.import_", "Read ZooKeeper's files into a backup."),
    "export": ("node.cli.export", "Write files that a ZooKeeper server starts from."),
    "self-check": ("node.cli.self_check", "Look whether one member is as it should be."),
    "completion": ("node.cli.completion", "Make a shell complete commands and options."),
    "manual": ("node.cli.manual", "Write the commands' help as pages for man(1)."),
}


_OTHER_NAMES = {
    "help": "--help", "version": "--version", "init": "keys init", "start-foreground": "member", "run": "member",
    "shell": "sh", "cli": "sh", "zkcli": "sh", "logs": "log", "ps": "status"}


class Commands(GuessingGroup):
    """A group whose commands are in other modules, under their own names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(module), f"{name}_" if keyword.iskeyword(name) else name)
        assert isinstance(command, click.Command)
        return command

    def guesses(self, word: str) -> list[str]:
        from node.cli.shell import table

        of_the_shell = [f"sh {word}"] if table.find(word) is not None else []
        named_so = [_OTHER_NAMES[word]] if word in _OTHER_NAMES else []
        return [*named_so, *of_the_shell] or near(word, COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_) for name, (_, help_) in COMMANDS.items()])


@click.command(cls=Commands)
@click.version_option(package_name="corral")
def corral() -> None:
    """A coordination service that ZooKeeper's clients use unchanged.

    \b
    Examples:
      corral up                            three members on this machine
      corral status                        how they do
      corral down --wipe                   stop them and delete their data
      corral member /etc/corral/zoo.cfg    one member of an ensemble on several machines
    """
