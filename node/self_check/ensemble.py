"""Whether the member serves and is in step, and runs what the others run."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from node.cli.asking import MemberStatus, ask_all
from node.config.address import Address
from node.config.member import MemberConfig
from node.self_check.finding import Finding, Level

LAG_MAX: Final = 1000  # transactions; more than a moment's worth on any ensemble

Ask = Callable[[Sequence[Address]], list[MemberStatus]]


def check_ensemble(config: MemberConfig, own: Address, *, ask: Ask = ask_all) -> list[Finding]:
    ids = sorted(config.members)
    statuses = dict(zip(ids, ask([_address(config, i, own) for i in ids]), strict=True))
    own_status = statuses[config.id]
    return [*_check_own(own_status), *_check_voters(config, own_status), *_check_others(config, statuses),
            *_check_alike(statuses)]


def _address(config: MemberConfig, member: int, own: Address) -> Address:
    """Where the server line does not say it, the port is most likely ours."""
    if member == config.id:
        return own
    client = config.members[member].client
    if client is not None and client.host not in ("0.0.0.0", "::"):
        return client
    return Address(config.members[member].host, client.port if client else own.port)


def _check_own(status: MemberStatus) -> list[Finding]:
    if status.values.get("differs"):
        return [Finding(
            "member", Level.FAILURE, "its data differ from the other members'",
            "it rebuilds itself; if this stays, see digest_differs in its log, and keep its directories")]
    if not status.is_serving:
        return [Finding(
            "member", Level.FAILURE, f"does not serve at {status.address}: {status.why or status.role}",
            "see `corral status`, and the log of its units")]
    if (status.lag or 0) > LAG_MAX:
        return [Finding(
            "member", Level.WARNING, f"{status.role}, {status.lag} transactions behind",
            "look at this machine's disk and load: `corral trace` names slow syncs")]
    return [Finding("member", Level.OK, f"{status.role}, in epoch {status.epoch}, {status.lag or 0} behind")]


def _check_voters(config: MemberConfig, status: MemberStatus) -> list[Finding]:
    """A change of members that stopped half-way, or that zoo.cfg was not told of, stays so until somebody notices."""
    if not status.is_serving or status.voters in (0, len(config.voters)):
        return []
    return [Finding(
        "member", Level.WARNING, f"{status.voters} members vote, zoo.cfg names {len(config.voters)}",
        "finish the change, or give zoo.cfg the lines of the log (`corral reconfig`); deploy.yml does so")]


def _check_others(config: MemberConfig, statuses: dict[int, MemberStatus]) -> list[Finding]:
    return [
        Finding("member", Level.WARNING, f"member {i} does not serve at {status.address}: {status.why or status.role}",
                "see `corral status`, and that member's log")
        for i, status in statuses.items() if i != config.id and not status.is_serving]


def _check_alike(statuses: dict[int, MemberStatus]) -> list[Finding]:
    """Only of those that answer."""
    found: list[Finding] = []
    for name, key in (("version", "version"), ("feature level", "feature_level"), ("ensemble", "ensemble")):
        values: dict[int, Any] = {i: s.values[key] for i, s in statuses.items() if s.values.get(key) is not None}
        if len(set(values.values())) > 1:
            found.append(Finding(
                "versions", Level.WARNING, f"{name} differs: "
                + ", ".join(f"{value} at member {i}" for i, value in values.items()),
                "finish the upgrade, or go back, on every member"))
    if found:
        return found
    own = next((s.values for s in statuses.values() if s.values.get("version")), {})
    return [Finding("versions", Level.OK, f"all that answer run Corral {own.get('version')} at feature level "
                    f"{own.get('feature_level')}")]
