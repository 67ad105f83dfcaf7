"""What of a member does not change while it runs, and who the members are now: for the admin HTTP's /commands
(observability/admin/commands.py).
"""

import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from node.config.address import Role, ServerLine, format_address, parse_server
from node.config.explain import HIDDEN, is_secret
from node.config.member import Member, MemberConfig
from node.config.properties import parse_properties
from node.processes.processor_words import VERSION, user_name
from node.storage.files import Files
from node.storage.layout import data_directory
from node.storage.snapshots import list_snapshots, snapshot_path
from observability.admin.commands import MemberFacts


def facts_of(config: MemberConfig) -> MemberFacts:
    entries = [(entry.key, HIDDEN if is_secret(entry.key) else entry.value)
               for entry in parse_properties(config.file.read_text(encoding="utf-8", errors="replace"), config.file)]
    return MemberFacts(
        id=config.id,
        version=VERSION,
        configuration=_configuration(config),
        environment={
            "zookeeper.version": VERSION, "host.name": platform.node(), "python.version": platform.python_version(),
            "os.name": platform.system(), "os.arch": platform.machine(), "os.version": platform.release(),
            "user.name": user_name(), "user.home": str(Path("~").expanduser()), "user.dir": str(Path.cwd())},
        properties={f"zookeeper.{key}": value for key, value in entries},
        places={member.id: _places(member) for member in config.members.values()},
        voters=tuple(i for i, member in config.members.items() if member.role is Role.PARTICIPANT),
        file="".join(f"{key}={value}\n" for key, value in entries),
    )


def facts_now(facts: MemberFacts, servers: Mapping[int, str]) -> MemberFacts:
    """With the members of the configuration in force. *servers*: their lines; none, of a standalone member."""
    if not servers:
        return facts
    lines = {member: parse_server(line) for member, line in servers.items()}
    known = {member: place[2] for member, place in facts.places.items()}
    return replace(
        facts, places={member: _places(line, known.get(member, "")) for member, line in lines.items()},
        voters=tuple(sorted(member for member, line in lines.items() if line.role is Role.PARTICIPANT)))


def newest_snapshot(files: Files, data_dir: Path) -> tuple[int, int]:
    """Its zxid, and when it was made, Unix time; zeros: there is none."""
    directory = data_directory(data_dir)
    for zxid in reversed(list_snapshots(files, directory)):
        with suppress(OSError):
            return zxid, int(snapshot_path(directory, zxid).stat().st_mtime)
    return 0, 0


def _configuration(config: MemberConfig) -> dict[str, object]:
    tls = config.security.tls
    return {
        "client_port": config.client_port, "secure_client_port": tls.port if tls is not None and tls.port else -1,
        "data_dir": str(config.data_dir), "data_log_dir": str(config.log_dir), "tick_time": config.tick_ms,
        "max_client_cnxns": config.max_client_cnxns, "min_session_timeout": config.min_session_timeout_ms,
        "max_session_timeout": config.max_session_timeout_ms, "server_id": config.id,
        "client_port_listen_backlog": config.listen_backlog, "init_limit": config.init_limit,
        "sync_limit": config.sync_limit,
    }


def _places(member: Member | ServerLine, known: str = "") -> tuple[str, str, str]:
    """*known*: where its clients connect, if the line does not say."""
    client = format_address(member.client.host, member.client.port) if member.client is not None else known
    return (format_address(member.host, member.quorum_port), format_address(member.host, member.election_port), client)
