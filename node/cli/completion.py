"""`corral completion`: what makes a shell complete commands and options."""

import click
from click.shell_completion import get_completion_class

from node.cli.errors import refusals_shown


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@refusals_shown
def completion(shell: str) -> None:
    """Print what makes SHELL complete Corral's commands and options. The Debian package has it installed.

    \b
    Examples:
      corral completion bash > ~/.local/share/bash-completion/completions/corral
      corral completion zsh > /usr/local/share/zsh/site-functions/_corral
      corral completion fish > ~/.config/fish/completions/corral.fish
    """
    root = click.get_current_context().find_root()
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(root.command, {}, "corral", "_CORRAL_COMPLETE").source())
