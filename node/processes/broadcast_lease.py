"""The lease under which this member's processors serve: from the core, with the way to the leader, to all of them."""

from node.processes.broadcast_local import Local
from node.processes.keyring import Keyring
from node.processes.peers import Peers
from node.zab import effects
from transport.messages import Lease


class MemberLease:
    """*newest*: as it was told last; its role and leader are what the core said last."""

    def __init__(self, me: int, *, lease_ms: int, local: Local, peers: Peers, keyring: Keyring) -> None:
        self._me, self._lease_ms = me, lease_ms
        self._local, self._peers, self._keyring = local, peers, keyring
        self.newest = Lease(0, 0, 0, "", "", "looking")

    def take(self, effect: effects.Lease) -> bool:
        """Whether it is told: a renewal waits for one of the next, while much of the last one is left."""
        last = self.newest
        is_renewal = (
            effect.until_ms and last.until_ns
            and (effect.epoch, effect.leader, effect.role) == (last.epoch, last.leader, last.role))
        if is_renewal and effect.until_ms - last.until_ns // 1_000_000 < self._lease_ms // 3:
            return False
        is_elsewhere = effect.leader not in (0, self._me)
        self.newest = Lease(
            effect.until_ms * 1_000_000, effect.epoch, effect.leader,
            self._peers.endpoint(effect.leader) if is_elsewhere else "",
            self._keyring.key_of(effect.leader) if is_elsewhere else "", effect.role)
        self._local.tell("lease", self.newest)
        return True
