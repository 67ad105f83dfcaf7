"""Who may take a snapshot over HTTP, or restore one, and how: `corral backup` and `corral restore`, in processes of
their own, because a state that is loaded to be verified would stay in telemetry's memory.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from node.auth.certificates import CertificateNameError
from node.backup.wanted import UPLOAD, own_environment, want
from node.config.http import Http
from node.config.member import MemberConfig
from node.lives import living
from node.processes.processor_words import ACL_OF
from node.requests.auth import AuthPacketError, AuthRefusedError, OtherEnsembleError, authenticate, certified
from node.running import read_running
from node.tree.acl import ALL, encode_identities, identities_of, is_permitted
from node.tree.wire import pack_string
from observability.admin.guarded import Guard
from observability.endpoint import JSON, Request, Response, Route

TAKE_S = 600.0
COPY_BYTES = 1 << 20
_NOBODY = encode_identities(())


Routes = dict[str, Route]


def guarded_routes(
    config: MemberConfig, live: Callable[[str], Mapping[str, Any] | None],
) -> tuple[Routes, Routes]:
    """Of GET and of POST, below the URL of the commands."""
    http: Http = config.http
    snapshot = Guard(
        "snapshot", lambda request: _is_admitted(config, live, request), lambda _: take_snapshot(config.file),
        is_enabled=http.has_snapshot, interval_s=http.interval_s)
    restore = Guard(
        "restore", lambda request: _is_admitted(config, live, request), lambda request: restore_member(config, request),
        is_enabled=http.has_restore, interval_s=http.interval_s)
    return dict.fromkeys(("snapshot", "snap"), snapshot.route), dict.fromkeys(("restore", "rest"), restore.route)


def _is_admitted(
    config: MemberConfig, live: Callable[[str], Mapping[str, Any] | None], request: Request,
) -> bool | None:
    report = live(f"{ACL_OF}/")
    if report is None:
        return None
    identities = identities_of_caller(config, request)
    # What is open to everyone is the root alone: not what lies below, which a snapshot has all of.
    acl = tuple((perms, scheme.encode(), ident.encode()) for perms, scheme, ident in report["acl"] if scheme != "world")
    is_super = any(scheme == b"super" for scheme, _ in identities_of(identities))
    return is_super or (bool(acl) and all(
        is_permitted(acl, 1 << bit, identities) for bit in range(ALL.bit_length())))


def identities_of_caller(config: MemberConfig, request: Request) -> bytes:
    """What the header Authorization proves, and nothing else; empty: nothing."""
    scheme, _, credentials = request.headers.get("authorization", "").strip().partition(" ")
    rules, caller = config.security.auth, request.caller
    try:
        if scheme == "x509":
            tls = config.http.tls
            if tls is None or not caller.certificate:
                return _NOBODY
            return certified(_NOBODY, tls.ids.of(caller.certificate, caller.names), rules)
        packet = bytes(4) + pack_string(scheme.encode()) + pack_string(credentials.strip().encode())
        return authenticate(packet, _NOBODY, caller.address, rules)
    except (AuthRefusedError, AuthPacketError, OtherEnsembleError, CertificateNameError):
        return _NOBODY


def take_snapshot(file: Path) -> Response:
    """A whole backup of this member, verified, as a file."""
    with tempfile.TemporaryDirectory(prefix="corral-snapshot-") as directory:
        path = Path(directory, "snapshot.backup")
        try:
            facts = _run("backup", str(file), "--to", str(path))
        except CommandError as error:
            return _failed("snapshot", str(error))
        opened = path.open("rb")  # it stays readable without its name
    return Response(b"", "application/octet-stream", headers=(
        ("last_zxid", str(facts["zxid"])), ("snapshot_size", str(facts["bytes"])),
        ("Content-Disposition", 'attachment; filename="snapshot.backup"')), file=opened)


def restore_member(config: MemberConfig, request: Request) -> Response:
    """The backup that was sent takes the place of this member's state: see node/backup/wanted.py.

    Of the whole ensemble, where each member gets it, with the same `epoch` and `endSessions`.
    """
    if request.upload is None or not request.length:
        return _failed("restore", "no backup was sent", HTTPStatus.BAD_REQUEST)
    options = _options(request.query)
    path = config.run_dir / UPLOAD
    try:
        _receive(request.upload, path)
        facts = _run("restore", str(path), str(config.file), "--replace", "--check", *options)
    except (CommandError, ValueError) as error:
        path.unlink(missing_ok=True)
        return _failed("restore", str(error), HTTPStatus.BAD_REQUEST)
    options = [f"--epoch={facts['epoch']}", *(each for each in options if not each.startswith("--epoch"))]
    want(config, path, options)
    for pid in _replica_pids(config.run_dir):
        os.kill(pid, signal.SIGTERM)
    return Response(orjson.dumps({
        "last_zxid": facts["zxid"], "epoch": facts["epoch"], "restoration": facts["restoration"], "command": "restore",
        "error": None}), JSON)


def _options(query: Mapping[str, str]) -> list[str]:
    """Of `corral restore`. Raises ValueError."""
    options = [f"--epoch={int(query['epoch'])}"] if "epoch" in query else []
    return [*options, "--end-sessions"] if query.get("endSessions") == "true" else options


def _receive(upload: BinaryIO, path: Path) -> None:
    """Raises CommandError: there is no room."""
    try:
        with open(path, "wb") as file:
            shutil.copyfileobj(upload, file, COPY_BYTES)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from error


def _replica_pids(run_dir: Path) -> list[int]:
    running = read_running(run_dir)
    pids = living(run_dir) if running is None else {each.name: each.pid for each in running.processes if each.pid}
    return [pid for name, pid in pids.items() if name.startswith(("processor-", "snapshotter", "broadcast"))]


class CommandError(Exception):
    """What it said."""


def _run(*arguments: str) -> dict[str, Any]:
    """What the command says as JSON. Raises CommandError."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "node", *arguments, "--json"], capture_output=True, text=True, check=False,
            timeout=TAKE_S, stdin=subprocess.DEVNULL, env=own_environment())
    except subprocess.TimeoutExpired:
        raise CommandError(f"not done within {TAKE_S:.0f} s") from None
    if done.returncode:
        raise CommandError(done.stderr.strip() or f"it ended with {done.returncode}")
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


def _failed(command: str, reason: str, status: int = HTTPStatus.INTERNAL_SERVER_ERROR) -> Response:
    return Response(orjson.dumps({"command": command, "error": reason}), JSON, status)
