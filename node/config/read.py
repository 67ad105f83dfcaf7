"""load_config: zoo.cfg, its dynamic file and myid -> MemberConfig, or every problem at once."""

import difflib
import errno
import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from node.config.address import WILDCARDS, Address, Role, ServerLine, format_server, parse_server, strip_brackets
from node.config.member import MEMBER_ID_MAX, Member, MemberConfig, Rules, Tracing
from node.config.problems import ConfigError, Problem
from node.config.properties import Entry, parse_properties
from node.config.read_http import read_http
from node.config.read_limits import read_limits
from node.config.read_security import read_security
from node.config.read_servers import check_servers, read_groups
from node.config.table import Key, Standing, find_key, nearest_name
from node.config.words import FOUR_LETTER_WORDS
from transport.entry import FEATURE_LEVEL
from transport.hierarchy import MAJORITY, Hierarchy

SNAPSHOTS_KEPT_MIN = 3  # as ZooKeeper's PurgeTxnLog
# A path of a Unix socket has at most 107 bytes; the names in the directory take the rest.
RUN_DIR_BYTES_MAX = 70

_BOOLS = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """warnings: what the file asks for and does not get; each is to be logged or printed once."""

    config: MemberConfig
    warnings: tuple[Problem, ...]


def load_config(path: Path) -> LoadedConfig:
    """Read one member's configuration.

    Raises ConfigError: with every problem of all its files; OSError: the disk fails, which may pass.
    """
    reader = _Reader(path)
    reader.read_static()
    reader.read_dynamic()
    config = reader.build()
    if reader.problems or config is None:
        raise ConfigError(sorted(dict.fromkeys(reader.problems), key=lambda p: (str(p.file) != str(path), p.line)))
    return LoadedConfig(config, tuple(reader.warnings))


