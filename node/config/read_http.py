"""The keys of the HTTP for operators -> Http. Each problem is noted, and reading goes on."""

from dataclasses import replace

from node.config.address import strip_brackets
from node.config.http import Http, Listener
from node.config.read_tls import read_tls_settings
from node.config.security import Tls
from node.config.values import Values

_PORTS = (
    ("admin.serverPort", "admin.serverAddress", "commands"),
    ("metricsProvider.httpPort", "metricsProvider.httpHost", "metrics"),
)
EVERY_ADDRESS = "::"  # both families, where this machine has both (observability/endpoint.py)


def read_http(values: Values) -> Http:
    interval_ms = values.number("admin.rateLimiterIntervalInMS")
    has_commands = values.flag("admin.enableServer")
    listeners = [
        Listener(key, strip_brackets(values.text(address)) or EVERY_ADDRESS, port, serves)
        for key, address, serves in _PORTS if (port := values.number(key))]
    return Http(
        listeners=tuple(each for each in listeners if has_commands or each.serves != "commands"),
        tls=_tls(values),
        refuses_plain=values.flag("admin.forceHttps"),
        has_commands=has_commands,
        command_url=_command_url(values),
        has_snapshot=values.flag("admin.snapshot.enabled"),
        has_restore=values.flag("admin.restore.enabled"),
        interval_s=interval_ms / 1000,
        past_bytes=values.number("corral.pastMemory") << 20,
    )


def wants_https(values: Values) -> bool:
    return values.flag("admin.portUnification") or values.flag("admin.forceHttps")


def _tls(values: Values) -> Tls | None:
    needs_client = values.flag("admin.needClientAuth")
    if not wants_https(values):
        if needs_client:
            values.problem(values.entries["admin.needClientAuth"], "no HTTP port speaks TLS",
                           "add admin.forceHttps=true, or admin.portUnification=true")
        return None
    tls = read_tls_settings(values, "need" if needs_client else "none")
    # Who shows a certificate that is known may be let in by it (scheme x509), and nobody has to.
    return replace(tls, client_auth="want") if tls.trust_store is not None and not needs_client else tls


def _command_url(values: Values) -> str:
    url = values.text("admin.commandURL").rstrip("/")
    if not url.startswith("/"):
        values.problem(values.entries["admin.commandURL"], f"{url!r} is no path", "admin.commandURL=/commands")
        return "/commands"
    return url
