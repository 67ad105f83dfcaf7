"""Keys that protect are honoured, or the member does not start."""

from pathlib import Path

import pytest

from node.auth.certificates import ClientIds
from node.config.read_tls import openssl_name
from node.config.security import Security
from tests.config.test_read import STANDALONE, config_of, problems_of


@pytest.fixture
def stores(tmp_path: Path) -> str:
    """Lines that name a key and a trust store; they are files, and no more is looked at here."""
    for name in ("key.pem", "ca.pem"):
        (tmp_path / name).write_text("")
    return (f"ssl.keyStore.location={tmp_path}/key.pem\nssl.trustStore.location={tmp_path}/ca.pem\n")


def security(tmp_path: Path, text: str) -> Security:
    return config_of(tmp_path, STANDALONE + text).security


def refused(tmp_path: Path, text: str) -> list[str]:
    return [problem.key for problem in problems_of(tmp_path, STANDALONE + text)]


def test_without_a_key_of_these_there_is_neither_tls_nor_sasl(tmp_path: Path) -> None:
    found = security(tmp_path, "")

    assert (found.tls, found.sasl) == (None, None)
    assert found.auth.required == frozenset()
    assert found.auth.digest == "sha1"


def test_a_secure_port_takes_what_zookeepers_takes(tmp_path: Path, stores: str) -> None:
    text = stores + "secureClientPort=2281\nsecureClientPortAddress=::1\nssl.keyStore.password=pw\n"
    tls = security(tmp_path, text).tls

    assert tls is not None
    assert (tls.port, tls.addresses, tls.is_unified, tls.client_auth) == (2281, ("::1",), False, "need")
    assert (tls.oldest, tls.newest) == ("TLSv1.2", "TLSv1.3")
    assert tls.key_store.password == "pw"
    assert "pw" not in repr(tls)


def test_one_port_may_take_both(tmp_path: Path, stores: str) -> None:
    tls = security(tmp_path, stores + "client.portUnification=true\nssl.clientAuth=want\nssl.protocol=TLSv1.3\n").tls

    assert tls is not None
    assert (tls.port, tls.is_unified, tls.client_auth, tls.oldest) == (0, True, "want", "TLSv1.3")


@pytest.mark.parametrize(("text", "keys"), [
    ("secureClientPort=2281\n", ["ssl.keyStore.location", "ssl.trustStore.location"]),
    ("secureClientPort=2281\nssl.clientAuth=none\n", ["ssl.keyStore.location"]),
    ("client.portUnification=true\nssl.clientAuth=perhaps\n",
     ["ssl.keyStore.location", "ssl.trustStore.location", "ssl.clientAuth"]),
    ("secureClientPort=2281\nssl.clientAuth=none\nssl.keyStore.location=/nowhere/key.pem\n", ["ssl.keyStore.location"]),
    ("ssl.keyStore.location=/x.p12\n", ["ssl.keyStore.location"]),
    ("enforce.auth.schemes=sasl\n", ["enforce.auth.schemes"]),
    ("ssl.crl=true\n", ["ssl.crl"]),
    ("ssl.context.supplier.class=a.B\n", ["ssl.context.supplier.class"]),
    ("ssl.quorum.keyStore.location=/k.jks\n", ["ssl.quorum.keyStore.location"]),
    ("sslQuorum=true\n", ["sslQuorum"]),
    ("enforce.auth.enabled=true\n", ["enforce.auth.enabled"]),
    ("enforce.auth.enabled=true\nenforce.auth.schemes=digest,magic\n", ["enforce.auth.schemes"]),
    ("enforce.auth.enabled=true\nenforce.auth.schemes=x509\n", ["enforce.auth.schemes"]),
    ("enforce.auth.enabled=true\nenforce.auth.schemes=sasl\n", ["enforce.auth.schemes"]),
    ("sessionRequireClientSASLAuth=true\n", ["sessionRequireClientSASLAuth"]),
    ("corral.sasl.jaasFile=/nowhere\n", ["corral.sasl.jaasFile"]),
    ("authProvider.1=com.example.Own\n", ["authProvider.1"]),
    ("DigestAuthenticationProvider.digestAlg=ROT13\n", ["DigestAuthenticationProvider.digestAlg"]),
    ("letAnySaslUserDoX=x\n", ["letAnySaslUserDoX"]),
])
def test_what_cannot_be_kept_is_no_start(tmp_path: Path, text: str, keys: list[str]) -> None:
    assert sorted(refused(tmp_path, text)) == sorted(keys)


