#!/usr/bin/env python3
"""VARIABLES.md: every variable of the roles, from their argument_specs.

    python ansible/variables.py             print it
    python ansible/variables.py --rewrite   write it
"""

import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
PAGE = HERE / "VARIABLES.md"
ROLES = ("corral", "corral_monitoring")
HEAD = """# Variables

Set them in the inventory, as inventories/example does. Written by `python ansible/variables.py --rewrite` from the
roles' `meta/argument_specs.yml`.
"""


def page() -> str:
    return HEAD + "".join(_section(role) for role in ROLES)


def options(role: str) -> dict[str, dict[str, Any]]:
    spec = yaml.safe_load((HERE / "roles" / role / "meta" / "argument_specs.yml").read_text())
    found: dict[str, dict[str, Any]] = spec["argument_specs"]["main"]["options"]
    return found


def _section(role: str) -> str:
    rows = [f"| `{name}` | {_default(each)} | {_kind(each)} | {each['description'].strip()} |"
            for name, each in options(role).items()]
    head = [f"\n## Role {role}\n", "| variable | default | type | what it says |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows, ""])


def _default(option: dict[str, Any]) -> str:
    if option.get("required"):
        return "**required**"
    value = option["default"]
    return f"`{value}`" if value not in ("", [], {}) else "empty"


def _kind(option: dict[str, Any]) -> str:
    return " or ".join(map(str, option.get("choices", [option["type"]])))


if __name__ == "__main__":
    if "--rewrite" in sys.argv[1:]:
        PAGE.write_text(page())
    else:
        sys.stdout.write(page())
