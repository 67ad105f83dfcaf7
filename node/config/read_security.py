"""The keys of zoo.cfg that protect the client port -> Security. Each problem is noted, and reading goes on."""

from pathlib import Path

from node.auth.errors import SecurityError
from node.auth.principals import Naming, parse_rules
from node.config.properties import Entry
from node.config.read_http import wants_https
from node.config.read_tls import read_tls
from node.config.security import Sasl, Security
from node.config.values import Values as Values
from node.config.values import words_of
from node.requests.auth import AuthRules

SCHEMES = ("digest", "ip", "sasl", "x509")
# Java's names of hashes -> hashlib's.
DIGESTS = {
    "sha1": "sha1", "sha-1": "sha1", "sha": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384",
    "sha-512": "sha512", "sha3-224": "sha3_224", "sha3-256": "sha3_256", "sha3-384": "sha3_384",
    "sha3-512": "sha3_512", "md5": "md5",
}
_X509 = "X509AuthenticationProvider"
_DIGEST = "DigestAuthenticationProvider"


def read_security(values: Values) -> Security:
    tls = read_tls(values, elsewhere=wants_https(values))
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
        ensembles=frozenset(words_of(values.text("ensembleAuthName"))),
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
    schemes = words_of(values.text("enforce.auth.schemes"))
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
    return Sasl(file, values.text("sasl.serverconfig"), _naming(values))


def _naming(values: Values) -> Naming:
    rules = Naming().rules
    try:
        rules = parse_rules(values.text("security.auth_to_local"))
    except SecurityError as error:
        values.problem(values.entries["security.auth_to_local"], str(error), "security.auth_to_local=DEFAULT")
    return Naming(
        rules, values.flag("kerberos.removeHostFromPrincipal"), values.flag("kerberos.removeRealmFromPrincipal"))