@pytest.mark.parametrize("protocols", ["TLSv1", "TLSv1.1,TLSv1.2", "SSLv3"])
def test_broken_protocols_are_refused(tmp_path: Path, stores: str, protocols: str) -> None:
    text = stores + f"secureClientPort=2281\nssl.enabledProtocols={protocols}\n"
    assert refused(tmp_path, text) == ["ssl.enabledProtocols"]


@pytest.mark.parametrize(("java", "openssl"), [
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"),
    ("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384"),
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
    ("SSL_RSA_WITH_RC4_128_MD5", ""),
])
def test_suites_have_javas_names(java: str, openssl: str) -> None:
    assert openssl_name(java) == openssl


def test_suites_of_tls_1_3_are_always_there(tmp_path: Path, stores: str) -> None:
    suites = "TLS_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    text = stores + f"secureClientPort=2281\nssl.ciphersuites={suites}\n"
    tls = security(tmp_path, text).tls
    assert tls is not None
    assert tls.ciphers == "ECDHE-RSA-AES128-GCM-SHA256"
    assert refused(tmp_path, text + "ssl.ciphersuites=TLS_NULL\n") == ["ssl.ciphersuites"]


def test_a_certificates_alternative_name_may_be_the_id(tmp_path: Path, stores: str) -> None:
    text = stores + (
        "secureClientPort=2281\nX509AuthenticationProvider.clientCertIdType=SAN\n"
        "X509AuthenticationProvider.clientCertIdSanMatchType=6\n"
        "X509AuthenticationProvider.clientCertIdSanMatchRegex=^spiffe:\n")
    tls = security(tmp_path, text).tls

    assert tls is not None
    assert tls.ids == ClientIds(6, "^spiffe:", ".*", 0)
    broken = text + "X509AuthenticationProvider.clientCertIdSanMatchRegex=(\n"
    assert refused(tmp_path, broken) == ["X509AuthenticationProvider.clientCertIdSanMatchRegex"]


def test_who_must_prove_what(tmp_path: Path) -> None:
    (tmp_path / "jaas.conf").write_text("")
    jaas = f"corral.sasl.jaasFile={tmp_path}/jaas.conf\n"

    enforced = security(tmp_path, "enforce.auth.enabled=true\nenforce.auth.schemes=digest, ip\n").auth
    sasl = security(tmp_path, jaas + "sessionRequireClientSASLAuth=true\nsuperUser=root\nsuperUser.2=admin\n")

    assert enforced.required == {"digest", "ip"}
    assert sasl.auth.required == {"sasl"}
    assert sasl.auth.sasl_supers == {"root", "admin"}
    assert sasl.sasl is not None
    assert sasl.sasl.section == "Server"


def test_zookeepers_own_providers_may_be_named(tmp_path: Path) -> None:
    text = "".join(
        f"authProvider.{name.lower()}=org.apache.zookeeper.server.auth.{name}AuthenticationProvider\n"
        for name in ("SASL", "X509", "Digest", "Ensemble"))

    assert security(tmp_path, text + "ensembleAuthName=main,spare\n").auth.ensembles == {"main", "spare"}


def test_a_digest_of_another_hash_and_none_at_all(tmp_path: Path) -> None:
    assert security(tmp_path, "DigestAuthenticationProvider.digestAlg=SHA3-256\n").auth.digest == "sha3_256"
    assert security(tmp_path, "DigestAuthenticationProvider.enabled=false\n").auth.digest == ""
    assert security(tmp_path, "skipACL=yes\n").auth.skips_acls
