"""SASL as a login file says, read again when it has changed: users with passwords, or Kerberos."""

import secrets
from collections.abc import Callable

from node.auth.errors import SecurityError
from node.auth.jaas import DIGEST_MODULE, KERBEROS_MODULE, JaasError, read_section
from node.auth.kerberos import Kerberos
from node.config.security import Sasl
from node.requests.sasl import DigestMd5, ExchangeOf

NONCE_BYTES = 24


class Login:
    """*complain* is told why a changed file cannot be used; who was let in before still is."""

    def __init__(self, sasl: Sasl, complain: Callable[[str], object]) -> None:
        """Raises SecurityError."""
        self._sasl, self._complain = sasl, complain
        self._stamp = self._stamp_of_file()
        self.begin = _exchanges(sasl)

    def follow_file(self) -> bool:
        """Now and then. Whether it had changed, and is in use."""
        stamp = self._stamp_of_file()
        if stamp == self._stamp:
            return False
        try:
            self.begin = _exchanges(self._sasl)
        except SecurityError as error:
            self._complain(str(error))
            return False
        self._stamp = stamp
        return True

    def _stamp_of_file(self) -> tuple[int, int]:
        try:
            found = self._sasl.file.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino


def _exchanges(sasl: Sasl) -> ExchangeOf:
    """What begins an exchange. Raises SecurityError."""
    module = read_section(sasl.file, sasl.section)
    if module.name == KERBEROS_MODULE:
        return Kerberos(sasl, module).begin
    if module.name != DIGEST_MODULE:
        raise JaasError(f"{sasl.file}: section {sasl.section}: {module.name} is not known here, only {DIGEST_MODULE} "
                        f"and {KERBEROS_MODULE}")
    users = module.users
    if not users:
        raise JaasError(f'{sasl.file}: section {sasl.section} has no users: add lines such as user_ann="a password"')
    return lambda: DigestMd5(users, secrets.token_urlsafe(NONCE_BYTES))
