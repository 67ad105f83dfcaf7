"""The telemetry shell: what the others measured and noted, for Prometheus, /explain and traces.

On nobody's path: it may die at any time. One loop; HTTP is served by threads, which wait for the loop where they must
(node/processes/calls.py).
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from types import FrameType

from structlog.typing import FilteringBoundLogger

from node.config.address import Address
from node.config.explain import explain
from node.config.live import in_use, leave_stamp
from node.config.member import MemberConfig
from node.config.problems import ConfigError
from node.keys import KeysError
from node.notify import SILENT, Notify
from node.processes.calls import Calls
from node.processes.limited_log import LimitedLog
from node.processes.loop import EXIT_REFUSED, StopSignals
from node.processes.processor_words import MEMBERS
from node.processes.telemetry_asking import Asking
from node.processes.telemetry_facts import facts_now, facts_of, newest_snapshot
from node.processes.telemetry_figures import samples_of
from node.processes.telemetry_guarded import guarded_routes, identities_of_caller
from node.processes.telemetry_http import HttpServers
from node.processes.telemetry_links import Links
from node.processes.telemetry_member import MemberQuestions
from node.processes.telemetry_members import MembersNow
from node.processes.telemetry_page import StatusPage
from node.processes.telemetry_past import Past, identities_of_login
from node.processes.telemetry_tracing import provide_figures, tracing_of
from node.processes.write_log import WriteLog
from node.storage.files import RealFiles
from node.storage.layout import log_directory
from observability.admin.browser import Browser
from observability.admin.checks import check_routes
from observability.admin.commands import Commands
from observability.admin.explain import explain_routes
from observability.admin.hot import hot_route
from observability.admin.logins import Logins
from observability.assembly import Entry
from observability.endpoint import Route, healthz, metrics_route
from observability.exemplars import Exemplars
from observability.exposition import registry_of
from observability.logging import configure_logging, get_logger
from observability.slowest import Slowest
from observability.stories import Stories
from transport.clock import clock_ns
from transport.messages import Relayed, Sample, Timings, decode_telemetry
from transport.poller import Poller
from transport.sockets import Sockets
from transport.wiring import ipc_endpoint

NS_PER_MS = 1_000_000
EXPORT_S = 1.0  # for what waits to be exported when the member stops


class Telemetry:
    """The process. What comes in goes to each part that wants it; `_step` does what is due in each."""

    def __init__(self, config: MemberConfig, log: FilteringBoundLogger, notify: Notify) -> None:
        """Raises EndpointError, OSError: the address of the metrics cannot be bound."""
        self.log = log
        self.notify = notify
        self.limited = LimitedLog(log, "left_out")
        self.signals = StopSignals()
        self.calls = Calls()
        self.sockets = Sockets()
        self.pull = self.sockets.pull(ipc_endpoint(str(config.run_dir), "telemetry"))
        self.poller = Poller()
        for source in (self.pull, self.signals.fileno(), self.calls.fileno()):
            self.poller.add(source)
        self.samples = samples_of(config)
        self.page = StatusPage(config, self.samples)
        self.facts = facts_of(config)
        self.logins = Logins(
            lambda: _own_clients(config), lambda *login: identities_of_login(config.security.auth, *login))
        self.questions = MemberQuestions(config, self.sockets, self.poller, self.calls)
        self.past = Past(config, self.questions.report_now, lambda request: identities_of_caller(config, request))
        self.browser = Browser(self.logins, config.browser, self.past.browsed)
        self.exemplars = Exemplars()
        self.write_log = WriteLog(RealFiles(), log_directory(config.log_dir))
        self.stories = Stories(
            me=config.id, others=[each for each in config.members if each != config.id],
            ring_writes=config.tracing.ring, find=self._find, failed=self._story_failed)
        self.slowest = Slowest()
        self.links = self._links(config) if len(config.members) > 1 else None
        self.members = MembersNow(self.questions, self._follow)
        self.tracing = tracing_of(config, self.stories, self.write_log, self.exemplars, log)
        self.config = config
        self.explained = explain(config.file)
        self._is_reload_due = False
        signal.signal(signal.SIGHUP, self._on_hangup)
        self._provide_figures()
        self.uploads: dict[str, Route] = {}
        self.servers = HttpServers(
            config, self._routes(), self.browser.posts(), self.uploads, complain=self._http_failed,
            unusable=lambda reason: self.limited.log_limited("security_unusable", reason=reason))

    def _links(self, config: MemberConfig) -> Links | None:
        try:
            return Links(config, self.sockets, self.poller)
        except KeysError as error:
            self.log.error("keys_unusable", reason=str(error))
            return None

    def _follow(self, servers: Mapping[int, str]) -> None:
        """The members have changed, or are known for the first time."""
        others = servers.keys() - {self.config.id}
        if self.links is None and others:
            self.links = self._links(self.config)
        if self.links is not None:
            self.links.follow(servers)
        self.stories.follow(others)
        self.page.follow(servers)

    def _routes(self) -> dict[str, Route]:
        asking = Asking(self.calls, self.stories, self.slowest, self.write_log)
        return {
            "/metrics": metrics_route(registry_of(self.samples, self.exemplars)),
            "/healthz": healthz,
            **self.page.routes(),
            **self.browser.routes(),
            **check_routes(self.samples.figures),
            **self._commands(),
            **explain_routes(asking),
            "/hot": hot_route(asking),
        }

    def _commands(self) -> dict[str, Route]:
        http = self.config.http
        if not http.has_commands:
            return {}
        live = self.questions.report_now
        commands = Commands(
            self.facts, self.samples.figures, live, lambda: newest_snapshot(RealFiles(), self.config.data_dir),
            lambda: [asdict(each) for each in self.explained],
            lambda: facts_now(self.facts, (live(MEMBERS) or {}).get("members", {})))
        guarded, uploads = guarded_routes(self.config, live)
        guarded["past"] = self.past.route
        self.uploads |= {f"{http.command_url}/{name}": route for name, route in uploads.items()}
        return {**commands.routes(http.command_url), **{
            f"{http.command_url}/{name}": route for name, route in guarded.items()}}

    def _provide_figures(self) -> None:
        samples, stories = self.samples, self.stories
        samples.provide("certificate_expires_s", lambda: self.servers.expires_s)
        samples.provide("ring_writes", lambda: stories.writes)
        samples.provide("peer_questions", lambda: dict(stories.questions.outcomes))
        samples.provide("clock_offset_s", lambda: {
            str(member): offset.offset_ns / 1e9 for member, offset in stories.wall_offsets().items()})
        samples.provide("clock_uncertainty_s", lambda: {
            str(member): offset.uncertainty_ns / 1e9 for member, offset in stories.wall_offsets().items()})
        if self.tracing is not None:
            provide_figures(self.tracing, samples)

    def _find(self, zxid: int, watermark: int, offset: int) -> Entry | None:
        """A write that cannot be looked up is an unknown one: its notes tell the rest."""
        try:
            return self.write_log.find(zxid, watermark=watermark, offset=offset)
        except OSError as error:
            self.limited.log_limited("write_log_unreadable", reason=str(error))
            return None

    def _story_failed(self, zxid: int, error: Exception) -> None:
        self.limited.log_limited("story_failed", zxid=zxid, reason=repr(error), exc_info=error)

    def _http_failed(self, reason: str, error: BaseException | None) -> None:
        """In any thread."""
        self.limited.log_limited("http_failed", reason=reason, exc_info=error)

    # The loop ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Until SIGTERM."""
        self.servers.start()
        self.notify.ready(f"metrics and the page: port {self.servers.main.port}")
        while not self.signals.is_stopping:
            for source in self.poller.poll(self._timeout_ms()):
                if self.links is not None and source is not self.pull:  # of MemberQuestions: below
                    self.links.receive(source)
            now_ns = clock_ns()
            self.stories.wall_ns = time.time_ns() - now_ns
            while (payload := self.pull.receive()) is not None:
                self._receive(payload, now_ns)
            self.calls.run()
            self.questions.receive()
            self._step()
            self.notify.feed(now_ns // NS_PER_MS)
        self.notify.stopping()

    def close(self) -> None:
        self.servers.shutdown()
        if self.tracing is not None:
            self.tracing.export.stop(EXPORT_S)
        self.sockets.close()

    def _receive(self, payload: bytes, now_ns: int) -> None:
        message = decode_telemetry(payload)
        match message:
            case Sample():
                self.samples.take(message, len(payload))
                self.page.take(message, now_ns / 1e9)
            case Timings():
                self.samples.take(message, len(payload))
                self.stories.intake(message)
                finished = self.slowest.intake(message, now_ns / 1e9)
                if self.tracing is not None:
                    self.tracing.intake(finished, now_ns)
            case Relayed():
                answer = self._relayed(message, now_ns)
                if answer is not None:
                    self._send(message.member, answer)

    def _relayed(self, message: Relayed, now_ns: int) -> bytes | None:
        try:
            if self.page.is_addressed(message.payload):
                return self.page.relayed(message.member, message.payload, now_ns / 1e9)
            return self.stories.relayed(message.member, message.payload, clock_ns)
        except Exception as error:  # noqa: BLE001 - no member ends another's telemetry
            self.limited.log_limited(
                "peer_message_failed", of_member=message.member, reason=repr(error), exc_info=error)
            return None

    def _on_hangup(self, _number: int, _frame: FrameType | None) -> None:
        self._is_reload_due = True

    def _reload(self) -> None:
        """What is told of the configuration: of what the processors have taken over."""
        self._is_reload_due = False
        try:
            self.explained = in_use(self.explained, explain(self.config.file))
            leave_stamp(self.config, "telemetry")
        except (ConfigError, OSError) as error:
            self.log.error("config_unusable", reason=str(error))
            return
        self.log.info("config_reloaded", file=str(self.config.file))

    def _step(self) -> None:
        if self._is_reload_due:
            self._reload()
        if self.servers.follow_files():
            self.log.info("tls_renewed", expires_s=self.servers.expires_s)
        self.logins.sweep()
        if not self.config.is_standalone:
            self.members.step(time.monotonic())
        if self.tracing is not None:
            self.tracing.step(clock_ns())
        for member, question in self.stories.step(clock_ns()):
            if not self._send(member, question):
                self.stories.unreachable(member)
        self.stories.finish(clock_ns())
        for member, question in self.page.questions(time.monotonic()):
            self._send(member, question)

    def _send(self, member: int, payload: bytes) -> bool:
        return self.links is not None and self.links.send(member, payload)

    def _timeout_ms(self) -> int:
        due = [self.stories.due_ns, None if self.tracing is None else self.tracing.due_ns]
        times = [each for each in due if each is not None]
        now_ns = clock_ns()
        timeout_ms = max((min(times) - now_ns) // NS_PER_MS + 1, 0) if times else -1
        return self.notify.timeout_ms(self.questions.timeout_ms(timeout_ms), now_ns // NS_PER_MS)


def run(config: MemberConfig, index: int, notify: Notify = SILENT) -> None:
    configure_logging(config.log_level)
    log = get_logger(process="telemetry", member=config.id)
    try:
        telemetry = Telemetry(config, log, notify)
    except OSError as error:
        log.error("metrics_port", address=config.metrics_address, port=config.metrics_port, reason=str(error),
                  cure="set corral.metricsPort (or the key that the reason names) to a free port, or to 0")
        sys.exit(EXIT_REFUSED)
    write_port(config, telemetry.servers.main.port)
    log.info("metrics", address=config.metrics_address, port=telemetry.servers.main.port)
    telemetry.run()
    telemetry.close()


def _own_clients(config: MemberConfig) -> str:
    """Where this member's clients connect, as one of them on this host would."""
    host = config.client_addresses[0]
    plain = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return str(Address(plain, config.client_port))


def write_port(config: MemberConfig, port: int) -> None:
    """For `corral up` and `status`: where metrics are served, in the run directory."""
    path = config.run_dir / "metrics-port"
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(f"{port}\n")
    aside.replace(path)
