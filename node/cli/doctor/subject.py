"""What the checks look at: servers and what they said, a session, metrics, configuration files."""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.cli.asking import MemberStatus
from node.cli.scrape import Figures
from node.cli.shell.client import Client
from node.config.address import Address


@dataclass(frozen=True, slots=True)
class Scrapes:
    """Of one member, at the begin and at the end of the observation, and what /hot said at its end."""

    member: str
    before: Figures
    now: Figures
    hot: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """The longest silence of a session that was seen."""

    session: str
    client: str
    server: str
    timeout_ms: int
    silent_ms: float


@dataclass
class Subject:
    """*servers*: client addresses, with *statuses* in their order. *client*: None where no server takes a session.

    *confs*: server -> what its word conf says. *watchers*: path -> how many sessions watch it. *changes*: path -> how
    often its value changed, where that was counted. *seconds*: for how long it was observed. *tls*: None: servers are
    asked in plain.
    """

    servers: Sequence[Address]
    tls: ssl.SSLContext | None = None
    statuses: Sequence[MemberStatus] = ()
    client: Client | None = None
    configs: Sequence[Path] = ()
    scrapes: Sequence[Scrapes] = ()
    confs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    watchers: Mapping[str, int] | None = None
    pauses: Sequence[Pause] | None = None
    changes: Mapping[str, int] | None = None
    seconds: float = 0.0
    without: dict[str, str] = field(default_factory=dict)  # what is missing -> why: "session", "metrics", "configs", …
