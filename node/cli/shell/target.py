"""Where and as whom a client connects, and the options of commands that say so."""

import functools
import importlib.util
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import click
from click.core import ParameterSource

from node.cli.errors import Failure

F = TypeVar("F", bound=Callable[..., Any])

DIGEST: Final = "digest-md5"
GSSAPI: Final = "gssapi"
TLS_OPTIONS: Final = ("tls", "ca", "cert", "key", "any-host")
SERVICE: Final = "zookeeper"  # first part of a server's Kerberos principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """*auth*: scheme:credential. *sasl*: digest-md5:user:password or gssapi[:service]. The others are PEM files.

    *any_host*: a certificate of *ca*'s will do that names another host.
    """

    auth: tuple[str, ...] = ()
    sasl: str | None = None
    tls: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    any_host: bool = False

    def kazoo_options(self) -> dict[str, Any]:
        """Of KazooClient."""
        return {
            "auth_data": [tuple(each.split(":", 1)) for each in self.auth], "sasl_options": _sasl_options(self.sasl),
            "use_ssl": self.uses_tls, "ca": self.ca, "certfile": self.cert, "keyfile": self.key or self.cert,
            "verify_certs": self.ca is not None, "check_hostname": self.ca is not None and not self.any_host}

    @property
    def uses_tls(self) -> bool:
        return self.tls or bool(self.ca or self.cert)

    def tls_context(self) -> ssl.SSLContext | None:
        """For four-letter words; None: nothing is encrypted."""
        if not self.uses_tls:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        context.check_hostname = self.ca is not None and not self.any_host
        if self.ca is None:
            context.verify_mode = ssl.CERT_NONE
        if self.cert is not None:
            context.load_cert_chain(self.cert, self.key or self.cert)
        return context


def context_of(credentials: Credentials) -> ssl.SSLContext | None:
    """As `tls_context`.  Raises Failure: a file is not what it should be."""
    try:
        return credentials.tls_context()
    except (OSError, ssl.SSLError) as error:
        files = " ".join(filter(None, (credentials.ca, credentials.cert, credentials.key)))
        raise Failure(f"{files}: no PEM that can be used: {error}") from None


@dataclass(frozen=True, slots=True)
class Target:
    """*servers*: host:port,…, and /chroot if wanted."""

    servers: str
    timeout_s: float = 30.0
    read_only: bool = False
    credentials: Credentials = Credentials()


def _sasl_options(sasl: str | None) -> dict[str, str] | None:
    if sasl is None:
        return None
    mechanism, _, rest = sasl.partition(":")
    if mechanism == GSSAPI:
        return {"mechanism": "GSSAPI", "service": rest or SERVICE}
    user, _, password = rest.partition(":")
    return {"mechanism": "DIGEST-MD5", "username": user, "password": password}


# Options ---------------------------------------------------------------------------------------


class _Auth(click.ParamType[str]):
    name = "auth"
    envvar_list_splitter = "\n"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if ":" not in value:
            self.fail("it is SCHEME:CREDENTIAL, as digest:ann:secret", param, ctx)
        return value


class _Sasl(click.ParamType[str]):
    name = "sasl"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        mechanism, _, rest = value.partition(":")
        user, colon, _ = rest.partition(":")
        if mechanism == GSSAPI:
            if importlib.util.find_spec("kerberos") is None:
                self.fail("gssapi needs Python's package kerberos — install it into Corral's environment: bin/pip "
                          "install kerberos (it is built with libkrb5-dev and gcc)", param, ctx)
        elif mechanism != DIGEST or not (user and colon):
            self.fail("it is digest-md5:USER:PASSWORD, or gssapi", param, ctx)
        return value


_PEM: Final = click.Path(exists=True, dir_okay=False)
_ROWS: Final[tuple[tuple[str, dict[str, Any], str], ...]] = (  # (name, what click is told, help)
    ("auth", {"multiple": True, "type": _Auth(), "metavar": "SCHEME:CREDENTIAL"},
     "As `addauth`; also in ${variable}, which other users cannot see: a line each."),
    ("sasl", {"type": _Sasl(), "metavar": "MECHANISM"},
     "digest-md5:USER:PASSWORD, or gssapi by your Kerberos ticket; also in ${variable}."),
    ("tls", {"is_flag": True}, "By TLS; implied by --ca and --cert; also by ${variable}=1."),
    ("ca", {"type": _PEM, "metavar": "PEM"},
     "Authorities by which servers are checked; without, they are not. Also in ${variable}."),
    ("cert", {"type": _PEM, "metavar": "PEM"}, "Your certificate; also in ${variable}."),
    ("key", {"type": _PEM, "metavar": "PEM"}, "Its key, if it is not in the same file; also in ${variable}."),
    ("any-host", {"is_flag": True}, "Do not compare the server's name with its certificate's."),
)
_IN_ENVIRONMENT: Final = ("auth", "sasl", "tls", "ca", "cert", "key")
_FILES: Final = ("ca", "cert", "key")


def _says_tls(lead: str) -> bool:
    """The environment says which certificates there are, for HTTPS too, and not that a client port speaks TLS."""
    source = click.get_current_context().get_parameter_source
    return any(source(f"{lead}{name}") is ParameterSource.COMMANDLINE for name in ("ca", "cert"))


def credential_options(prefix: str = "", who: str = "", only: Collection[str] = ()) -> Callable[[F], F]:
    """--auth, --sasl, --tls and so on, which the command gets as one argument, `credentials`.

    With *prefix* each, and the argument, are named for it. *who*: whom they are for, in the help. *only*: those alone.
    """
    lead = f"{prefix}_" if prefix else ""
    rows = [row for row in _ROWS if not only or row[0] in only]

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def gathered(*arguments: Any, **options: Any) -> Any:
            fields = {name.replace("-", "_") for name, _, _ in rows}
            taken = {field: options.pop(f"{lead}{field}") for field in fields}
            if "tls" in taken and not taken["tls"] and not _says_tls(lead):
                taken |= dict.fromkeys(_FILES)
            return command(*arguments, **options, **{f"{lead}credentials": Credentials(**taken)})

        made: Any = gathered
        for name, told, help_ in reversed(rows):
            flag = f"{lead}{name}".replace("_", "-")
            variable = f"CORRAL_{flag.upper().replace('-', '_')}"
            text = f"{who}: {help_}" if who else help_
            made = click.option(
                f"--{flag}", **told, envvar=variable if name in _IN_ENVIRONMENT else None,
                help=text.replace("{variable}", variable))(made)
        return cast("F", made)

    return decorate
