"""What one client was sent, in the order of arrival: replies that arm a watch or show the znode, and events.

The event comes before any reply that shows the change; it comes once; and none is lost, nor over a reconnect of the
session with SetWatches.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from tests.histories.operation import Operation

KIND: Final = "watch"

# arm(): the version that the reply shows, and a watch is set from then on      show(): the version, without a watch
# event(): none         (key: the path; client: as long as its session lives)


def check(operations: Sequence[Operation]) -> list[str]:
    by_watcher: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for each in operations:
        if each.is_ok:
            by_watcher[each.client, each.key].append(each)
    return [text for arrived in by_watcher.values() for text in _watcher(arrived)]


def _watcher(arrived: Sequence[Operation]) -> Iterator[str]:
    armed: Operation | None = None  # set, and not triggered yet
    changed: Operation | None = None  # what the version was before the last event
    for each in arrived:
        if each.name == "event":
            if armed is None:
                yield f"an event without a watch: {each}"
            armed, changed = None, armed
            continue
        if armed is not None and each.result != armed.result:
            yield f"the change was shown before its event:\n    {armed}\n    {each}"
        if changed is not None and each.result <= changed.result:
            yield f"an event, and nothing has changed:\n    {changed}\n    {each}"
        armed = each if each.name == "arm" else armed
        changed = None
