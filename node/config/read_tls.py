"""The keys of TLS to clients -> Tls. Each problem is noted, and reading goes on."""

import re
from dataclasses import replace
from pathlib import Path

from node.auth.certificates import SAN_KINDS, ClientIds
from node.config.address import WILDCARDS, strip_brackets
from node.config.security import Store, Tls
from node.config.values import Values, words_of

PROTOCOLS = ("TLSv1.2", "TLSv1.3")
_X509 = "X509AuthenticationProvider"
_TLS13_SUITES = re.compile(r"TLS_(AES|CHACHA20)_\w+")
_TLS12_SUITE = re.compile(
    r"TLS_(ECDHE|DHE|RSA)(?:_(RSA|ECDSA))?_WITH_(AES_(128|256)_(GCM|CBC)_|CHACHA20_POLY1305_)SHA(\d*)")


def read_tls(values: Values, *, elsewhere: bool) -> Tls | None:
    """Of the client port. *elsewhere*: something else speaks TLS with the same stores."""
    port = values.number("secureClientPort")
    is_unified = values.flag("client.portUnification")
    if not port and not is_unified:
        for key in ("ssl.keyStore.location", "ssl.trustStore.location", "corral.ssl.crlFile",
                    *(("ssl.crl",) if values.flag("ssl.crl") else ())):
            if not elsewhere and (entry := values.entries.get(key)):
                values.problem(entry, "no port speaks TLS", "set secureClientPort, or client.portUnification=true")
        return None
    client_auth = values.choice("ssl.clientAuth", ("need", "want", "none"))
    tls = read_tls_settings(values, client_auth)
    host = strip_brackets(values.text("secureClientPortAddress"))
    return replace(
        tls, addresses=WILDCARDS if not host or host in WILDCARDS else (host,), port=port, is_unified=is_unified)


def read_tls_settings(values: Values, client_auth: str) -> Tls:
    """Without a port. *client_auth*: need, want or none."""
    key_store = _store(values, "ssl.keyStore")
    if key_store is None:
        values.absent("ssl.keyStore.location", "ssl.keyStore.location=/etc/corral/tls/member.pem "
                      "(the private key and its certificates; or a .p12)")
    trust_store = _store(values, "ssl.trustStore")
    if trust_store is None and client_auth != "none":
        values.absent("ssl.trustStore.location", "ssl.trustStore.location=/etc/corral/tls/clients-ca.pem, against "
                      "which clients' certificates are checked; or ssl.clientAuth=none")
    oldest, newest = _protocols(values)
    return Tls(
        addresses=(),
        port=0,
        is_unified=False,
        key_store=key_store or Store("ssl.keyStore", Path(), "", None),
        trust_store=trust_store,
        client_auth=client_auth,
        oldest=oldest,
        newest=newest,
        ciphers=_ciphers(values),
        ids=_ids(values),
        revoked=_revoked(values),
    )


def _revoked(values: Values) -> Path | None:
    """The file of revocation lists, if certificates are checked against them."""
    entry = values.entries.get("corral.ssl.crlFile")
    is_checked = values.flag("ssl.crl")
    if not is_checked:
        if entry is not None:
            values.problem(entry, "nobody looks into it", "add ssl.crl=true, or remove the line")
        return None
    if entry is None or not entry.value:
        values.absent("corral.ssl.crlFile", "corral.ssl.crlFile=/etc/corral/tls/revoked.pem: the revocation lists of "
                      "every authority in ssl.trustStore.location, as PEM; they are not fetched from anywhere")
        return None
    file = values.directory("corral.ssl.crlFile", Path())
    if not file.is_file():
        values.problem(entry, f"{file} is no file", "the authorities' revocation lists, as PEM")
    return file


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
    wanted = words_of(values.text(name)) or list(PROTOCOLS)
    for each in wanted:
        if each not in PROTOCOLS and each != "TLS":
            values.problem(values.entries[name], f"{each!r} is not spoken: it is broken, or no version of TLS",
                           f"{name}=TLSv1.2,TLSv1.3")
    known = [each for each in PROTOCOLS if each in wanted or "TLS" in wanted] or list(PROTOCOLS)
    return known[0], known[-1]


def _ciphers(values: Values) -> str:
    names: list[str] = []
    for suite in words_of(values.text("ssl.ciphersuites")):
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
