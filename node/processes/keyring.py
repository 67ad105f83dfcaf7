"""The member's keys as the sockets want them, and an allow-list that follows the key file."""

from node.config.member import MemberConfig
from node.keys import KeysError, MemberKeys, load_keys
from observability.logging import RateLimit, get_logger
from transport.curve import CurveKeys
from transport.sockets import Sockets


class Keyring:
    """*key_of* a member, *member_of* a key. A file that has changed is read again before either is told, so that
    `corral keys add` needs no restart, neither to let a key in nor to lock one out that it replaced. Streams that are
    open stay so. A key that nobody has is refused and logged once."""

    def __init__(self, config: MemberConfig, process: str) -> None:
        """Raises KeysError."""
        self._config = config
        self._keys = load_keys(config)
        self._read_ns = self._changed_ns()
        self._log = get_logger(process=process, member=config.id)
        self._failures = RateLimit()

    @property
    def ensemble(self) -> str:
        return self._keys.ensemble

    @property
    def own(self) -> CurveKeys:
        return CurveKeys(self._keys.public.decode(), self._keys.secret.decode())

    def key_of(self, member: int) -> str:
        """Z85; empty: that member has no key here."""
        self._read_again()
        return self._keys.allowed.get(member, b"").decode()

    def guard(self, sockets: Sockets) -> None:
        """Let only listed keys in; before a tcp listener."""
        sockets.authorise(self.member_of, self._on_refused)

    def member_of(self, public: str) -> int | None:
        """Called in the ZAP thread."""
        self._read_again()
        return self._keys.member_of(public.encode())

    def _read_again(self) -> None:
        """If the file has changed. What is in use is replaced as a whole, so threads see one or the other."""
        changed_ns = self._changed_ns()
        if changed_ns == self._read_ns:
            return
        self._read_ns = changed_ns
        try:
            keys: MemberKeys = load_keys(self._config)
        except KeysError as error:
            if self._failures.admit("keys") is not None:
                self._log.error("keys_unusable", reason=str(error))
            return
        self._keys = keys

    def _changed_ns(self) -> int:
        try:
            return (self._config.keys_dir / "ensemble.json").stat().st_mtime_ns
        except OSError:
            return 0

    def _on_refused(self, public: str, address: str) -> None:
        self._log.warning(
            "key_refused", key=public, address=address,
            cure=f"if it is a member's: corral keys add {self._config.file} ID {public}")
