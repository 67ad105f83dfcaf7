"""A member's keys: its CURVE pair, the ensemble's allow-list, and the ensemble's id and secret.

On disk, in a directory of mode 0700 (corral.keys, by default dataDir/keys), files of mode 0600:

    member.json     this member's id and key pair; the secret half never leaves the host
    ensemble.json   the ensemble's id, its secret, and the allow-list: each member's public key.
                    Copied from host to host when an ensemble is made; guard it like a password

Public keys are Z85 text of 40 characters, as ZeroMQ writes them.
"""

import os
import secrets
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from node.config.member import MemberConfig

KEYS_FORMAT: Final = 1
PUBLIC_KEY_CHARACTERS: Final = 40
ENSEMBLE_SECRET_BYTES: Final = 32

_MEMBER_FILE = "member.json"
_ENSEMBLE_FILE = "ensemble.json"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_VAULT = b"$ANSIBLE_VAULT;"


class KeysError(Exception):
    """Keys cannot be used or made.  cure: a command or an action, complete."""

    def __init__(self, file: Path, text: str, cure: str) -> None:
        super().__init__(f"{file}: {text} — {cure}")
        self.file, self.text, self.cure = file, text, cure


class KeysUnreadableError(KeysError):
    """The disk does not give them now: it may again, so this is a failure and no refusal."""


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """All that a member's processes need.  Keys are Z85; allowed: member id -> public key."""

    member: int
    public: bytes
    secret: bytes = field(repr=False)
    ensemble: str
    ensemble_secret: bytes = field(repr=False)
    allowed: Mapping[int, bytes]

    def member_of(self, public: bytes) -> int | None:
        """Whose key this is; None: nobody's, refuse it."""
        return next((i for i, key in self.allowed.items() if key == public), None)


class _MemberFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    member: int
    public: str
    secret: str


class _EnsembleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    ensemble: str
    secret: str
    members: dict[int, str]


_Shape = TypeVar("_Shape", _MemberFile, _EnsembleFile)


def load_keys(config: MemberConfig) -> MemberKeys:
    """Raises KeysError: keys are missing, open to others, broken, or another member's; KeysUnreadableError."""
    make = f"corral keys init {config.file}"
    if config.keys_dir.exists():
        _refuse_loose_mode(config.keys_dir, 0o700)
    own = _read(config.keys_dir / _MEMBER_FILE, _MemberFile, make)
    shared = _read(config.keys_dir / _ENSEMBLE_FILE, _EnsembleFile, make)
    if own.member != config.id:
        raise KeysError(
            config.keys_dir / _MEMBER_FILE,
            f"the key of member {own.member}, but this is member {config.id}",
            "every member needs a key of its own: remove the file and run " + make,
        )
    if shared.members.get(config.id) != own.public:
        raise KeysError(
            config.keys_dir / _ENSEMBLE_FILE,
            f"does not list this member's public key {own.public}",
            f"corral keys add {config.file} {config.id} {own.public}",
        )
    return MemberKeys(
        member=own.member,
        public=own.public.encode(),
        secret=own.secret.encode(),
        ensemble=shared.ensemble,
        ensemble_secret=bytes.fromhex(shared.secret),
        allowed={i: key.encode() for i, key in sorted(shared.members.items())},
    )


def init_ensemble(configs: Sequence[MemberConfig]) -> None:
    """Make a new ensemble: all these members' keys, one id, one secret, directories marked as new.

    Raises KeysError: before anything is written, if any of them has keys or data already.
    """
    for config in configs:
        _refuse_existing(config)
    pairs = {config.id: _key_pair() for config in configs}
    shared = _new_ensemble({i: public for i, (public, _) in pairs.items()})
    for config in configs:
        _write_keys(config.keys_dir, config.id, *pairs[config.id], shared)
        mark_initialised(config.data_dir)


def join_ensemble(config: MemberConfig, ensemble_file: Path, *, is_new: bool, text: bytes | None = None) -> None:
    """Make keys of a further member of the ensemble whose ensemble.json was copied here.

    text: what is in that file, where it is none.
    is_new: the ensemble has never run, so this member may start from nothing; without it, the
    member gets its data from the others and votes once they have let it in again.
    Raises KeysError: keys or data are there, or the file is not one of these.
    """
    _refuse_existing(config)
    make = "copy ensemble.json from a member's key directory"
    shared = _read(ensemble_file, _EnsembleFile, make) if text is None else _decode(ensemble_file, text, _EnsembleFile)
    public, secret = _key_pair()
    members = {**shared.members, config.id: public}
    _write_keys(config.keys_dir, config.id, public, secret, msgspec.structs.replace(shared, members=members))
    if is_new:
        mark_initialised(config.data_dir)


def allow_member(config: MemberConfig, member: int, public: str) -> None:
    """Add or replace one member's public key in the allow-list.  Raises KeysError."""
    path = config.keys_dir / _ENSEMBLE_FILE
    _refuse_no_key(path, public)
    shared = _read(path, _EnsembleFile, f"corral keys init {config.file}")
    members = {**shared.members, member: public}
    _write_private(path, msgspec.structs.replace(shared, members=members))


def allow_only(config: MemberConfig, members: Mapping[int, str]) -> bool:
    """Make the allow-list exactly this: member id -> public key.  Whether it was another.

    Raises KeysError: one is no key, or this member's own is missing or another.
    """
    path = config.keys_dir / _ENSEMBLE_FILE
    own, shared = load_keys(config), _read(path, _EnsembleFile, f"corral keys init {config.file}")
    for member, public in members.items():
        _refuse_no_key(path, public)
        if member == config.id and public.encode() != own.public:
            raise KeysError(path, f"{public} is not this member's key", "see `corral keys show`")
    if config.id not in members:
        raise KeysError(path, f"a list without this member, {config.id}", "put its own key in too")
    wanted = dict(sorted(members.items()))
    if shared.members == wanted:
        return False
    _write_private(path, msgspec.structs.replace(shared, members=wanted))
    return True


