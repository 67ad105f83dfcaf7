"""Kerberos for clients: SASL's GSSAPI (RFC 4752), by the package gssapi, with the key of a keytab.

Nobody is asked over the network: what a client sends was sealed for this member by its KDC.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.auth.errors import SecurityError
from node.auth.jaas import Module
from node.auth.principals import Naming, NoRuleError
from node.requests.sasl import SaslRefusedError

if TYPE_CHECKING:
    from node.config.security import Sasl

_NO_LAYER = b"\x01\0\0\0"  # authentication alone, and no buffer
_LAYER_BYTES = 4
_TOKEN_BYTES_MAX = 64 << 10


class Kerberos:
    """What the login file's section says: who this member is, and where its key lies."""

    def __init__(self, sasl: "Sasl", module: Module) -> None:
        """Raises SecurityError."""
        self._gssapi = _gssapi(sasl.file)
        keytab, principal = module.options.get("keyTab", ""), module.options.get("principal", "")
        if not keytab or not principal:
            raise SecurityError(f"{sasl.file}: section {sasl.section}: {module.name} wants keyTab and principal")
        if not Path(keytab).is_file():
            raise SecurityError(f"{sasl.file}: section {sasl.section}: keyTab {keytab} is no file")
        self._realm = principal.rpartition("@")[2] if "@" in principal else ""
        self._naming = sasl.naming
        try:
            name = self._gssapi.Name(principal, self._gssapi.NameType.kerberos_principal)
            self._credentials = self._gssapi.Credentials(
                usage="accept", name=name, mechs=[self._gssapi.MechType.kerberos], store={"keytab": keytab})
        except self._gssapi.exceptions.GSSError as error:
            raise SecurityError(
                f"{sasl.file}: section {sasl.section}: {principal} cannot be of {keytab}: {error.gen_message()}; look "
                f"with: klist -k {keytab}") from error

    def begin(self) -> "GssapiExchange":
        return GssapiExchange(self._gssapi, self._credentials, self._naming, self._realm)


class GssapiExchange:
    """An Exchange: tokens until the context is there, then the agreement that nothing is sealed from here on."""

    def __init__(self, gssapi: Any, credentials: Any, naming: Naming, realm: str) -> None:
        self._gssapi, self._naming, self._realm = gssapi, naming, realm
        self._context = gssapi.SecurityContext(creds=credentials, usage="accept")
        self._has_offered = False
        self.user = ""

    def step(self, token: bytes) -> bytes | None:
        if len(token) > _TOKEN_BYTES_MAX:
            raise SaslRefusedError(f"a token of {len(token)} bytes")
        try:
            return self._step(token)
        except self._gssapi.exceptions.GSSError as error:
            raise SaslRefusedError(f"Kerberos: {error.gen_message()}") from error

    def _step(self, token: bytes) -> bytes | None:
        if not token and not self._context.complete:
            raise SaslRefusedError("Kerberos: the client has to begin")
        if not self._context.complete:
            answer: bytes | None = self._context.step(token)
            if answer or not self._context.complete:
                return answer or b""
        if not self._has_offered:
            self._has_offered = True
            offered: bytes = self._context.wrap(_NO_LAYER, encrypt=False).message
            return offered
        self._finish(self._context.unwrap(token).message)
        return None

    def _finish(self, chosen: bytes) -> None:
        principal = str(self._context.initiator_name)
        if len(chosen) < _LAYER_BYTES or chosen[0] != _NO_LAYER[0]:
            raise SaslRefusedError("it wants a security layer, and none is offered")
        acts_for = chosen[_LAYER_BYTES:].decode(errors="replace")
        if acts_for not in ("", principal, principal.partition("@")[0]):
            raise SaslRefusedError(f"{principal} may not act for {acts_for[:80]!r}")
        try:
            self.user = self._naming.user_of(principal, self._realm)
        except NoRuleError as error:
            raise SaslRefusedError(str(error)) from error


def _gssapi(file: Path) -> Any:
    try:
        import gssapi  # a package that only Kerberos needs, and which wants the host's libraries of it
    except ImportError as error:
        raise SecurityError(
            f"{file} asks for Kerberos, and Python's package gssapi is not here ({error}): pip install "
            "'corral[kerberos]' (with libkrb5-dev and gcc)") from error
    return gssapi
