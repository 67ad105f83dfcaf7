"""The point that a backup or an export reaches at least: no write that was acknowledged before is above it."""

import time
from dataclasses import replace
from typing import Final

from node.backup.barrier import BarrierError, own_address, own_tls_address, synced_zxid
from node.cli.asking import ask
from node.cli.errors import Failure
from node.cli.shell.target import Credentials, Target, context_of
from node.config.address import Address
from node.config.member import MemberConfig
from transport.zxid import Zxid

BARRIER_S: Final = 10.0


def barrier_of(
    config: MemberConfig, ensemble: str, credentials: Credentials, wanted: str, by_files_alone: str,
) -> Zxid:
    """A zxid that no acknowledged write is above.

    *wanted*: what is to be made; *by_files_alone*: how to without the ensemble. Raises Failure: this member does not
    serve, or another one answers in its place.
    """
    own = replace(credentials, any_host=True)  # this member is meant, whatever its certificate calls it
    address = own_tls_address(config) if own.uses_tls else own_address(config)
    cure = (f"`corral status` says how the ensemble does; {by_files_alone} saves what this member's files prove "
            "committed, without the promise that the last writes are in it")
    status = ask(address, time.monotonic() + BARRIER_S, tls=context_of(own))
    if not status.is_serving:
        why = status.why or status.role
        raise Failure(f"no {wanted}: member {config.id} does not serve at {address}: {why} — {cure}")
    if (status.id, status.values.get("ensemble")) != (config.id, ensemble):
        raise Failure(f"{address} is another member's, or of another ensemble — correct its port in {config.file}")
    try:
        if credentials == Credentials():
            return synced_zxid(address, BARRIER_S)
        return _synced_as(address, own)
    except (BarrierError, Failure) as error:
        raise Failure(f"no sync through member {config.id}: {error} — {cure}") from None


def _synced_as(address: Address, credentials: Credentials) -> Zxid:
    """As `synced_zxid`, by a client that says who it is.  Raises Failure."""
    from node.cli.shell import requests
    from node.cli.shell.client import Client  # with kazoo, which others need not load

    client = Client(Target(str(address), credentials=credentials), connect_s=BARRIER_S, answer_s=BARRIER_S)
    try:
        client.call(requests.sync("/"))
        synced = client.last_zxid
    finally:
        client.close()
    return Zxid(max(synced, client.last_zxid))
