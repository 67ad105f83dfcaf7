"""The dynamic file: after a reconfiguration the server lines stand in zoo.cfg.dynamic.<version>, as in ZooKeeper.

zoo.cfg then names it by dynamicConfigFile, and has no server lines of its own. What it was before stays as zoo.cfg.bak.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from node.config.member import MemberConfig
from node.config.properties import parse_properties
from node.config.servers import server_lines
from transport.hierarchy import MAJORITY, Hierarchy

MOVED = ("dynamicConfigFile",)
PORTS = ("clientPort", "clientPortAddress")


def dynamic_file(config: MemberConfig, version: int) -> Path:
    return config.file.with_name(f"{config.file.name}.dynamic.{version:x}")


def write_dynamic(
    config: MemberConfig, servers: Mapping[int, str], version: int, hierarchy: Hierarchy = MAJORITY,
) -> Path | None:
    """Durably. None: there already, or zoo.cfg names the same; or this member is none of them, and keeps the file that
    it can start with.

    Raises OSError.
    """
    path = dynamic_file(config, version)
    is_same = dict(config.servers) == dict(servers) and config.hierarchy == hierarchy
    if config.id not in servers or path.exists() or is_same:
        return None
    static = config.file.read_text(encoding="utf-8", errors="replace")
    backup = config.file.with_name(f"{config.file.name}.bak")
    if not backup.exists():
        _replace(backup, static)
    _replace(path, "".join(f"{line}\n" for line in server_lines(servers, hierarchy)))
    _replace(config.file, static_text(static, path, has_client=";" in servers[config.id]))
    return path


def static_text(text: str, path: Path, *, has_client: bool) -> str:
    """Without what the dynamic file says. *has_client*: the own server line says where clients come."""
    moved = (*MOVED, *PORTS) if has_client else MOVED
    lines = text.splitlines()
    gone = {
        entry.line for entry in parse_properties(text, path)
        if entry.key in moved or entry.key.startswith(("server.", "group.", "weight."))}
    kept = [line for number, line in enumerate(lines, start=1) if number not in gone]
    return "\n".join([*kept, f"dynamicConfigFile={path}", ""])


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        new.chmod(path.stat().st_mode)
    new.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
