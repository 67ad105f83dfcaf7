"""One operation of a multi, decoded."""

from typing import Any


class SubOp:
    """*version*: of a setData, check or delete; *data*: of a setData; *arguments*: of every other one."""

    __slots__ = ("arguments", "data", "kind", "path", "version")

    def __init__(
        self, kind: int, path: bytes, version: int = -1, data: bytes | None = None, arguments: Any = None
    ) -> None:
        self.kind = kind
        self.path = path
        self.version = version
        self.data = data
        self.arguments = arguments
