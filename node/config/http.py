"""The member's HTTP for operators, as settings: where it listens, TLS, and what may be done by it."""

from dataclasses import dataclass

from node.config.security import Tls


@dataclass(frozen=True, slots=True)
class Listener:
    """One more port, besides corral.metricsPort, which serves everything. *key*: of zoo.cfg, that asks for it.

    *serves*: metrics or commands.
    """

    key: str
    address: str
    port: int
    serves: str


@dataclass(frozen=True, slots=True)
class Http:
    """*tls*: None: nothing but plain HTTP. *refuses_plain*: nothing but HTTPS. *command_url*: begins with a slash.

    *has_commands*, *has_snapshot*, *has_restore*: whether ZooKeeper's commands, and these two of them, are there.
    *interval_s*: between two of these two, at least. *past_bytes*: of memory for a read of the past; 0: there are none.
    """

    listeners: tuple[Listener, ...]
    tls: Tls | None
    refuses_plain: bool
    has_commands: bool
    command_url: str
    has_snapshot: bool
    has_restore: bool
    interval_s: float
    past_bytes: int
