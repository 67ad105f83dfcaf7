"""Reads without a sync may be old, but: a version has one value, and no session sees a znode go backwards."""

from collections.abc import Iterator, Sequence

from tests.histories.operation import Operation


def check(operations: Sequence[Operation]) -> list[str]:
    """Of registers."""
    return [*_two_values(operations), *_backwards(operations)]


def shown(operation: Operation) -> tuple[int, str] | None:
    """The version that the client was told of, and its value."""
    if not operation.is_ok:
        return None
    if operation.name in ("get", "read"):
        version, value = operation.result
        return version, value
    value = operation.argument[1] if operation.name == "cas" else operation.argument
    return operation.result, value


def _two_values(operations: Sequence[Operation]) -> Iterator[str]:
    first: dict[tuple[str, int], Operation] = {}
    for operation in operations:
        if (told := shown(operation)) is None:
            continue
        known = first.setdefault((operation.key, told[0]), operation)
        if shown(known) != told:
            yield f"version {told[0]} of {operation.key} has two values:\n    {known}\n    {operation}"


def _backwards(operations: Sequence[Operation]) -> Iterator[str]:
    """A client waits for each answer before it asks again, so its operations end in their order."""
    newest: dict[tuple[str, int, str], tuple[int, Operation]] = {}
    for operation in sorted(operations, key=lambda each: each.ended_s):
        told = shown(operation)
        if told is None or not operation.session:
            continue
        place = operation.client, operation.session, operation.key
        version, before = newest.get(place, (-1, operation))
        if told[0] < version:
            yield f"session {operation.session:#x} saw {operation.key} go backwards:\n    {before}\n    {operation}"
        newest[place] = max((version, before), (told[0], operation), key=lambda each: each[0])
