"""Doing what a plan says, many requests at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from node.cli.mirroring.plan import Plan, by_level
from node.cli.shell import requests
from node.cli.shell.client import Client
from node.cli.shell.errors import RefusedError
from node.cli.shell.requests import Request
from transport.errors import Err

_LOST = (Err.CONNECTION_LOSS, Err.SESSION_EXPIRED)


@dataclass(slots=True)
class Done:
    """*refused*: path -> why."""

    created: int = 0
    changed: int = 0
    acls: int = 0
    deleted: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return self.created + self.changed + self.acls + self.deleted


def apply(client: Client, plan: Plan) -> Done:
    """What cannot be done is noted, and the rest goes on.  Raises RefusedError: the session is lost; Failure."""
    done = Done()
    for path in plan.blocked:
        done.refused[path] = "an ephemeral znode of the target's own stands there"
    for level in by_level(plan.creates):
        done.created += _send(client, done, (
            requests.create(client.whole(path), plan.creates[path].data, plan.creates[path].acl_on_the_wire)
            for path in level))
    done.changed = _send(
        client, done, (requests.set_data(client.whole(path), each.data) for path, each in plan.values.items()))
    done.acls = _send(
        client, done, (requests.set_acl(client.whole(path), each.acl_on_the_wire) for path, each in plan.acls.items()))
    for level in reversed(by_level(plan.deletes)):
        done.deleted += _send(client, done, (requests.delete(client.whole(path)) for path in level))
    return done


def _send(client: Client, done: Done, wanted: Iterable[Request]) -> int:
    """How many were done."""
    count = 0
    for request, answer in client.call_all(wanted):
        if not isinstance(answer, RefusedError):
            count += 1
        elif answer.code in _LOST:
            raise answer
        else:
            done.refused[client.own(request.path)] = str(answer)
    return count
