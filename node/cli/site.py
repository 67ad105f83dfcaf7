"""The admin HTTP of a member, as a command reaches it: by HTTP or HTTPS, and whom it trusts.

`host:port` is HTTP, `https://host:port` HTTPS.
"""

import functools
import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import click

from node.auth.key_stores import certificate_of
from node.cli.errors import Failure
from node.cli.tls_words import ADMIN_HTTP, CA_VARIABLE
from node.config.address import format_address
from node.config.member import MemberConfig

ANSWER_S: Final = 6.0
NOT_OURS: Final = "what answers there is no member's metrics port"
AUTH_VARIABLE: Final = "CORRAL_AUTH"  # as of `corral sh`
_FORCED: Final = "speaks nothing but HTTPS (admin.forceHttps): say https://HOST:PORT, and --ca"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Trust:
    """*ca*: certificates that a member's has to be signed by; none: those that this machine trusts. *certificate*,
    *key*: one's own, where the member wants one. *member*: its own certificate, as DER, which is good under any name.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    member: bytes = b""

    def context(self) -> ssl.SSLContext:
        """Raises Failure."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise Failure(f"{self.ca or ''} {self.certificate or ''}: no PEM that can be used: {error}") from None
        if self.member:
            context.check_hostname = False
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(cadata=self.member)
        return context


COMMANDS: Final = "/commands"
NO_TRUST: Final = Trust()
_context_of = functools.lru_cache(maxsize=16)(Trust.context)


@dataclass(frozen=True, slots=True)
class Site:
    """*server*: host:port, as people call it. *commands*: where ZooKeeper's commands are on it, admin.commandURL."""

    server: str
    is_secure: bool = False
    trust: Trust = field(default=NO_TRUST, repr=False)
    commands: str = COMMANDS

    def __str__(self) -> str:
        return self.server

    @property
    def url(self) -> str:
        return f"{'https' if self.is_secure else 'http'}://{self.server}"

    def get(
        self, path: str, *, timeout_s: float = ANSWER_S, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Raises OSError: no answer, with what can be done where that is known; HTTPError, of these, where there is one
        other than 200."""
        # The member refuses names that are not its own, for browsers' sake; an operator may call it as he likes.
        request = urllib.request.Request(f"{self.url}{path}", headers={"Host": "localhost", **(headers or {})})
        context = _context_of(self.trust) if self.is_secure else None
        try:
            with urllib.request.urlopen(request, timeout=timeout_s, context=context) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            if error.code == 400 and not self.is_secure and b"forceHttps" in error.read():
                raise OSError(_FORCED) from None
            raise
        except (urllib.error.URLError, ssl.SSLError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if self.is_secure and isinstance(reason, ssl.SSLError | ConnectionResetError):
                raise OSError(ADMIN_HTTP.reason(reason)) from None
            raise OSError(str(reason)) from None
        except http.client.HTTPException:
            raise OSError(NOT_OURS) from None

    def get_json(
        self, path: str, *, timeout_s: float = ANSWER_S, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Raises OSError, also where what answers is no member's."""
        try:
            found = json.loads(self.get(path, timeout_s=timeout_s, headers=headers))
        except ValueError:
            raise OSError(NOT_OURS) from None
        if not isinstance(found, dict):
            raise OSError(NOT_OURS)
        return found


def sites_of(texts: Sequence[str], trust: Trust = NO_TRUST) -> list[Site]:
    """Each of host:port, http://host:port and https://host:port; also several with commas between them. A path after
    http://host:port is admin.commandURL."""
    return [_site(each.strip(), trust) for text in texts for each in text.split(",") if each.strip()]


def _site(text: str, trust: Trust) -> Site:
    if "://" not in text:
        return Site(text, trust=trust)
    parts = urllib.parse.urlsplit(text)
    is_command_url = not (parts.query or parts.fragment) and parts.path != "/metrics"
    if parts.scheme not in ("http", "https") or not parts.netloc or not is_command_url:
        raise Failure(f"{text}: a metrics port is host:port, http://host:port or https://host:port, and "
                      "admin.commandURL if that is another than /commands")
    return Site(parts.netloc, parts.scheme == "https", trust, parts.path.rstrip("/") or COMMANDS)


def site_of_member(config: MemberConfig) -> Site:
    """Of a member of this machine: as it says; as it was configured where it has not run yet. Raises SecurityError."""
    try:
        port = int((config.run_dir / "metrics-port").read_text())
    except (OSError, ValueError):
        port = config.metrics_port
    tls = config.http.tls
    trust = NO_TRUST if tls is None else Trust(member=certificate_of(tls.key_store))
    return Site(format_address(config.metrics_address, port), config.http.refuses_plain, trust, config.http.command_url)


def trust_options(command: F) -> F:
    """--ca, --cert and --key, as the argument *trust*."""
    pem = click.Path(exists=True, dir_okay=False)

    @functools.wraps(command)
    def called(*arguments: Any, ca: str | None, cert: str | None, key: str | None, **options: Any) -> Any:
        return command(*arguments, trust=Trust(ca, cert, key), **options)

    for name, envvar, text in (
            ("--key", None, "Its key."), ("--cert", None, "Your certificate, where members want one."),
            ("--ca", CA_VARIABLE, f"Authority that members' HTTPS certificates are checked by. [env: {CA_VARIABLE}]")):
        click.option(name, type=pem, envvar=envvar, help=text, metavar="FILE")(called)
    return called  # type: ignore[return-value]
