"""python -m node.processes ROLE CONFIG [INDEX]: one process of a member, as systemd starts it.

Exit codes: 0 it was asked to end; 78 it must not start as things are, and starting again does not help; else it failed.
"""

import argparse
import faulthandler
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from node.notify import from_environment
from node.roles import ROLES
from node.unit import run_unit


def main(arguments: Sequence[str]) -> int:
    roles = {role.name: role for role in ROLES}
    parser = argparse.ArgumentParser(prog="python -m node.processes")
    parser.add_argument("role", choices=sorted(roles))
    parser.add_argument("config", type=Path, help="path of zoo.cfg")
    parser.add_argument("index", type=int, nargs="?", default=0, help="of a processor, from 0")
    asked = parser.parse_args(arguments)
    if asked.index < 0:
        parser.error("INDEX counts from 0")
    faulthandler.enable()  # systemd's watchdog ends a process by SIGABRT: where it hung goes to the journal
    return run_unit(roles[asked.role], asked.config, asked.index, from_environment())


def end(code: int) -> None:
    """Without the interpreter's farewells: to take a large tree apart takes seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main(sys.argv[1:]))
