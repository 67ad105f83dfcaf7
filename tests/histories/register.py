"""A znode as a register: it is created, written, compared and set by version, and read after a sync."""

from typing import Final

from tests.histories.linearizability import Model
from tests.histories.operation import Operation, Outcome

KIND: Final = "register"
Znode = tuple[int, str]  # version, value
ABSENT: Final[Znode] = (-1, "")
REFUSED: Final[Znode] = (-2, "")

# create(value): version 0          write(value): its version      cas([version, value]): its version
# read(): [version, value], after a sync                           get(): the same without a sync, see sessions.py
# Refusals: NodeExists, NoNode, BadVersion.


def step(znode: Znode, operation: Operation) -> Znode:
    after = _effect(znode, operation)
    if operation.outcome is Outcome.UNKNOWN:
        return after if after != znode else REFUSED
    if operation.outcome is Outcome.FAIL:
        return znode if operation.result == _refusal(znode, operation) else REFUSED
    if operation.name == "read":
        return znode if znode != ABSENT and list(znode) == list(operation.result) else REFUSED
    return after if after != znode and after[0] == operation.result else REFUSED


def _effect(znode: Znode, operation: Operation) -> Znode:
    """The znode afterwards; unchanged where the operation is refused, or only reads."""
    version = znode[0]
    if _refusal(znode, operation):
        return znode
    match operation.name:
        case "create":
            return 0, operation.argument
        case "write":
            return version + 1, operation.argument
        case "cas":
            return version + 1, operation.argument[1]
        case _:
            return znode


def _refusal(znode: Znode, operation: Operation) -> str:
    if operation.name == "create":
        return "" if znode == ABSENT else "NodeExists"
    if znode == ABSENT:
        return "NoNode"
    return "BadVersion" if operation.name == "cas" and operation.argument[0] != znode[0] else ""


REGISTER: Final = Model(initial=ABSENT, step=step, refused=REFUSED)
