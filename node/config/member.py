"""What a member's processes are told: MemberConfig, frozen, and one Member per server line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from node.config.address import MEMBER_ID_MAX as MEMBER_ID_MAX
from node.config.address import Address, Role
from node.config.http import Http
from node.config.security import Security
from node.requests.overload import OverloadRules
from transport.hierarchy import Hierarchy


@dataclass(frozen=True, slots=True)
class Member:
    """One server line.  client: None if the line does not say it and it is not this member's."""

    id: int
    host: str
    quorum_port: int
    election_port: int
    role: Role
    client: Address | None


@dataclass(frozen=True, slots=True)
class Tracing:
    """otlp_endpoint: empty: nothing is sent.  budget: whole traces per second.  ring: writes that can be explained."""

    otlp_endpoint: str
    otlp_protocol: str
    ratio: float
    budget: int
    slow_ms: int
    ring: int


@dataclass(frozen=True, slots=True)
class Rules:
    """Which znodes, sessions and answers there are. never_used_ms: 0: a container that never had a child stays.

    compatibility: the release of ZooKeeper that clients take Corral for, a key of node/tree/compatibility.py.
    """

    has_extended_types: bool
    enforces_quotas: bool
    check_interval_ms: int
    reaped_per_minute: int
    never_used_ms: int
    local_sessions: bool
    local_sessions_upgrade: bool
    read_only: bool
    compatibility: str
    extensions: bool

    def replicated(self) -> dict[str, str]:
        """What changes the results of execution, where it is not ZooKeeper's default."""
        settings = {
            "extendedTypesEnabled": self.has_extended_types, "enforceQuota": self.enforces_quotas,
            "corral.extensions": self.extensions}
        return {name: "true" for name, is_set in settings.items() if is_set}


@dataclass(frozen=True, slots=True)
class Limits:
    """large_bytes: a longer request counts as large; 0: none does.  reply_bytes_max, connections_max, per_prefix
    (connections from one network of prefix_v4 or prefix_v6 bits): 0: no limit.
    disk_reserve: bytes that stay free; -1: as processor_disk.py says, 0: no alarm."""

    large_bytes: int
    large_bytes_max: int
    reply_bytes_max: int
    connections_max: int
    per_prefix: int
    prefix_v4: int
    prefix_v6: int
    disk_reserve: int
    watch_history: int
    overload: OverloadRules


@dataclass(frozen=True, slots=True)
class MemberConfig:
    """One member's settings, checked, with every default filled in.

    Paths are absolute.  client_addresses: hosts to listen on, all with client_port; a wildcard of
    either family stands for both.  Hosts may be names: whoever binds or connects resolves them.
    audit_file: None where audit.enable is not set.  servers: value of each server line, as ZooKeeper writes it;
    none of a standalone member.  hierarchy: of group and weight lines.
    """

    file: Path
    id: int
    members: Mapping[int, Member]
    servers: Mapping[int, str]
    hierarchy: Hierarchy
    standalone_enabled: bool
    reconfig_enabled: bool
    observer_masters: bool
    tick_ms: int
    init_limit: int
    sync_limit: int
    data_dir: Path
    log_dir: Path
    keys_dir: Path
    run_dir: Path
    backup_dir: Path
    client_addresses: tuple[str, ...]
    client_port: int
    listen_backlog: int
    max_client_cnxns: int
    min_session_timeout_ms: int
    max_session_timeout_ms: int
    four_letter_words: frozenset[str]
    jute_max_buffer: int
    snap_count: int
    snap_retain_count: int
    snapshot_bytes: int
    security: Security
    limits: Limits
    quorum_listen_on_all_ips: bool
    processors: int
    metrics_address: str
    metrics_port: int
    admin_hosts: frozenset[str]
    http: Http
    browser: str
    tracing: Tracing
    rules: Rules
    test_hooks: bool
    feature_level: int
    log_level: str
    audit_file: Path | None
    audit_format: str

    @property
    def me(self) -> Member:
        return self.members[self.id]

    @property
    def is_standalone(self) -> bool:
        """Nobody can join it."""
        return not self.servers

    @property
    def voters(self) -> tuple[int, ...]:
        """Ids of the participants, ascending."""
        return tuple(sorted(i for i, m in self.members.items() if m.role is Role.PARTICIPANT))
