"""A word that is no command is answered with what may have been meant."""

import pytest
from click.testing import CliRunner

from node.cli.commands import corral
from node.cli.shell import table
from node.cli.shell.lines import do_line
from node.cli.shell.output import Output
from node.cli.shell.shell import Shell
from node.cli.shell.target import Target


def said(*words: str) -> str:
    done = CliRunner().invoke(corral, words)
    assert done.exit_code == 2
    return done.output


@pytest.mark.parametrize(("words", "meant"), [
    ("statsu", "status"), ("restroe x y", "restore"), ("self-chek", "self-check"), ("logs", "log"),
    ("ls /app", "sh ls"), ("getAcl /app", "sh getAcl"), ("version", "--version"), ("zkcli", "sh"),
    ("sh lss /", "ls"), ("sh getacll /", "getAcl"), ("sh cat /app", "get"),
    ("keys shwo", "show"), ("backup verfy x", "verify"), ("backup lst dir", "list"),
])
def test_a_command_that_is_like_it_is_named(words: str, meant: str) -> None:
    output = said(*words.split())

    assert f"did you mean {meant}" in output.replace("Did you mean '", "did you mean ")


@pytest.mark.parametrize("words", ["xyzzy", "sh xyzzy"])
def test_what_is_like_nothing_is_told_where_the_commands_are_listed(words: str) -> None:
    output = said(*words.split())

    assert "did you mean" not in output
    assert f"`corral{' sh' if ' ' in words else ''} --help` lists them" in output


@pytest.mark.parametrize(("line", "meant"), [("lss /", "ls"), ("mkdir /a", "create"), ("deletAll /a", "deleteall")])
def test_the_shell_names_what_may_have_been_meant(
    line: str, meant: str, capsys: pytest.CaptureFixture[str],
) -> None:
    assert not do_line(Shell(Target("127.0.0.1:1"), Output()), line)

    assert f"did you mean {meant}" in capsys.readouterr().err


def test_what_is_named_is_there() -> None:
    for name in table.OTHER_NAMES.values():
        assert table.find(name.split()[0]) is not None
    assert not table.OTHER_NAMES.keys() & (table.COMMANDS.keys() | table.ALIASES.keys())
