"""python -m node.processes ROLE CONFIG [INDEX]: one process of a member, as systemd starts it."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from node.config.problems import ConfigError
from node.config.read import load_config
from node.keys import KeysError
from node.processes.loop import EXIT_REFUSED
from node.roles import ROLES
from node.storage.errors import RefusedError, StorageError
from node.title import set_title
from transport.endpoints import EndpointError


def main(arguments: Sequence[str]) -> int:
    roles = {role.name: role for role in ROLES}
    parser = argparse.ArgumentParser(prog="python -m node.processes")
    parser.add_argument("role", choices=sorted(roles))
    parser.add_argument("config", type=Path, help="path of zoo.cfg")
    parser.add_argument("index", type=int, nargs="?", default=0, help="of a processor, from 0")
    asked = parser.parse_args(arguments)
    role = roles[asked.role]
    try:
        config = load_config(asked.config).config
        name = role.name if role.count_key is None else f"{role.name}-{asked.index}"
        set_title(config.id, name)
        importlib.import_module(role.module).run(config, asked.index)
    except (ConfigError, KeysError, RefusedError, EndpointError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_REFUSED
    except StorageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
