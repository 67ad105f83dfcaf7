"""A processor's figures: four-letter words (over all processors of the member), status."""

import os
import platform
import pwd
import resource
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from node.config.address import Role, parse_server
from node.config.servers import server_lines
from node.processes.processor_outputs import client_of
from node.requests.connection import Connection, Phase
from node.requests.four_letter import (
    OWN_WORD,
    WORDS,
    Facts,
    Report,
    answer,
    latency_avg,
    merged,
    refused,
)
from transport.clock import clock_ns
from transport.entry import read_control
from transport.hierarchy import Hierarchy
from transport.messages import Answer, Ask
from transport.zxid import counter_of, epoch_of

if TYPE_CHECKING:
    from node.processes.processor import ProcessorShell

HANDSHAKE_MS: Final = 10_000  # zookeeper.nio.sessionlessCnxnTimeout
TRACE_MASK: Final = 306  # as ZooKeeper's; nothing is logged by it here
ACL_OF: Final = "acl "  # and a path: asked by telemetry alone, as is
MEMBERS: Final = "members"
SIBLINGS_S: Final = 1.0  # how long a word waits for the other processors
CORRAL_VERSION: Final = version("corral")
VERSION: Final = f"3.8.0-corral-{CORRAL_VERSION}"  # clients and agents take the numbers before the dash for ZooKeeper's


def user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def directory_bytes(path: Path) -> int:
    try:
        return sum(entry.stat().st_size for entry in os.scandir(path) if entry.is_file())
    except OSError:
        return 0


