"""The users of SASL: of a login file, read again when it has changed."""

import secrets
from collections.abc import Callable

from node.auth.jaas import DIGEST_MODULE, JaasError, read_section
from node.config.security import Sasl
from node.requests.sasl import DigestMd5, Exchange

NONCE_BYTES = 24


class Login:
    """*complain* is told why a changed file cannot be used; who was let in before still is."""

    def __init__(self, sasl: Sasl, complain: Callable[[str], object]) -> None:
        """Raises JaasError."""
        self._sasl, self._complain = sasl, complain
        self._stamp = self._stamp_of_file()
        self._users = _users(sasl)

    def begin(self) -> Exchange:
        return DigestMd5(self._users, secrets.token_urlsafe(NONCE_BYTES))

    def follow_file(self) -> bool:
        """Now and then. Whether it had changed, and is in use."""
        stamp = self._stamp_of_file()
        if stamp == self._stamp:
            return False
        try:
            self._users = _users(self._sasl)
        except JaasError as error:
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


def _users(sasl: Sasl) -> dict[str, str]:
    """Raises JaasError."""
    module = read_section(sasl.file, sasl.section)
    if module.name != DIGEST_MODULE:
        raise JaasError(f"{sasl.file}: section {sasl.section}: {module.name} is not known here, only {DIGEST_MODULE}")
    if not module.users:
        raise JaasError(f'{sasl.file}: section {sasl.section} has no users: add lines such as user_ann="a password"')
    return module.users
