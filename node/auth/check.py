"""Whether what protects the client port can be used at all: before anything is started."""

from node.auth.login import Login
from node.auth.tls import make_context
from node.config.security import Security


def check_security(security: Security) -> None:
    """Raises SecurityError."""
    if security.tls is not None:
        make_context(security.tls)
    if security.sasl is not None:
        Login(security.sasl, lambda _: None)
