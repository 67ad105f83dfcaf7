"""Paths of znodes as a user says them: absolute, or from where he is."""

from typing import Any

import click


def resolve(path: str, *, cwd: str) -> str:
    """Absolute, without `.`, `..` and slashes too many.  "a/../b" in /x is /x/b."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{cwd}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def join(parent: str, name: str) -> str:
    return f"/{name}" if parent == "/" else f"{parent}/{name}"


def parent_of(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def name_of(path: str) -> str:
    return path.rpartition("/")[2]


def is_within(path: str, top: str) -> bool:
    """Also where it is that itself."""
    return path == top or top == "/" or path.startswith(f"{top}/")


class ZnodePath(click.ParamType[str]):
    """An argument that is a znode's path: completion offers paths for it, and commands get it absolute.

    *keeps_slash*: a slash at its end means something, as that of a sequential znode without a name.
    """

    name = "path"

    def __init__(self, *, keeps_slash: bool = False) -> None:
        self._keeps_slash = keeps_slash

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        cwd = ctx.obj.cwd if ctx is not None and ctx.obj is not None else "/"
        found = resolve(str(value), cwd=cwd)
        return f"{found}/" if self._keeps_slash and str(value).endswith("/") and found != "/" else found


PATH = ZnodePath()
NEW_PATH = ZnodePath(keeps_slash=True)
