"""What has to be done so that a target's tree becomes the source's."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from node.cli.mirroring.contents import Content, Tree


@dataclass(slots=True)
class Plan:
    """*creates*, *acls*: path -> content; *values*: likewise, where the value is another.

    *deletes*: from the root down; *left*: what is not to be deleted.  *blocked*: a target's ephemeral stands where a
    node should be.
    """

    creates: dict[str, Content] = field(default_factory=dict)
    values: dict[str, Content] = field(default_factory=dict)
    acls: dict[str, Content] = field(default_factory=dict)
    deletes: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.creates) + len(self.values) + len(self.acls) + len(self.deletes) + len(self.blocked)


def make_plan(source: Tree, target: Tree, *, deletes: bool) -> Plan:
    """What either side hides is left alone, as are the target's ephemerals and what the source has as ephemerals."""
    plan = Plan()
    for path, wanted in source.nodes.items():  # parents first, as they were read
        if path in target.hidden:
            continue
        if path in target.ephemerals:
            plan.blocked.append(path)
        elif path not in target.nodes:
            plan.creates[path] = wanted
        else:
            if target.nodes[path].data != wanted.data:
                plan.values[path] = wanted
            if target.nodes[path].acl != wanted.acl:
                plan.acls[path] = wanted
    only_there = sorted(only_in_target(source, target))
    plan.deletes, plan.left = (only_there, []) if deletes else ([], only_there)
    return plan


def only_in_target(source: Tree, target: Tree) -> list[str]:
    return [path for path in target.nodes if path not in source.nodes and path not in source.hidden]


def by_level(paths: Iterable[str]) -> list[list[str]]:
    """From the root down: those of one level can be made, or deleted, at once."""
    levels: dict[int, list[str]] = {}
    for path in paths:
        levels.setdefault(path.count("/") if path != "/" else 0, []).append(path)
    return [levels[depth] for depth in sorted(levels)]