class _Reader:
    """Gathers entries, problems and warnings; every method goes on after a problem."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.entries: dict[str, Entry] = {}
        self.servers: dict[int, tuple[Entry, ServerLine]] = {}
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    # Entries -----------------------------------------------------------------------------

    def read_static(self) -> None:
        for entry in self.entries_of(self.path, "give the path of a zoo.cfg"):
            self.add(entry)

    def read_dynamic(self) -> None:
        pointer = self.entries.get("dynamicConfigFile")
        if pointer is None:
            return
        for entry, _ in self.servers.values():
            self.problem(entry, "must stand in the dynamic file", f"move it to {pointer.value}")
        for entry in self.entries_of(Path(pointer.value), "correct dynamicConfigFile", pointer):
            if entry.key == "version":
                self.problem(entry, "the version belongs in the file's name", "remove the line")
            elif entry.key.startswith(("server.", "group.", "weight.")):
                self.add(entry)
            else:
                self.problem(
                    entry,
                    "a dynamic file holds only server, group and weight lines",
                    f"move it to {self.path}",
                )

    def entries_of(self, path: Path, cure: str, pointer: Entry | None = None) -> list[Entry]:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            if error.errno == errno.EIO:
                raise
            place = pointer or Entry(path, 0, "", "")
            self.problem(place, f"cannot read {path}: {error.strerror}", cure)
            if pointer is None:
                raise ConfigError(self.problems) from None  # all else would only follow from it
            return []
        return parse_properties(text, path)

    def add(self, entry: Entry) -> None:
        key = find_key(entry.key)
        if key is None:
            near = nearest_name(entry.key)
            cure = f"did you mean {near}?" if near else "remove the line"
            self.problem(entry, "unknown key", cure)
        elif key.loses(entry.value):
            self.note_loss(entry, key)
        elif key.name == "server.N":
            self.add_server(entry)
        else:
            if (before := self.entries.get(entry.key)) and before.value != entry.value:
                self.warn(
                    entry,
                    f"given before, in line {before.line}, as {before.value}",
                    "this line counts, as in ZooKeeper",
                )
            self.entries[entry.key] = entry

    def note_loss(self, entry: Entry, key: Key) -> None:
        if key.standing is Standing.REFUSED:
            self.problem(entry, f"{key.standing}: {key.loss}", "remove the line if you accept that")
        else:
            self.warn(entry, f"{key.standing}: {key.loss}")

    def add_server(self, entry: Entry) -> None:
        member_id = int(entry.key.removeprefix("server."))
        if not 1 <= member_id <= MEMBER_ID_MAX:
            self.problem(
                entry,
                f"a member's id is from 1 to {MEMBER_ID_MAX}",
                "it is the top byte of session ids; give another number",
            )
            return
        try:
            server = parse_server(entry.value)
        except ValueError as error:
            self.problem(entry, str(error), f"as in {entry.key}=zoo{member_id}:2888:3888;2181")
            return
        if member_id in self.servers and self.servers[member_id][1] != server:
            before = self.servers[member_id][0]
            self.problem(
                entry,
                f"given before, in line {before.line}, as {before.value}",
                "members must agree on each other's addresses: keep one line",
            )
        if server.more:
            unused = ", ".join(server.more)
            self.warn(entry, f"not built yet: only {server.host} is used, not {unused}")
        self.servers[member_id] = (entry, server)

    # Values ------------------------------------------------------------------------------

    def text(self, name: str) -> str:
        entry = self.entries.get(name)
        return entry.value if entry else _row(name).default

    def number(self, name: str) -> int:
        """The key's value, or its default after a problem."""
        key, entry = _row(name), self.entries.get(name)
        default = int(key.default or 0)
        if entry is None:
            return default
        try:
            value = int(entry.value, 16) if entry.value.lower().startswith("0x") else int(entry.value)
        except ValueError:
            self.problem(entry, f"{entry.value!r} is not a whole number", _example(key))
            return default
        if not key.least <= value <= key.most:
            self.problem(entry, f"{value} is not from {key.least} to {key.most}", _example(key))
            return default
        return value

    def flag(self, name: str) -> bool:
        text = self.text(name).lower()
        if text not in _BOOLS:
            self.problem(self.entries[name], f"{text!r} is neither true nor false", f"{name}=true")
        return _BOOLS.get(text, False)

    def share(self, name: str) -> float:
        """From 0 to 1; the default after a problem."""
        try:
            share = float(self.text(name))
        except ValueError:
            share = math.nan
        if 0 <= share <= 1:
            return share
        self.problem(self.entries[name], f"{self.text(name)!r} is not from 0 to 1", f"{name}={_row(name).default}")
        return float(_row(name).default)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of them, in any case of letters; the default after a problem."""
        text = self.text(name).lower()
        if text in choices:
            return text
        self.problem(self.entries[name], f"{text!r} is none of {', '.join(choices)}", f"{name}={_row(name).default}")
        return _row(name).default

    def directory(self, name: str, default: Path) -> Path:
        entry = self.entries.get(name)
        if entry is None or not entry.value:
            return default
        path = Path(entry.value)
        if not path.is_absolute():
            self.warn(
                entry,
                f"relative to where the member is started: now {path.absolute()}",
                "give an absolute path",
            )
        return path.absolute()

    # The whole ---------------------------------------------------------------------------

    def build(self) -> MemberConfig | None:
        """None, or anything at all, once there is a problem."""
        data_dir = self.data_dir()
        member_id = self.member_id(data_dir)
        client_hosts, client_port = self.client_addresses(member_id)
        members = self.members(member_id, client_hosts[0], client_port)
        tick_ms = self.number("tickTime")
        least, most = self.session_timeouts(tick_ms)
        return MemberConfig(
            file=self.path,
            id=member_id,
            members=members,
            servers=self.server_lines(),
            hierarchy=self.hierarchy(),
            standalone_enabled=self.flag("standaloneEnabled"),
            reconfig_enabled=self.flag("reconfigEnabled"),
            observer_masters=self.number("observerMasterPort") > 0,
            tick_ms=tick_ms,
            init_limit=self.number("initLimit"),
            sync_limit=self.number("syncLimit"),
            data_dir=data_dir,
            log_dir=self.directory("dataLogDir", data_dir),
            keys_dir=self.directory("corral.keys", data_dir / "keys"),
            run_dir=self.run_dir(data_dir),
            backup_dir=self.directory("corral.backupDir", data_dir / "backup"),
            client_addresses=client_hosts,
            client_port=client_port,
            listen_backlog=self.number("clientPortListenBacklog"),
            max_client_cnxns=self.number("maxClientCnxns"),
            min_session_timeout_ms=least,
            max_session_timeout_ms=most,
            four_letter_words=self.four_letter_words(),
            jute_max_buffer=self.number("jute.maxbuffer"),
            snap_count=self.number("snapCount"),
            snap_retain_count=max(SNAPSHOTS_KEPT_MIN, self.number("autopurge.snapRetainCount")),
            snapshot_bytes=self.number("corral.snapshotBytes"),
            security=read_security(self),
            limits=read_limits(self),
            quorum_listen_on_all_ips=self.flag("quorumListenOnAllIPs"),
            processors=self.number("corral.processors"),
            metrics_address=strip_brackets(self.text("corral.metricsAddress")),
            metrics_port=self.number("corral.metricsPort"),
            admin_hosts=frozenset(
                word.strip() for word in self.text("corral.adminHosts").split(",")) - {""},
            http=read_http(self),
            browser=self.browser(),
            tracing=self.tracing(),
            rules=self.rules(),
            test_hooks=self.flag("corral.testHooks"),
            feature_level=self.feature_level(),
            log_level=self.choice("corral.logLevel", ("debug", "info", "warning", "error")),
            audit_file=self.audit_file(data_dir),
            audit_format=self.choice("corral.auditFormat", ("json", "zookeeper")),
        )

    def audit_file(self, data_dir: Path) -> Path | None:
        file = self.directory("corral.auditFile", data_dir / "audit.log")
        return file if self.flag("audit.enable") else None

    def browser(self) -> str:
        mode = self.choice("corral.browser", ("auto", "off", "read", "write"))
        address = strip_brackets(self.text("corral.metricsAddress"))
        is_local = address in ("localhost", "::1") or address.startswith("127.")
        return mode if mode != "auto" else "read" if is_local else "off"

    def tracing(self) -> Tracing:
        return Tracing(
            otlp_endpoint=self.otlp_endpoint(),
            otlp_protocol=self.choice("corral.otlpProtocol", ("grpc", "http/protobuf")),
            ratio=self.share("corral.traceRatio"),
            budget=self.number("corral.traceBudget"),
            slow_ms=self.number("corral.traceSlowMs"),
            ring=self.number("corral.traceRing"),
        )

    def rules(self) -> Rules:
        return Rules(
            has_extended_types=self.flag("extendedTypesEnabled"),
            enforces_quotas=self.flag("enforceQuota"),
            check_interval_ms=self.number("znode.container.checkIntervalMs"),
            reaped_per_minute=self.number("znode.container.maxPerMinute"),
            never_used_ms=self.number("znode.container.maxNeverUsedIntervalMs"),
            local_sessions=self.flag("localSessionsEnabled"),
            local_sessions_upgrade=self.flag("localSessionsUpgradingEnabled"),
            read_only=self.flag("readonlymode.enabled"),
            compatibility=self.choice("corral.compatibility", ("3.8", "3.9")),
            extensions=self.flag("corral.extensions"),
        )

    def otlp_endpoint(self) -> str:
        text = self.text("corral.otlpEndpoint")
        if text and not _is_http_url(text):
            self.problem(
                self.entries["corral.otlpEndpoint"], f"{text!r} is not the URL of a collector",
                "as in corral.otlpEndpoint=http://collector:4317 (https for TLS)")
        return text

    def feature_level(self) -> int:
        """Tests may pretend to be of a later version."""
        level = self.number("corral.featureLevel")
        if level > FEATURE_LEVEL and not self.flag("corral.testHooks"):
            self.problem(
                self.entries["corral.featureLevel"], f"this version supports up to {FEATURE_LEVEL}",
                f"install a version of Corral that supports {level}, or corral.featureLevel={FEATURE_LEVEL}")
        return level

    def data_dir(self) -> Path:
        if not self.text("dataDir"):
            self.absent("dataDir", "dataDir=/var/lib/corral")
        return self.directory("dataDir", Path.cwd())

    def member_id(self, data_dir: Path) -> int:
        """From dataDir/myid; an ensemble of one needs no such file."""
        self.number("electionAlg")
        file = data_dir / "myid"
        alone = len(self.servers) <= 1 and self.flag("standaloneEnabled")
        try:
            text = file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
        except FileNotFoundError:
            if not alone and self.text("dataDir"):
                ids = ", ".join(map(str, sorted(self.servers))) or "N"
                example = f"echo {min(self.servers, default=1)} > {file}"
                self.problems.append(
                    Problem(
                        file,
                        0,
                        "myid",
                        "the file is missing",
                        f"write this member's number, one of {ids}: {example}",
                    )
                )
            return min(self.servers, default=1)
        except OSError as error:
            if error.errno == errno.EIO:
                raise
            self.problems.append(Problem(file, 0, "myid", f"cannot be read: {error.strerror}"))
            return min(self.servers, default=1)
        return self.check_member_id(file, text)

    def check_member_id(self, file: Path, text: str) -> int:
        fallback = min(self.servers, default=1)
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MEMBER_ID_MAX:
            self.problems.append(
                Problem(
                    file,
                    1,
                    "myid",
                    f"{text!r} is not a number from 1 to {MEMBER_ID_MAX}",
                    f"echo {fallback} > {file}",
                )
            )
            return fallback
        if self.servers and int(text) not in self.servers:
            known = ", ".join(f"server.{i}" for i in sorted(self.servers))
            self.problems.append(
                Problem(
                    file,
                    1,
                    "myid",
                    f"{text}, but {self.path} has only {known}",
                    f"add a line server.{text}=… to every member's file, or correct myid",
                )
            )
            return fallback
        return int(text)

    def client_addresses(self, member_id: int) -> tuple[tuple[str, ...], int]:
        port_entry = self.entries.get("clientPort")
        port, host = self.number("clientPort"), strip_brackets(self.text("clientPortAddress"))
        line = self.servers.get(member_id)
        if line is not None and (client := line[1].client) is not None:
            self.compare_client(line[0], client, host=host, port=port if port_entry else None)
            host, port = client.host, client.port
        elif port_entry is None and not any(p.key == "clientPort" for p in self.problems):
            self.absent("clientPort", "clientPort=2181 (0 takes any free port)")
        return (WILDCARDS if not host or host in WILDCARDS else (host,)), port

    def compare_client(self, line: Entry, client: Address, *, host: str, port: int | None) -> None:
        """As ZooKeeper's setupClientPort: two places may say it, if they agree."""
        is_other_host = bool(host) and host not in WILDCARDS and host != client.host
        if is_other_host or (port is not None and port != client.port):
            self.problem(
                line,
                f"clients at {client}, but clientPort and clientPortAddress say "
                f"{host or WILDCARDS[0]}:{port}",
                "say it in one place",
            )

    def members(self, member_id: int, client_host: str, client_port: int) -> dict[int, Member]:
        own = Address(client_host, client_port)
        if not self.servers:
            return {member_id: Member(member_id, "127.0.0.1", 0, 0, Role.PARTICIPANT, own)}
        check_servers(self, self.servers, member_id)
        return {
            i: Member(
                i,
                s.host,
                s.quorum_port,
                s.election_port,
                s.role,
                s.client or (own if i == member_id else None),
            )
            for i, (_, s) in sorted(self.servers.items())
        }

    def server_lines(self) -> dict[int, str]:
        if len(self.servers) < 2 and self.flag("standaloneEnabled"):
            return {}
        return {i: format_server(server) for i, (_, server) in sorted(self.servers.items())}

    def hierarchy(self) -> Hierarchy:
        return read_groups(self, self.servers) if self.server_lines() else MAJORITY

    def session_timeouts(self, tick_ms: int) -> tuple[int, int]:
        least, most = self.number("minSessionTimeout"), self.number("maxSessionTimeout")
        least = 2 * tick_ms if least == -1 else least
        most = 20 * tick_ms if most == -1 else most
        if least > most:
            entry = self.entries.get("minSessionTimeout") or self.entries["maxSessionTimeout"]
            self.problem(
                entry,
                f"minSessionTimeout {least} ms is over maxSessionTimeout {most} ms",
                "raise the one or lower the other",
            )
        return least, most

    def four_letter_words(self) -> frozenset[str]:
        words = {word.strip() for word in self.text("4lw.commands.whitelist").split(",")} - {""}
        if "*" in words:
            return frozenset(FOUR_LETTER_WORDS)
        entry = self.entries.get("4lw.commands.whitelist")
        for word in sorted(words - FOUR_LETTER_WORDS.keys()):
            assert entry is not None  # the default has known words only
            near = difflib.get_close_matches(word, FOUR_LETTER_WORDS, n=1)
            self.warn(entry, f"{word}: there is no such word", f"did you mean {near[0]}?" if near else "")
        return frozenset(words & FOUR_LETTER_WORDS.keys())

    def run_dir(self, data_dir: Path) -> Path:
        """From the file alone, never the environment: `status` and every process must find it."""
        given = self.entries.get("corral.runDir")
        path = self.directory("corral.runDir", data_dir / "run")
        if len(os.fsencode(path)) <= RUN_DIR_BYTES_MAX:
            return path
        if given is not None:
            self.problem(
                given,
                f"longer than {RUN_DIR_BYTES_MAX} bytes: sockets need the rest",
                "give a shorter path, such as /run/corral",
            )
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        return Path("/tmp") / f"corral-{os.getuid()}-{name}"  # sticky: nobody can swap it for his own

    # Notes -------------------------------------------------------------------------------

    def problem(self, entry: Entry, text: str, cure: str = "") -> None:
        self.problems.append(Problem(entry.file, entry.line, entry.key, text, cure))

    def warn(self, entry: Entry, text: str, cure: str = "") -> None:
        self.warnings.append(Problem(entry.file, entry.line, entry.key, text, cure))

    def absent(self, key: str, example: str) -> None:
        cure = f"add a line such as {example}"
        self.problems.append(Problem(self.path, 0, key, "is not set", cure))


def _is_http_url(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname)


def _row(name: str) -> Key:
    key = find_key(name)
    assert key is not None  # a name in this file is a row of the table
    assert key.standing is Standing.HONOURED
    return key


def _example(key: Key) -> str:
    return f"{key.meaning}; as in {key.name}={key.default or 2181}"
