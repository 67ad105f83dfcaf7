"""What a client can see of the release of ZooKeeper that Corral passes for: a table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Compatibility:
    """Of answers only, never of what is executed: members may differ in it."""

    notification_zxid: bool  # an event's header has the change's zxid (ZOOKEEPER-4655), else -1
    exists_needs_read: bool  # ZOOKEEPER-2590
    persistent_watcher_types: bool  # checkWatches and removeWatches know types 4 and 5 (ZOOKEEPER-4472)
    create2_in_multi: bool  # a multi's create2 has its Stat, and creates that make no sense are -5 (ZOOKEEPER-4026)


COMPATIBILITY = {
    "3.8": Compatibility(
        notification_zxid=False, exists_needs_read=False, persistent_watcher_types=False, create2_in_multi=False),
    "3.9": Compatibility(
        notification_zxid=True, exists_needs_read=True, persistent_watcher_types=True, create2_in_multi=True),
}
NEWEST = COMPATIBILITY["3.9"]
