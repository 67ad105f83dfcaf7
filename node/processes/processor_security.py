"""How a processor's clients prove who they are: TLS with its certificates, and SASL. Nothing here for plain clients."""

from node.auth.certificates import CertificateNameError
from node.auth.login import Login
from node.auth.tls import TlsContext
from node.config.member import MemberConfig
from node.processes.limited_log import LimitedLog
from node.processes.processor_turn import Turn
from node.requests.connection import Connection
from node.requests.processor import Processor
from transport.client_port import ClientSocket


class ClientSecurity:
    """*tls*: None where no client speaks it."""

    def __init__(self, config: MemberConfig, *, core: Processor, turn: Turn, log: LimitedLog) -> None:
        """Raises SecurityError."""
        security = config.security
        self._core, self._turn, self._log = core, turn, log
        self._settings = security.tls
        self.tls = None if security.tls is None else TlsContext(security.tls, self._on_unusable)
        self._login = None if security.sasl is None else Login(security.sasl, self._on_unusable)
        login = self._login
        if login is not None:
            core.proofs.sasl = lambda: login.begin()  # the newest

    @property
    def expires_s(self) -> float:
        """Unix time at which the member's certificate is over; 0: there is none, or it is not known."""
        return 0.0 if self.tls is None else self.tls.expires_s

    def follow_files(self) -> None:
        """Now and then."""
        if self.tls is not None and self.tls.follow_files():
            self._log.log_limited("tls_renewed", expires_s=self.tls.expires_s)
        if self._login is not None and self._login.follow_file():
            self._log.log_limited("sasl_users_renewed")

    def _on_unusable(self, reason: str) -> None:
        self._log.log_limited("security_unusable", reason=reason)

    # --- transport.tls.TlsOwner ------------------------------------------------------------------------------

    def on_secured(self, client: ClientSocket, certificate: bytes, names: tuple[tuple[str, str], ...]) -> None:
        conn = client.connection
        assert isinstance(conn, Connection)
        conn.is_secure = True
        if not certificate or self._settings is None:
            return
        try:
            name = self._settings.ids.of(certificate, names)
        except CertificateNameError as error:
            self._core.statistics.auth_failed += 1
            self._core.close(conn, "auth_failed", str(error))
            self._turn.end_soon()
            return
        if not self._core.proofs.on_certificate(conn, name):
            self._turn.end_soon()

    def on_insecure(self, client: ClientSocket, reason: str) -> None:
        conn = client.connection
        assert isinstance(conn, Connection)
        conn.outcome = conn.outcome or "tls_failed"
        self._log.log_limited("tls_failed", address=conn.address, reason=reason)
