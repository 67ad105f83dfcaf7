"""What of a configuration a running member can take over: the keys of the table that are live."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from node.config.explain import Explained
from node.config.member import MemberConfig

STAMP = ".config"  # file in the run directory: which zoo.cfg a process goes by


def with_live(config: MemberConfig, newer: MemberConfig) -> MemberConfig:
    """*config*, with what of *newer* needs no restart."""
    limits, wanted = config.limits, newer.limits
    return replace(
        config,
        max_client_cnxns=newer.max_client_cnxns,
        four_letter_words=newer.four_letter_words,
        min_session_timeout_ms=newer.min_session_timeout_ms,
        max_session_timeout_ms=newer.max_session_timeout_ms,
        security=replace(config.security, auth=newer.security.auth),
        limits=replace(
            limits, large_bytes=wanted.large_bytes, large_bytes_max=wanted.large_bytes_max,
            reply_bytes_max=wanted.reply_bytes_max, connections_max=wanted.connections_max,
            per_prefix=wanted.per_prefix, overload=replace(
                limits.overload, requests_max=wanted.overload.requests_max, op_wait_ms=wanted.overload.op_wait_ms,
                closes_late=wanted.overload.closes_late)))


def in_use(before: Sequence[Explained], newer: Sequence[Explained]) -> list[Explained]:
    """Each key as a member that has reloaded goes by it: what needs a restart is as it was."""
    old = {each.key: each for each in before}
    found = [each if each.is_live else old.get(each.key, each) for each in newer]
    named = {each.key for each in found}
    return found + [each for each in before if each.key not in named and not each.is_live]


def changed(before: Sequence[Explained], newer: Sequence[Explained]) -> tuple[list[str], list[str]]:
    """Keys whose values differ: those that are live, and those that want a restart."""
    old, new = ({each.key: each for each in rows} for rows in (before, newer))
    differing = [key for key in dict.fromkeys((*old, *new)) if _value(old, key) != _value(new, key)]
    live = [key for key in differing if (new.get(key) or old[key]).is_live]
    return live, [key for key in differing if key not in live]


def _value(rows: dict[str, Explained], key: str) -> str | None:
    row = rows.get(key)
    return None if row is None else row.value


def stamp_of(config: MemberConfig) -> str:
    """Of the file as it lies there."""
    return hashlib.sha256(config.file.read_bytes()).hexdigest()


def stamp_path(run_dir: Path, process: str) -> Path:
    return run_dir / f"{process}{STAMP}"


def leave_stamp(config: MemberConfig, process: str) -> None:
    """For `corral config reload`: this process goes by the file as it lies there."""
    path = stamp_path(config.run_dir, process)
    aside = path.with_suffix(".new")
    aside.write_text(stamp_of(config))
    aside.replace(path)
