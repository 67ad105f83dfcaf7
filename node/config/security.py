"""What protects the client port, as settings: TLS, SASL, and who must prove what. node/auth has what uses them."""

from dataclasses import dataclass, field
from pathlib import Path

from node.auth.certificates import ClientIds
from node.auth.principals import Naming
from node.requests.auth import AuthRules


@dataclass(frozen=True, slots=True)
class Store:
    """*key*: of zoo.cfg, such as ssl.keyStore. The kind of file shows in what it holds: PEM or PKCS12."""

    key: str
    location: Path
    password: str = field(repr=False)
    password_file: Path | None


@dataclass(frozen=True, slots=True)
class Tls:
    """*port*: takes nothing but TLS; 0: there is none. *is_unified*: clientPort takes TLS, too.

    *client_auth*: need, want or none. *oldest*, *newest*: TLSv1.2 or TLSv1.3. *ciphers*: of TLS 1.2, as OpenSSL names
    them; empty: its choice. *revoked*: lists of revoked certificates, as PEM; None: there are none.
    """

    addresses: tuple[str, ...]
    port: int
    is_unified: bool
    key_store: Store
    trust_store: Store | None
    client_auth: str
    oldest: str
    newest: str
    ciphers: str
    ids: ClientIds
    revoked: Path | None = None


@dataclass(frozen=True, slots=True)
class Sasl:
    """*file*: ZooKeeper's login file. *section*: of it. *naming*: of clients that come by Kerberos."""

    file: Path
    section: str
    naming: Naming = field(default=Naming())


@dataclass(frozen=True, slots=True)
class Security:
    auth: AuthRules
    tls: Tls | None = None
    sasl: Sasl | None = None
