"""The client port's certificates, from an authority of the ensemble's own on the control host; for the playbooks.

    certificates.py DIRECTORY 1=zk1,192.0.2.11 2=zk2,192.0.2.12 [--client NAME]... [--days N] [--renew-before N]
                    [--renew-all] [--check]

DIRECTORY/ca.pem is what clients trust, ca-key.pem its key; ID/member.pem what a member shows: its key, its certificate;
clients/NAME.pem what a client may show. What is there stays, unless it ends within --renew-before days, has other names
or --renew-all is given. Prints what was made, a line each, or "unchanged". --check: makes nothing.

Runs by Ansible's own Python, which has `cryptography`.
"""

import argparse
import datetime
import ipaddress
import os
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS = 3650
DAY = datetime.timedelta(days=1)


class RefusedError(Exception):
    """With the cure."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("members", nargs="*", metavar="ID=NAME,...")
    parser.add_argument("--client", action="append", default=[], dest="clients")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--renew-before", type=int, default=30)
    parser.add_argument("--renew-all", action="store_true")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    try:
        made = make(asked)
    except RefusedError as refusal:
        sys.exit(f"certificates.py: {refusal}")
    sys.stdout.write("".join(f"{each}\n" for each in made) or "unchanged\n")


def make(asked: argparse.Namespace) -> list[str]:
    """What was made, or with --check would be."""
    wanted: list[tuple[Path, str, list[str]]] = []
    for each in asked.members:
        member, _, names = each.partition("=")
        wanted.append((asked.directory / member / "member.pem", f"member {member}", names.split(",")))
    wanted += [(asked.directory / "clients" / f"{name}.pem", name, []) for name in asked.clients]
    due = [each for each in wanted if asked.renew_all or is_due(each[0], each[2], asked.renew_before)]
    is_new = not (asked.directory / "ca.pem").exists()
    if asked.check:
        return [*(["ca.pem"] if is_new else []), *(str(file.relative_to(asked.directory)) for file, _, _ in due)]
    made = []
    if is_new:
        make_authority(asked.directory)
        made.append("ca.pem")
    for file, subject, names in due:
        issue(asked.directory, file, subject, names, asked.days)
        made.append(str(file.relative_to(asked.directory)))
    return made


def is_due(file: Path, names: list[str], days: int) -> bool:
    if not file.exists():
        return True
    certificate = x509.load_pem_x509_certificate(clear(file))
    if certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC) < days * DAY:
        return True
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return bool(names)
    return {*found} != {*map(general, names)}


def make_authority(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = name_of(f"Corral {directory.resolve().parent.name}")
    builder = begun(subject, subject, key, CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False),
        critical=True)
    write(directory / "ca-key.pem", pem(key), 0o600)
    write(directory / "ca.pem", builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM), 0o644)


def issue(directory: Path, file: Path, subject: str, names: list[str], days: int) -> None:
    if not (directory / "ca-key.pem").exists():
        raise RefusedError(f"{directory}/ca-key.pem is not there: put it back from your safe for this run")
    authority = x509.load_pem_x509_certificate(clear(directory / "ca.pem"))
    signer = load_pem_private_key(clear(directory / "ca-key.pem"), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = begun(name_of(subject), authority.subject, key, days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([*map(general, names)]), critical=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    write(file, pem(key) + builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM), 0o600)


def begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (  # a day back: clocks differ
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + days * DAY))


def name_of(common: str) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Corral"), x509.NameAttribute(NameOID.COMMON_NAME, common)])


def general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def clear(file: Path) -> bytes:
    content = file.read_bytes()
    if content.startswith(b"$ANSIBLE_VAULT"):
        raise RefusedError(f"{file} is under Ansible Vault: decrypt it for this run (ansible-vault decrypt {file})")
    return content


def write(file: Path, content: bytes, mode: int) -> None:
    """Never half a file, nor one that others can read meanwhile."""
    new = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
        out.write(content)
    new.rename(file)


if __name__ == "__main__":
    main()
