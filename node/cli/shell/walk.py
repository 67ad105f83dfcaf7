"""A subtree, level by level, with many requests on the way at once."""

from collections.abc import Iterator
from dataclasses import dataclass

from node.cli.shell import requests
from node.cli.shell.client import Client
from node.cli.shell.errors import RefusedError
from node.cli.shell.paths import join
from transport.errors import Err
from transport.records import Stat


@dataclass(frozen=True, slots=True)
class Found:
    """A znode. *depth*: 0 is the one that the walk began at. *data*: None also where it was not asked for.

    *is_hidden*: the user may not read it; its stat is that of its parent then, and says nothing.
    """

    path: str
    depth: int
    stat: Stat
    children: tuple[str, ...]
    data: bytes | None = None
    is_hidden: bool = False


def walk(
    client: Client, top: str, *, depth_max: int | None = None, with_data: bool = False, skip: str = "",
) -> Iterator[Found]:
    """All of the subtree, parents before children, those of one parent sorted.

    What goes away meanwhile is left out. *skip*: a subtree that is left out.  Raises RefusedError: of *top*.
    """
    names, stat = client.children(top)
    level = [Found(top, 0, stat, tuple(names))]
    while level:
        if with_data:
            level = _with_data(client, level)
        yield from level
        if depth_max is not None and level[0].depth >= depth_max:
            return
        level = _next(client, level, skip)


def _next(client: Client, level: list[Found], skip: str) -> list[Found]:
    depth = level[0].depth + 1
    paths = [join(found.path, name) for found in level for name in found.children]
    stats = {join(found.path, name): found.stat for found in level for name in found.children}
    wanted = [requests.children(client.whole(path)) for path in paths if path != skip]
    found_all = []
    for request, answer in client.call_all(wanted):
        path = client.own(request.path)
        if isinstance(answer, RefusedError):
            if answer.code == Err.NO_AUTH:
                found_all.append(Found(path, depth, stats[path], (), is_hidden=True))
            elif answer.code != Err.NO_NODE:
                raise answer
        else:
            names, stat = answer
            found_all.append(Found(path, depth, stat, tuple(names)))
    return found_all


def _with_data(client: Client, level: list[Found]) -> list[Found]:
    """Their values, and Stats of the same moment."""
    filled = []
    wanted = [requests.get(client.whole(found.path)) for found in level]
    for found, (_, answer) in zip(level, client.call_all(wanted), strict=True):
        if not isinstance(answer, RefusedError):
            filled.append(Found(found.path, found.depth, answer[1], found.children, answer[0]))
        elif answer.code == Err.NO_AUTH:
            filled.append(Found(found.path, found.depth, found.stat, found.children, is_hidden=True))
        elif answer.code != Err.NO_NODE:
            raise answer
    return filled


def in_order(found: list[Found]) -> list[Found]:
    """As a person reads a tree: each subtree after its top."""
    return sorted(found, key=lambda each: each.path.split("/") if each.path != "/" else [])
