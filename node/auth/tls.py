"""The TLS of the client port: a context for handshakes, made anew when its files have changed."""

import ssl
from collections.abc import Callable
from pathlib import Path

from node.auth.certificates import CertificateNameError, expiry_of
from node.auth.key_stores import StoreError, certificate_of, load_keys, load_revoked, load_trust
from node.config.security import Store, Tls

_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_CLIENT_AUTH = {"need": ssl.CERT_REQUIRED, "want": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}


def make_context(tls: Tls) -> ssl.SSLContext:
    """Raises StoreError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.oldest], _VERSIONS[tls.newest]
    # No resumption: a session that is taken up again would not be checked again, and clients connect seldom.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    if tls.ciphers:
        try:
            context.set_ciphers(tls.ciphers)
        except ssl.SSLError as error:
            raise StoreError(f"ssl.ciphersuites: this host's OpenSSL has none of {tls.ciphers}") from error
    load_keys(context, tls.key_store)
    context.verify_mode = _CLIENT_AUTH[tls.client_auth]
    if tls.trust_store is not None:
        # As in Java, whatever stands in the trust store is trusted: an authority below the root, too.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        load_trust(context, tls.trust_store)
    if tls.revoked is not None and tls.client_auth != "none":
        load_revoked(context, tls.revoked)
    return context


class TlsContext:
    """*newest*: for the next handshake; open connections stay as they are. *expires_s*: when the member's own
    certificate does, Unix time; 0: not known.

    *complain* is told why renewed files cannot be used; the old ones stay in use, and are tried again.
    """

    def __init__(self, tls: Tls, complain: Callable[[str], object]) -> None:
        """Raises StoreError."""
        self._tls, self._complain = tls, complain
        self._files = self._stamps()
        self.newest = make_context(tls)
        self.expires_s = _expiry(tls)

    def context(self) -> ssl.SSLContext:
        return self.newest

    def follow_files(self) -> bool:
        """Now and then. Whether they had changed, and are in use."""
        files = self._stamps()
        if files == self._files:
            return False
        try:
            self.newest = make_context(self._tls)
        except StoreError as error:
            self._complain(str(error))
            return False
        self._files = files
        self.expires_s = _expiry(self._tls)
        return True

    def _stamps(self) -> list[tuple[int, int, int]]:
        paths = [path for store in (self._tls.key_store, self._tls.trust_store) for path in _paths(store)]
        return [_stamp(path) for path in (*paths, *([self._tls.revoked] if self._tls.revoked is not None else []))]


def _paths(store: Store | None) -> list[Path]:
    if store is None:
        return []
    return [path for path in (store.location, store.password_file) if path is not None]


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_ino, found.st_size


def _expiry(tls: Tls) -> float:
    """Of the member's own certificate, Unix time."""
    try:
        return expiry_of(certificate_of(tls.key_store))
    except (StoreError, CertificateNameError):
        return 0.0
