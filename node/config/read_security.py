"""The keys of zoo.cfg that protect the client port -> Security. Each problem is noted, and reading goes on."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from node.auth.certificates import SAN_KINDS, ClientIds
from node.config.address import WILDCARDS, strip_brackets
from node.config.properties import Entry
from node.config.security import Sasl, Security, Store, Tls
from node.requests.auth import AuthRules

PROTOCOLS = ("TLSv1.2", "TLSv1.3")
SCHEMES = ("digest", "ip", "sasl", "x509")
# Java's names of hashes -> hashlib's.
DIGESTS = {
    "sha1": "sha1", "sha-1": "sha1", "sha": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384",
    "sha-512": "sha512", "sha3-224": "sha3_224", "sha3-256": "sha3_256", "sha3-384": "sha3_384",
    "sha3-512": "sha3_512", "md5": "md5",
}
_X509 = "X509AuthenticationProvider"
_DIGEST = "DigestAuthenticationProvider"
_TLS13_SUITES = re.compile(r"TLS_(AES|CHACHA20)_\w+")
_TLS12_SUITE = re.compile(
    r"TLS_(ECDHE|DHE|RSA)(?:_(RSA|ECDSA))?_WITH_(AES_(128|256)_(GCM|CBC)_|CHACHA20_POLY1305_)SHA(\d*)")


class Values(Protocol):
    """What of the reader of zoo.cfg is used here (read.py)."""

    @property
    def entries(self) -> Mapping[str, Entry]: ...
    def text(self, name: str) -> str: ...
    def number(self, name: str) -> int: ...
    def flag(self, name: str) -> bool: ...
    def share(self, name: str) -> float: ...
    def choice(self, name: str, choices: tuple[str, ...]) -> str: ...
    def directory(self, name: str, default: Path) -> Path: ...
    def problem(self, entry: Entry, text: str, cure: str = "") -> None: ...
    def absent(self, key: str, example: str) -> None: ...


def read_security(values: Values) -> Security:
    tls = _tls(values)
    sasl = _sasl(values)
    auth = _auth(values, has_sasl=sasl is not None)
    if "x509" in auth.required and tls is None:
        values.problem(
            values.entries["enforce.auth.schemes"], "x509 needs certificates, and no client can show one",
            "set secureClientPort, or client.portUnification=true, and ssl.keyStore.location")
    return Security(auth, tls, sasl)


# Who must prove what ---------------------------------------------------------------------------


def _auth(values: Values, *, has_sasl: bool) -> AuthRules:
    return AuthRules(
        super_digest=_super_digest(values),
        digest=_digest(values),
        x509_super=values.text(f"{_X509}.superUser"),
        sasl_supers=_sasl_supers(values),
        ensembles=frozenset(_words(values.text("ensembleAuthName"))),
        required=_required(values, has_sasl=has_sasl),
        keeps_failed_sasl=values.flag("allowSaslFailedClients"),
        skips_acls=values.text("skipACL").lower() in ("yes", "true"),
    )


def _super_digest(values: Values) -> str:
    entry = values.entries.get(f"{_DIGEST}.superDigest")
    if entry and (not entry.value.startswith("super:") or entry.value.count(":") != 1):
        values.problem(entry, "is not super:<hash>", "the hash is base64(sha1('super:password'))")
    return entry.value if entry else ""


def _digest(values: Values) -> str:
    if not values.flag(f"{_DIGEST}.enabled"):
        return ""
    name = values.text(f"{_DIGEST}.digestAlg")
    if name.lower() not in DIGESTS:
        values.problem(
            values.entries[f"{_DIGEST}.digestAlg"], f"{name!r} is no hash that is known here",
            "SHA1 (ZooKeeper's default), SHA-256, SHA-512, SHA3-256 and the like; the same on every member")
    return DIGESTS.get(name.lower(), "sha1")


def _sasl_supers(values: Values) -> frozenset[str]:
    names = [values.text("superUser")]
    names += [entry.value for key, entry in values.entries.items() if key.startswith("superUser.")]
    return frozenset(name for name in names if name)


def _required(values: Values, *, has_sasl: bool) -> frozenset[str]:
    if values.flag("sessionRequireClientSASLAuth"):
        if not has_sasl:
            _want_sasl(values, values.entries["sessionRequireClientSASLAuth"])
        return frozenset(("sasl",))
    named = values.entries.get("enforce.auth.schemes")
    if not values.flag("enforce.auth.enabled"):
        if named is not None and "enforce.auth.enabled" not in values.entries:
            values.problem(named, "nobody is asked for them", "add enforce.auth.enabled=true, or remove the line")
        return frozenset()
    schemes = _words(values.text("enforce.auth.schemes"))
    entry = named or values.entries["enforce.auth.enabled"]
    if not schemes:
        values.problem(entry, "no scheme is named", "enforce.auth.schemes=sasl, or some of " + ",".join(SCHEMES))
    for scheme in schemes:
        if scheme not in SCHEMES:
            values.problem(entry, f"{scheme!r} is no scheme", "some of " + ",".join(SCHEMES))
    if "sasl" in schemes and not has_sasl:
        _want_sasl(values, entry)
    return frozenset(schemes)


def _want_sasl(values: Values, entry: Entry) -> None:
    values.problem(entry, "no client can authenticate itself by SASL: there are no users",
                   "set corral.sasl.jaasFile to ZooKeeper's login file")


def _sasl(values: Values) -> Sasl | None:
    entry = values.entries.get("corral.sasl.jaasFile")
    if entry is None or not entry.value:
        return None
    file = values.directory("corral.sasl.jaasFile", Path())
    if not file.is_file():
        values.problem(entry, f"{file} is no file", 'one with: Server { org.apache.zookeeper.server.auth.'
                       'DigestLoginModule required user_ann="her password"; };')
    return Sasl(file, values.text("sasl.serverconfig"))


# TLS -------------------------------------------------------------------------------------------


def _tls(values: Values) -> Tls | None:
    port = values.number("secureClientPort")
    is_unified = values.flag("client.portUnification")
    if not port and not is_unified:
        for key in ("ssl.keyStore.location", "ssl.trustStore.location"):
            if entry := values.entries.get(key):
                values.problem(entry, "no port speaks TLS", "set secureClientPort, or client.portUnification=true")
        return None
    key_store = _store(values, "ssl.keyStore")
    if key_store is None:
        values.absent("ssl.keyStore.location", "ssl.keyStore.location=/etc/corral/tls/member.pem "
                      "(the private key and its certificates; or a .p12)")
    trust_store = _store(values, "ssl.trustStore")
    client_auth = values.choice("ssl.clientAuth", ("need", "want", "none"))
    if trust_store is None and client_auth != "none":
        values.absent("ssl.trustStore.location", "ssl.trustStore.location=/etc/corral/tls/clients-ca.pem, against "
                      "which clients' certificates are checked; or ssl.clientAuth=none")
    oldest, newest = _protocols(values)
    host = strip_brackets(values.text("secureClientPortAddress"))
    return Tls(
        addresses=WILDCARDS if not host or host in WILDCARDS else (host,),
        port=port,
        is_unified=is_unified,
        key_store=key_store or Store("ssl.keyStore", Path(), "", None),
        trust_store=trust_store,
        client_auth=client_auth,
        oldest=oldest,
        newest=newest,
        ciphers=_ciphers(values),
        ids=_ids(values),
    )


def _store(values: Values, key: str) -> Store | None:
    entry = values.entries.get(f"{key}.location")
    if entry is None or not entry.value:
        return None
    location = values.directory(f"{key}.location", Path())
    if not location.is_file():
        values.problem(entry, f"{location} is no file", "a PEM file, or a PKCS12 store (.p12)")
    kind = values.text(f"{key}.type").upper()
    if kind not in ("", "PEM", "PKCS12", "JKS"):
        values.problem(values.entries[f"{key}.type"], f"{kind} is no kind of store that is read here", "PEM or PKCS12")
    file = values.text(f"{key}.passwordPath")
    return Store(key, location, values.text(f"{key}.password"), Path(file).absolute() if file else None)


def _protocols(values: Values) -> tuple[str, str]:
    name = "ssl.enabledProtocols" if values.text("ssl.enabledProtocols") else "ssl.protocol"
    wanted = _words(values.text(name)) or list(PROTOCOLS)
    for each in wanted:
        if each not in PROTOCOLS and each != "TLS":
            values.problem(values.entries[name], f"{each!r} is not spoken: it is broken, or no version of TLS",
                           f"{name}=TLSv1.2,TLSv1.3")
    known = [each for each in PROTOCOLS if each in wanted or "TLS" in wanted] or list(PROTOCOLS)
    return known[0], known[-1]


def _ciphers(values: Values) -> str:
    names: list[str] = []
    for suite in _words(values.text("ssl.ciphersuites")):
        if _TLS13_SUITES.fullmatch(suite) and not _TLS12_SUITE.fullmatch(suite):
            continue  # of TLS 1.3, whose suites are all good, and always all there
        name = openssl_name(suite)
        if not name:
            values.problem(values.entries["ssl.ciphersuites"], f"{suite!r} is not known",
                           "names such as TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384; without the key, good ones are used")
        names.append(name)
    return ":".join(names)


def openssl_name(suite: str) -> str:
    """Of a TLS 1.2 suite as Java names it; empty: it is not known."""
    match = _TLS12_SUITE.fullmatch(suite)
    if match is None:
        return ""
    exchange, signature, cipher, bits, mode, size = match.groups()
    parts = [exchange] if exchange != "RSA" else []
    if exchange != "RSA":
        parts.append(signature or "RSA")
    if cipher.startswith("CHACHA20"):
        return "-".join([*parts, "CHACHA20", "POLY1305"])
    parts.append(f"AES{bits}")
    if mode == "GCM":
        parts.append("GCM")
    return "-".join([*parts, f"SHA{size}"])


def _ids(values: Values) -> ClientIds:
    kind = values.text(f"{_X509}.clientCertIdType").upper()
    if kind in ("", "SUBJECT", "DN"):
        return ClientIds()
    if kind != "SAN":
        values.problem(values.entries[f"{_X509}.clientCertIdType"], f"{kind!r} is neither SUBJECT nor SAN", "SUBJECT")
        return ClientIds()
    number = values.number(f"{_X509}.clientCertIdSanMatchType")
    if number not in SAN_KINDS:
        kinds = ", ".join(f"{each} ({name})" for each, name in SAN_KINDS.items())
        values.problem(values.entries.get(f"{_X509}.clientCertIdSanMatchType")
                       or values.entries[f"{_X509}.clientCertIdType"], f"{number} is none of {kinds}", "6")
        return ClientIds()
    return ClientIds(
        number, _expression(values, "clientCertIdSanMatchRegex"), _expression(values, "clientCertIdSanExtractRegex"),
        values.number(f"{_X509}.clientCertIdSanExtractMatcherGroupIndex"))


def _expression(values: Values, name: str) -> str:
    text = values.text(f"{_X509}.{name}") or ".*"
    try:
        re.compile(text)
    except re.error as error:
        values.problem(values.entries[f"{_X509}.{name}"], f"{text!r} is no regular expression: {error}", ".*")
        return ".*"
    return text


def _words(text: str) -> list[str]:
    return [word for word in (each.strip() for each in text.split(",")) if word]