def renew_keys(config: MemberConfig) -> str:
    """A new pair for a member that has one; its public half, which the others must let in before its next start.

    The processes that run keep the old pair until then.  Raises KeysError.
    """
    load_keys(config)
    shared = _read(config.keys_dir / _ENSEMBLE_FILE, _EnsembleFile, "")
    public, secret = _key_pair()
    members = {**shared.members, config.id: public}
    _write_keys(config.keys_dir, config.id, public, secret, msgspec.structs.replace(shared, members=members))
    return public


def make_keys(directory: Path, members: Sequence[int], renewed: Collection[int] = ()) -> bool:
    """Keys for hosts that get them copied: DIRECTORY/ID/member.json and ensemble.json for each.  Whether any was made.

    Members that have theirs keep them, save *renewed*; all know the same list, these members' and nobody else's.
    Raises KeysError.
    """
    cure = "put it back, or move the directory away for a new ensemble"
    pairs: dict[int, tuple[str, str]] = {}
    lists: dict[int, _EnsembleFile] = {}
    for member in members:
        if (directory / str(member) / _MEMBER_FILE).exists():
            own = _read(directory / str(member) / _MEMBER_FILE, _MemberFile, cure)
            if member not in renewed:
                pairs[member] = own.public, own.secret
            lists[member] = _read(directory / str(member) / _ENSEMBLE_FILE, _EnsembleFile, cure)
    shared = next(iter(lists.values())) if lists else _new_ensemble({})
    pairs |= {member: _key_pair() for member in members if member not in pairs}
    wanted = msgspec.structs.replace(shared, members={i: public for i, (public, _) in sorted(pairs.items())})
    if all(lists.get(member) == wanted for member in members):
        return False
    for member, (public, secret) in pairs.items():
        _write_keys(directory / str(member), member, public, secret, wanted)
    return True


def mark_initialised(data_dir: Path) -> None:
    """Say that this directory may start an ensemble from nothing; gone once the first epoch is."""
    directory = data_dir / "corral"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    (directory / "initialize").touch(mode=0o600)
    _sync_directory(directory)


def _refuse_existing(config: MemberConfig) -> None:
    for name in (_MEMBER_FILE, _ENSEMBLE_FILE):
        if (config.keys_dir / name).exists():
            raise KeysError(
                config.keys_dir / name,
                "is there already, and other members know this key",
                f"use `corral keys show {config.file}`, or remove {config.keys_dir} for new keys",
            )
    identity = config.data_dir / "corral" / "identity"
    if identity.exists():
        raise KeysError(
            identity,
            "the data of an ensemble that has run",
            "restore the keys that belong to it, or give another dataDir",
        )


def _refuse_no_key(path: Path, public: str) -> None:
    if len(public) != PUBLIC_KEY_CHARACTERS or not public.isascii():
        raise KeysError(
            path,
            f"{public!r} is not a public key of {PUBLIC_KEY_CHARACTERS} characters",
            "take it from `corral keys show` on that member",
        )


def _new_ensemble(members: dict[int, str]) -> _EnsembleFile:
    return _EnsembleFile(
        format=KEYS_FORMAT,
        ensemble=secrets.token_hex(8),
        secret=secrets.token_hex(ENSEMBLE_SECRET_BYTES),
        members=members,
    )


def _key_pair() -> tuple[str, str]:
    import zmq  # here, because whoever only shows keys needs no 10 ms of libzmq

    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def _write_keys(directory: Path, member: int, public: str, secret: str, shared: _EnsembleFile) -> None:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)  # mkdir leaves a directory that was there as it is
    # The list first: a crash between the two leaves a member that finds its key missing from it, and says so.
    _write_private(directory / _ENSEMBLE_FILE, shared)
    own = _MemberFile(format=KEYS_FORMAT, member=member, public=public, secret=secret)
    _write_private(directory / _MEMBER_FILE, own)


def _write_private(path: Path, content: msgspec.Struct) -> None:
    """Replace a file whole, at mode 0600, durable on return."""
    text = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path, shape: type[_Shape], make: str) -> _Shape:
    try:
        _refuse_loose_mode(path, 0o600)
        return _decode(path, path.read_bytes(), shape)
    except FileNotFoundError:
        raise KeysError(path, "this member has no keys yet", make) from None
    except PermissionError as error:
        raise KeysError(path, f"cannot be read: {error.strerror}", "correct its owner") from None
    except OSError as error:
        raise KeysUnreadableError(path, f"cannot be read: {error.strerror}", "look at that disk") from None


def _decode(path: Path, text: bytes, shape: type[_Shape]) -> _Shape:
    if text.startswith(_VAULT):
        raise KeysError(
            path, "is encrypted by Ansible Vault",
            f"ansible-vault decrypt {path.parent.parent}/*/*.json, do this again, then ansible-vault encrypt them")
    try:
        content = msgspec.json.decode(text, type=shape)
    except msgspec.DecodeError as error:
        raise KeysError(path, f"is damaged: {error}", "restore it from a backup") from None
    if content.format != KEYS_FORMAT:
        raise KeysError(path, f"has format {content.format}", "use a newer corral")
    return content


def _refuse_loose_mode(path: Path, wanted: int) -> None:
    """Raises KeysError: others may read what is there, or replace it."""
    found = stat.S_IMODE(path.stat().st_mode)
    if found & _OTHERS:
        raise KeysError(path, f"mode {found:04o} is open to others", f"chmod {wanted:o} {path}")
