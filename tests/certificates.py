"""Certificates for tests: an authority, what it has signed, and the files that servers and clients read."""

import contextlib
import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

PASSWORD = "changeit"
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """A private key with its certificate, and the authority that signed it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    authority: x509.Certificate

    def pem(self, file: Path, *, password: str = "") -> Path:
        """Key and certificate in one file, as ZooKeeper's PEM stores are."""
        encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        file.write_bytes(key + self.certificate.public_bytes(Encoding.PEM))
        return file

    def pkcs12(self, file: Path) -> Path:
        """With PASSWORD."""
        file.write_bytes(pkcs12.serialize_key_and_certificates(
            b"me", self.key, self.certificate, [self.authority], BestAvailableEncryption(PASSWORD.encode())))
        return file

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


class Authority:
    def __init__(self, name: str = "Corral Test") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, subject, self.key, 10 * DAY)
        self.certificate = builder.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(self.key, hashes.SHA256())

    def pem(self, file: Path) -> Path:
        file.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        return file

    def issue(self, *attributes: x509.NameAttribute, names: tuple[str, ...] = (), days: float = 5) -> Identity:
        """*attributes*: of its subject, in order. *names*: hosts and addresses, and URIs, that it also has."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(x509.Name(attributes), self.certificate.subject, key, days * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([*map(_general, names)]), critical=False)
        return Identity(key, builder.sign(self.key, hashes.SHA256()), self.certificate)

    def issue_to(self, name: str, *, names: tuple[str, ...] = (), days: float = 5) -> Identity:
        """*name*: its common name; the subject is CN=…,O=Corral."""
        return self.issue(
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Corral"), x509.NameAttribute(NameOID.COMMON_NAME, name),
            names=names, days=days)


    def revocation_list(self, file: Path, *revoked: Identity, days: float = 5) -> Path:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now - 10 * DAY).next_update(now + days * DAY)
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - DAY).build())
        file.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return file


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str | None = None) -> ssl.SSLObject:
    """In memory alone; the server's end. *name*: whom the client expects. Raises ssl.SSLError, of either end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=name)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        for end in (near, far):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return far


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + valid))


def _general(name: str) -> x509.GeneralName:
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