class Words:
    def __init__(self, shell: "ProcessorShell") -> None:
        self.shell = shell
        self._asked = 0
        self._trace_mask = TRACE_MASK
        self._waiting: dict[int, tuple[Connection, str, list[Report]]] = {}

    # --- words -------------------------------------------------------------------------------------------------

    def answer(self, conn: Connection) -> None:
        """At once, or when the sibling processors have reported."""
        word = conn.word
        config = self.shell.config
        allowed = config.four_letter_words
        if word != OWN_WORD and "*" not in allowed and word not in allowed:
            self._finish(conn, refused(word))
            return
        if word == "stmk":
            word = conn.word = f"stmk {int.from_bytes(conn.input[:8].rjust(8, bytes(1)), 'big', signed=True)}"
        reports = [self.report(word)]
        if config.processors == 1 or (word != OWN_WORD and not WORDS[word[:4]][2]):
            self._answer_with(conn, word, reports)
            return
        self._asked += 1
        self._waiting[self._asked] = (conn, word, reports)
        self.shell.loop.call_later(SIBLINGS_S, self._give_up, self._asked)
        self.shell.local.send(Ask(self._asked, word))

    def on_answer(self, message: Answer) -> None:
        waiting = self._waiting.get(message.id)
        if waiting is None:
            return
        conn, word, reports = waiting
        reports.append(message.values)
        if len(reports) == self.shell.config.processors:
            del self._waiting[message.id]
            self._answer_with(conn, word, reports)

    def _give_up(self, asked: int) -> None:
        waiting = self._waiting.pop(asked, None)
        if waiting is not None:
            self._answer_with(*waiting)

    def _answer_with(self, conn: Connection, word: str, reports: list[Report]) -> None:
        report = merged(reports)
        if word == OWN_WORD:
            self._finish(conn, orjson.dumps(self.status(report)).decode())
            return
        facts = Facts(
            version=VERSION, serving=self.shell.core.serving, member=self.shell.member_state, report=report,
            config=self._config() if word in {"conf", "dirs"} else [],
            environment=self._environment() if word == "envi" else [],
            now_ms=clock_ns() // 1_000_000, read_only=self.shell.core.read_only.is_on)
        self._finish(conn, answer(word[:4], facts))

    def _finish(self, conn: Connection, text: str) -> None:
        client = client_of(conn)
        client.send(text.encode())
        client.finish()

    # --- figures -----------------------------------------------------------------------------------------------

    def report(self, word: str) -> Report:
        core = self.shell.core
        statistics = core.statistics
        state = core.replica.state
        report: Report = {
            "received": statistics.received, "sent": statistics.sent,
            "alive_connections": len(core.connections), "outstanding": core.submissions.outstanding,
            "latency_sum": statistics.latency_sum_ms, "latency_min": statistics.latency_min_ms,
            "latency_max": statistics.latency_max_ms, "zxid": core.replica.zxid, "znodes": state.tree.count,
            "uptime_ms": clock_ns() // 1_000_000 - self.shell.started_ms,
            "sessions": [], "connections": [], "watches_by_connection": [], "figures": [],
        }
        self._do(word)
        if word[:4] in {"gtmk", "stmk"}:
            report["trace_mask"] = self._trace_mask
        elif word == "hash":
            report["digests"] = list(self.shell.execution.recent_digests)
        elif word.startswith(ACL_OF):
            node = state.tree.nodes.get(word.removeprefix(ACL_OF).encode())
            report["acl"] = None if node is None else [
                (perms, scheme.decode(), ident.decode(errors="replace")) for perms, scheme, ident in node.acl]
        elif word == MEMBERS:
            report["members"] = self._membership()[0]
        if word == "mntr":
            state.digest()  # counts the bytes of what was written since the last digest point
            report["figures"] = [{
                **self.shell.figures.values(), "ephemerals": state.sessions.ephemerals,
                "open_fds": len(os.listdir("/proc/self/fd")) - 1,  # noqa: PTH208 - less the one that lists them
                "max_fds": resource.getrlimit(resource.RLIMIT_NOFILE)[0]}]
        if word == "dump":
            report["sessions"] = [
                (sid, session.timeout_ms, [path.decode(errors="replace") for path in session.ephemerals])
                for sid, session in state.sessions.items()]
        if word == "dump" and self.shell.idle.expiry is not None:
            now = clock_ns() // 1_000_000
            wall_ms = int(time.time() * 1000) - now
            deadlines = self.shell.idle.expiry.deadlines()
            report["deadlines"] = [
                wall_ms + deadlines.get(sid, now + session.timeout_ms) for sid, session in state.sessions.items()]
        if word in {"stat", "cons", "dump"}:
            report["connections"] = [self._connection(conn) for conn in core.connections.values()]
        if word in {"wchs", "wchc", "wchp"}:
            report["watches_by_connection"] = [
                (core.connections[number].session_id, [path.decode(errors="replace") for path in paths])
                for number, paths in core.watches.by_connection().items() if number in core.connections]
        return report

    def _do(self, word: str) -> None:
        """What a word changes, in this processor."""
        if word == "crst":
            for each in self.shell.core.connections.values():
                each.frames_in = each.frames_out = 0
        elif word == "srst":
            self.shell.core.statistics.reset()
        elif word.startswith("stmk "):
            self._trace_mask = int(word[5:])

    def _connection(self, conn: Connection) -> Report:
        client = client_of(conn)
        wall_ms = int(time.time() * 1000) - clock_ns() // 1_000_000
        established = wall_ms + conn.created_ms
        tick_ms = self.shell.config.tick_ms
        due_ms = wall_ms + ((conn.heard_ms + (conn.timeout_ms or HANDSHAKE_MS)) // tick_ms + 1) * tick_ms
        return {
            "address": conn.address, "port": client.port, "queued": conn.submitted - conn.done,
            "received": conn.frames_in, "sent": conn.frames_out, "is_secure": conn.is_secure,
            "session": conn.session_id if conn.phase is Phase.READY else 0, "last_op": conn.last_op,
            "established": established, "timeout": conn.timeout_ms, "last_xid": conn.last_xid,
            "last_zxid": conn.last_zxid, "last_response": conn.heard_ms, "due": due_ms,
        }

    def status(self, report: Report) -> dict[str, Any]:
        """The own word's object: what `corral status` shows of this member."""
        shell = self.shell
        member = shell.member_state
        zxid = report["zxid"]
        return {
            "id": shell.config.id, "role": member.get("role", "looking") if shell.lease.is_held() else "looking",
            "serving": shell.core.serving and shell.lease.is_held(),
            "leader": member.get("leader", 0), "epoch": epoch_of(zxid), "zxid": f"0x{zxid:x}",
            "zxid_counter": counter_of(zxid), "lag": self._lag(zxid),
            "connections": report["alive_connections"], "outstanding": report["outstanding"],
            "znodes": report["znodes"], "uptime_s": round(report["uptime_ms"] / 1000, 1),
            "latency_avg_ms": latency_avg(report), "quorum": member.get("quorum_size", 0),
            "quorum_slack": member.get("quorum_slack"), "learners": member.get("learners", {}),
            "differs": member.get("differs", False), "draining": member.get("draining", False),
            "processes": member.get("processes", {}),
            "feature_level": member.get("feature_level"), "version": CORRAL_VERSION,
            "ensemble": shell.keys.ensemble,
            "client_port": shell.port.number,
        }

    def _lag(self, zxid: int) -> int | None:
        """Zxids between what is committed, as far as known here, and what this replica has executed."""
        shell = self.shell
        lag = shell.member_state.get("lag")
        if not shell.lease.is_held() or not isinstance(lag, int):
            return None
        mark = shell.execution.watermark.zxid if shell.execution.watermark else 0
        return lag + (max(mark - zxid, 0) if epoch_of(mark) == epoch_of(zxid) else 0)

    def _config(self) -> list[tuple[str, str]]:
        config = self.shell.config
        data, log = config.data_dir / "corral", config.log_dir / "corral"
        servers, hierarchy, version = self._membership()
        me = parse_server(servers[config.id]) if config.id in servers else config.me
        tls = config.security.tls
        rows: list[tuple[str, Any]] = [
            ("clientPort", self.shell.port.number),
            ("secureClientPort", tls.port if tls is not None and tls.port else -1), ("dataDir", data),
            ("dataDirSize", directory_bytes(data)), ("dataLogDir", log), ("dataLogSize", directory_bytes(log)),
            ("tickTime", config.tick_ms), ("maxClientCnxns", config.max_client_cnxns),
            ("minSessionTimeout", config.min_session_timeout_ms),
            ("maxSessionTimeout", config.max_session_timeout_ms),
            ("clientPortListenBacklog", config.listen_backlog), ("serverId", config.id),
        ]
        if len(servers) > 1:
            rows += [
                ("initLimit", config.init_limit), ("syncLimit", config.sync_limit), ("electionAlg", 3),
                ("electionPort", me.election_port), ("quorumPort", me.quorum_port),
                ("peerType", 0 if me.role is Role.PARTICIPANT else 1), ("", "membership: ")]
            rows += [(name, value) for name, _, value in (
                line.partition("=") for line in server_lines(servers, hierarchy))]
            rows.append(("version", f"{version:x}"))
        return [(key, str(value)) for key, value in rows]

    def _membership(self) -> tuple[dict[int, str], Hierarchy, int]:
        """Server lines, groups and version of the configuration in force; none, of a standalone member."""
        config, control = self.shell.config, self.shell.core.replica.state.control
        entry = read_control(control) if control else None
        if entry is None or not entry.servers:
            return dict(config.servers), config.hierarchy, 0
        return entry.servers, entry.hierarchy, entry.config_version

    def _environment(self) -> list[tuple[str, str]]:
        return [
            ("zookeeper.version", VERSION), ("host.name", platform.node()),
            ("python.version", platform.python_version()), ("os.name", platform.system()),
            ("os.arch", platform.machine()), ("os.version", platform.release()),
            ("user.name", user_name()), ("user.home", str(Path("~").expanduser())),
            ("user.dir", str(Path.cwd())),
        ]
