"""A certificate's owner as the scheme x509 names it: the subject as Java's X500Principal.getName() writes it.

Only verified certificates come here; what cannot be taken apart has no name.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_SEQUENCE, _UTC_TIME, _VERSION = 0x30, 0x17, 0xA0
# The kinds of string whose text stands in a name; of others Java writes the bytes in hexadecimal.
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
# RFC 2253 gives these names; the others stand there by their numbers.
_KEYWORDS = {
    "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU",
    "2.5.4.9": "STREET", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}
# ssl.SSLSocket's names of kinds of alternative names, by the numbers of RFC 5280 that ZooKeeper's keys use.
SAN_KINDS = {1: "email", 2: "DNS", 6: "URI", 7: "IP Address"}


class CertificateNameError(Exception):
    """No id can be made of this certificate: the client stays without one."""


@dataclass(frozen=True, slots=True)
class ClientIds:
    """How the id is made, as X509AuthenticationProvider.clientCertId* say. *san_kind*: 0: of the subject.

    *match*: which alternative name, by a pattern that must fit exactly one. *extract*, *group*: what of it.
    """

    san_kind: int = 0
    match: str = ".*"
    extract: str = ".*"
    group: int = 0

    def of(self, certificate: bytes, names: Sequence[tuple[str, str]]) -> str:
        """*names*: alternative ones, as SSLSocket.getpeercert() gives them. Raises CertificateNameError."""
        return self._of_names(names) if self.san_kind else subject_of(certificate)

    def _of_names(self, names: Sequence[tuple[str, str]]) -> str:
        kind = SAN_KINDS[self.san_kind]
        found = [name for each, name in names if each == kind and re.search(self.match, name)]
        if len(found) != 1:
            raise CertificateNameError(
                f"{len(found)} alternative names of kind {kind} fit {self.match!r}: exactly one must")
        taken = re.search(self.extract, found[0])
        if taken is None:
            raise CertificateNameError(f"{self.extract!r} fits nothing in {found[0]!r}")
        return taken.group(self.group) or ""


def subject_of(certificate: bytes) -> str:
    """Of a certificate as DER. Raises CertificateNameError."""
    try:
        tag, subject = _field(certificate, 4)
        parts = [_part(value) for _, value, _ in _values(subject)]
    except (IndexError, ValueError) as error:
        raise CertificateNameError("the certificate cannot be taken apart") from error
    if tag != _SEQUENCE or not parts:
        raise CertificateNameError("the certificate has no subject")
    return ",".join(reversed(parts))


def expiry_of(certificate: bytes) -> float:
    """Of a certificate as DER: Unix time. Raises CertificateNameError."""
    try:
        _, validity = _field(certificate, 3)
        _, (tag, value, _) = _values(validity)
        text = value.decode("ascii")
        form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
        return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
    except (IndexError, ValueError) as error:
        raise CertificateNameError("the certificate cannot be taken apart") from error


def _field(certificate: bytes, index: int) -> tuple[int, bytes]:
    """Of what is signed: serial number, algorithm, issuer, validity, subject."""
    _, whole, _ = _value(certificate, 0)
    _, signed, _ = _value(whole, 0)
    fields = [(tag, value) for tag, value, _ in _values(signed)]
    return fields[index + (fields[0][0] == _VERSION)]


def _part(attributes: bytes) -> str:
    """A relative distinguished name: mostly one attribute and its value."""
    return "+".join(_attribute(value) for _, value, _ in _values(attributes))


def _attribute(pair: bytes) -> str:
    (_, name, _), (tag, value, whole) = _values(pair)
    number = _oid(name)
    keyword = _KEYWORDS.get(number)
    if keyword is None or tag not in _ENCODINGS:
        return f"{keyword or number}=#{whole.hex()}"
    return f"{keyword}={_escaped(value.decode(_ENCODINGS[tag]))}"


def _escaped(text: str) -> str:
    """RFC 2253, section 2.4."""
    shown = "".join("\\" + each if each in ',+"\\<>;' else each for each in text)
    if shown.startswith(("#", " ")):
        shown = "\\" + shown
    if shown.endswith(" ") and len(text) > 1:
        shown = shown[:-1] + "\\ "
    return shown


def _oid(encoded: bytes) -> str:
    numbers, number = [], 0
    for byte in encoded:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _values(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, content and whole encoding of each value that stands in *data*."""
    at = 0
    while at < len(data):
        tag, content, after = _value(data, at)
        yield tag, content, data[at:after]
        at = after


def _value(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Tag, content, and the offset after it. Raises IndexError where it is cut off."""
    tag, length = data[at], data[at + 1]
    at += 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[at:at + size], "big")
        at += size
    if at + length > len(data):
        raise IndexError(at)
    return tag, data[at:at + length], at + length
