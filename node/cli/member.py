"""`corral member`: one member from its zoo.cfg, in the foreground."""

import os
import sys
from pathlib import Path

import click

from node.auth.check import check_security
from node.cli.errors import EXIT_CODES, refusals_shown
from node.config.read import load_config
from node.keys import load_keys


@click.command(epilog=EXIT_CODES)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only read the files, say what is wrong or lost.")
@refusals_shown
def member(config: Path, check: bool) -> None:
    """Run one member from CONFIG, a zoo.cfg, with all its processes, until SIGTERM or Ctrl-C.

    CONFIG is ZooKeeper's, with dataDir/myid. Keys are made first, once, by `corral keys init`.

    \b
    Examples:
      corral keys init /etc/corral/zoo.cfg
      corral member /etc/corral/zoo.cfg
      corral member --check /etc/zookeeper/conf/zoo.cfg
    """
    loaded = load_config(config)
    if check:
        for warning in loaded.warnings:
            click.echo(f"warning: {warning}")
        load_keys(loaded.config)
        check_security(loaded.config.security)
        return
    load_keys(loaded.config)
    check_security(loaded.config.security)
    # A new program in this process, so that nothing of the command line stays in memory.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "node.supervisor", str(config)])
