"""Session passwords: an HMAC under the ensemble's secret, so that every member can check and nobody can guess."""

import hashlib
import hmac
from typing import Final

PASSWORD_BYTES: Final = 16
NO_PASSWORD: Final = bytes(PASSWORD_BYTES)


def session_password(secret: bytes, session_id: int) -> bytes:
    digest = hmac.new(secret, b"session" + session_id.to_bytes(8, "big", signed=True), hashlib.sha256)
    return digest.digest()[:PASSWORD_BYTES]


def is_password(secret: bytes, session_id: int, password: bytes) -> bool:
    return hmac.compare_digest(session_password(secret, session_id), password)
