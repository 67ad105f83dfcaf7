"""Who may take a snapshot over HTTP, and how it is taken: `corral backup`, in a process of its own.

A process, because a state that is loaded to be verified would stay in telemetry's memory.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson

from node.auth.certificates import CertificateNameError
from node.config.http import Http
from node.config.member import MemberConfig
from node.requests.auth import AuthPacketError, AuthRefusedError, OtherEnsembleError, authenticate, certified
from node.tree.acl import ALL, encode_identities, identities_of, is_permitted
from node.tree.wire import pack_string
from observability.admin.guarded import Guard
from observability.endpoint import JSON, Request, Response, Route

TAKE_S = 600.0
ROOT_ACL = "root_acl"
_NOBODY = encode_identities(())


def guarded_routes(config: MemberConfig, live: Callable[[str], Mapping[str, Any] | None]) -> dict[str, Route]:
    """Of GET, below the URL of the commands."""
    http: Http = config.http
    snapshot = Guard(
        "snapshot", lambda request: _is_admitted(config, live, request), lambda _: take_snapshot(config.file),
        is_enabled=http.has_snapshot, interval_s=http.interval_s)
    return dict.fromkeys(("snapshot", "snap"), snapshot.route)


def _is_admitted(
    config: MemberConfig, live: Callable[[str], Mapping[str, Any] | None], request: Request,
) -> bool | None:
    report = live(ROOT_ACL)
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
        command = [sys.executable, "-P", "-m", "node", "backup", str(file), "--to", str(path), "--json"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=TAKE_S, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return _failed(f"not done within {TAKE_S:.0f} s")
        if done.returncode:
            return _failed(done.stderr.strip() or f"it ended with {done.returncode}")
        facts = orjson.loads(done.stdout)
        opened = path.open("rb")  # it stays readable without its name
    return Response(b"", "application/octet-stream", headers=(
        ("last_zxid", str(facts["zxid"])), ("snapshot_size", str(facts["bytes"])),
        ("Content-Disposition", 'attachment; filename="snapshot.backup"')), file=opened)


def _failed(reason: str) -> Response:
    return Response(
        orjson.dumps({"command": "snapshot", "error": reason}), JSON, HTTPStatus.INTERNAL_SERVER_ERROR)
