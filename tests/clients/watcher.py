"""What a kazoo watch was told."""

import queue

from kazoo.client import KazooClient
from kazoo.protocol.states import EventType, KeeperState, WatchedEvent

EVENT_S = 20.0
CREATED, DELETED, CHANGED, CHILD = (
    EventType.CREATED,
    EventType.DELETED,
    EventType.CHANGED,
    EventType.CHILD,
)


class Seen:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[WatchedEvent] = queue.SimpleQueue()

    def __call__(self, event: WatchedEvent) -> None:
        if event.type != EventType.NONE:  # which tells of the connection
            self.events.put(event)

    def next(self) -> tuple[str, str]:
        """(type, path) of the next event; waits for it."""
        event = self.events.get(timeout=EVENT_S)
        assert event.state == KeeperState.CONNECTED
        return event.type, event.path

    def all_until_now(self, client: KazooClient) -> list[tuple[str, str]]:
        """What has come.  After a sync, nothing that happened before it is still on its way:
        kazoo calls watchers in the order of arrival, and the last of these is a barrier's own."""
        barrier = Seen()
        client.create("/barrier")
        client.exists("/barrier", watch=barrier)
        client.delete("/barrier")
        barrier.next()
        found = []
        while not self.events.empty():
            found.append(self.next())
        return found
