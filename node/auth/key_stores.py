"""Key and trust stores: PEM and PKCS12 files as OpenSSL wants them. What a file is shows in its first bytes."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.auth.errors import SecurityError
from node.config.security import Store

_JKS = b"\xfe\xed\xfe\xed"
_PKCS12 = b"\x30"


class StoreError(SecurityError):
    """A store cannot be used."""


def load_keys(context: ssl.SSLContext, store: Store) -> None:
    """The member's private key and certificates. Raises StoreError."""
    with _pem_of(store, with_key=True) as file:
        password = password_of(store)
        try:
            context.load_cert_chain(file, password=lambda: password)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise StoreError(
                f"{store.location} ({store.key}.location): no private key with its certificate, or another password: "
                f"{_reason(error)}; look with: openssl pkey -in {store.location} -noout -check") from error


def load_trust(context: ssl.SSLContext, store: Store) -> None:
    """The authorities that clients' certificates are checked against. Raises StoreError."""
    with _pem_of(store, with_key=False) as file:
        try:
            context.load_verify_locations(cafile=file)
        except (ssl.SSLError, OSError) as error:
            raise StoreError(
                f"{store.location} ({store.key}.location) holds no certificate: {_reason(error)}; look with: "
                f"openssl x509 -in {store.location} -noout -subject") from error


def load_revoked(context: ssl.SSLContext, file: Path) -> None:
    """From now on each certificate of a client's chain is looked for in these lists. Raises StoreError.

    An authority without a list there, or whose list is over, is nobody's: all its clients are refused.
    """
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    try:
        context.load_verify_locations(cafile=file)
    except (ssl.SSLError, OSError) as error:
        raise StoreError(f"{file} (corral.ssl.crlFile) cannot be used: {_reason(error)}") from error
    if not context.cert_store_stats()["crl"]:
        raise StoreError(f"{file} (corral.ssl.crlFile) holds no revocation list; look with: "
                         f"openssl crl -in {file} -noout -text")


def certificate_of(store: Store) -> bytes:
    """The first certificate of a key store, which is the member's own, as DER. Raises StoreError."""
    with _pem_of(store, with_key=False) as file:
        try:
            text = file.read_text(encoding="ascii", errors="replace")
            at = text.index(ssl.PEM_HEADER)
            return ssl.PEM_cert_to_DER_cert(text[at:text.index(ssl.PEM_FOOTER, at) + len(ssl.PEM_FOOTER)])
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{store.location} ({store.key}.location) holds no certificate: {_reason(error)}") from error


def password_of(store: Store) -> str:
    """Raises StoreError."""
    if store.password_file is None:
        return store.password
    try:
        return store.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{store.password_file} ({store.key}.passwordPath) cannot be read: {error}") from error


@contextmanager
def _pem_of(store: Store, *, with_key: bool) -> Iterator[Path]:
    try:
        data = store.location.read_bytes()
    except OSError as error:
        raise StoreError(f"{store.location} ({store.key}.location) cannot be read: {error.strerror}") from error
    if data.startswith(_JKS):
        raise StoreError(
            f"{store.location} ({store.key}.location) is a JKS store, which only Java reads; make a PKCS12 one of it: "
            f"keytool -importkeystore -srckeystore {store.location} -destkeystore {store.location.with_suffix('.p12')} "
            f"-deststoretype PKCS12")
    if not data.startswith(_PKCS12):
        yield store.location
        return
    # OpenSSL's Python wants a file; this one is in memory alone.
    descriptor = os.memfd_create("store", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(_opened(data, store, with_key=with_key))
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _opened(data: bytes, store: Store, *, with_key: bool) -> bytes:
    """A PKCS12 store as PEM. Raises StoreError."""
    from cryptography.hazmat.primitives.serialization import (  # 15 MB that only such stores need
        Encoding,
        NoEncryption,
        PrivateFormat,
        pkcs12,
    )

    try:
        opened = pkcs12.load_pkcs12(data, password_of(store).encode())
    except ValueError as error:
        raise StoreError(f"{store.location} ({store.key}.location) is no PKCS12 store, or has another password: "
                         f"{error}; look with: openssl pkcs12 -in {store.location} -info -noout") from error
    certificates = [each.certificate for each in (opened.cert, *opened.additional_certs) if each is not None]
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
    if with_key:
        if opened.key is None:
            raise StoreError(f"{store.location} ({store.key}.location) holds no private key")
        pem = opened.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem
    return pem


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
