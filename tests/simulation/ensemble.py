"""An ensemble under simulation: hosts with their processes, clients, checkers."""

from collections.abc import Callable
from dataclasses import dataclass

from node.storage.errors import RefusedError, StorageError
from node.zab.config import Timing, ZabConfig
from tests.simulation.checkers.acknowledged import Acknowledged
from tests.simulation.checkers.at_most_once import AtMostOnce
from tests.simulation.checkers.checker import Checker, Hub, ReplicaView
from tests.simulation.checkers.current_epochs import CurrentEpochs
from tests.simulation.checkers.digests import Digests
from tests.simulation.checkers.durable_acks import DurableAcks
from tests.simulation.checkers.ephemerals import Ephemerals
from tests.simulation.checkers.handovers import Handovers
from tests.simulation.checkers.leases import Leases
from tests.simulation.checkers.linearizable import Linearizable
from tests.simulation.checkers.one_leader import OneLeader
from tests.simulation.checkers.one_order import OneOrder
from tests.simulation.checkers.own_reads import OwnReads
from tests.simulation.checkers.promises import Promises
from tests.simulation.checkers.quorum_durable import QuorumDurable
from tests.simulation.checkers.session_fifo import SessionFifo
from tests.simulation.checkers.session_zxids import SessionZxids
from tests.simulation.checkers.starts import Starts
from tests.simulation.checkers.synced_reads import SyncedReads
from tests.simulation.checkers.watches import WatchOrder
from tests.simulation.client import Client, ClientOptions
from tests.simulation.disk import PowerCutError
from tests.simulation.history import History
from tests.simulation.host import PROCESSORS, Host, HostOptions
from tests.simulation.membership import server_lines
from tests.simulation.process import Process
from tests.simulation.shells.broadcast import Broadcast
from tests.simulation.shells.election import Election
from tests.simulation.shells.processor import Processor, ResyncError
from tests.simulation.shells.snapshotter import Snapshotter
from tests.simulation.world import World
from transport.zxid import MemberId

MAKE: dict[str, Callable[[Host], Process]] = {
    "broadcast": Broadcast, "election": Election, "snapshotter": Snapshotter,
    "processor": lambda host: Processor(host, index=0), "processor-1": lambda host: Processor(host, index=1)}


@dataclass(frozen=True)
class Scale:
    """Sizes and times, so small that a run of some seconds meets every limit."""

    members: int = 3
    processors: int = 1  # of each member
    clients: int = 4
    tick_ms: int = 500
    init_limit: int = 10
    sync_limit: int = 5
    ensemble: str = "simulated"
    segment_bytes: int = 8 << 10
    memory_bytes: int = 2 << 10  # of records for learners; what is older comes from files
    snapshot_watermarks: int = 12
    snapshot_chunk_bytes: int = 512
    retained_snapshots: int = 1
    digest_records: int = 5
    local_sessions: bool = False
    reap_ms: int = 1_000  # between two looks for containers and TTL nodes whose time is over
    never_used_ms: int = 4_000  # for a container
    only_checker: str = ""  # by name: beside the one that knows the order


def all_checkers(
    order: OneOrder, linearizable: Linearizable, durable_ends: Callable[[], dict[int, int]],
) -> list[Checker]:
    once = AtMostOnce()
    # OneOrder first: it says which records there are, and the others judge by them.
    return [
        order, once, linearizable, QuorumDurable(durable_ends), OneLeader(), Leases(), DurableAcks(), Promises(),
        CurrentEpochs(), Starts(), Digests(), Acknowledged(once), OwnReads(), SyncedReads(), SessionFifo(),
        SessionZxids(), WatchOrder(), Ephemerals(), Handovers(),
    ]


class Ensemble:
    def __init__(self, world: World, *, scale: Scale, host_options: HostOptions, client_options: ClientOptions) -> None:
        self.world = world
        world.process_ending = (StorageError, RefusedError, ResyncError, PowerCutError)
        self.scale = scale
        self.order, self.linearizable = OneOrder(), Linearizable()
        self.hub = Hub([
            each for each in all_checkers(self.order, self.linearizable, self.durable_ends)
            if scale.only_checker in ("", each.name) or each is self.order])
        self.order.on_ordered = self.hub.ordered
        self.history = History(self.hub)
        self.members = list(range(1, scale.members + 1))
        self.files = dict.fromkeys(self.members, self.members)  # whom each member's zoo.cfg names as voters
        self.client_addresses = [
            (member, f"client-{index}") for member in self.members for index in range(scale.processors)]
        self.timing = Timing.of(tick_ms=scale.tick_ms, init_limit=scale.init_limit, sync_limit=scale.sync_limit)
        self.hosts = {
            member: Host(self, member=member, options=host_options, make=MAKE) for member in self.members}
        self.clients = {
            number: Client(
                world, number=number, addresses=self.client_addresses,
                history=self.history, options=client_options)
            for number in range(1, scale.clients + 1)}

    def start(self) -> None:
        for host in self.hosts.values():
            host.initialise()
            host.start()

    def begin(self) -> None:
        """Everything and everybody, for the first time."""
        self.start()
        for client in self.clients.values():
            client.start()

    def zab_config(self, member: int, *, generation: int) -> ZabConfig:
        return ZabConfig(
            me=MemberId(member), voters=tuple(MemberId(each) for each in self.files[member]),
            ensemble=self.scale.ensemble, timing=self.timing, generation=generation, chunk_bytes=4 << 10,
            window_bytes=64 << 10, reconfig_enabled=True, standalone_enabled=False, observer_masters=True,
            servers=server_lines(self.files[member]), settings={"extendedTypesEnabled": "true"})

    # --- looking, for nemesis, checkers and the end of a run ---

    def alive(self, role: str) -> list[Process]:
        return [process for host in self.hosts.values() if (process := host.process(role)) is not None]

    def durable_ends(self) -> dict[int, int]:
        return {member: host.holds() for member, host in self.hosts.items()}

    def voters(self) -> list[int]:
        """As the leader's log has them; none without a leader."""
        broadcast = self.broadcast(self.leader() or self.members[0])
        return list(broadcast.core.voters) if broadcast is not None and broadcast.leads else []

    def leader(self) -> int | None:
        for process in self.alive("broadcast"):
            assert isinstance(process, Broadcast)
            if process.leads:
                return process.member
        return None

    def broadcast(self, member: int) -> Broadcast | None:
        """That of a member, once it has recovered."""
        process = self.hosts[member].process("broadcast")
        assert process is None or isinstance(process, Broadcast)
        return process if process is not None and process.has_started else None

    def processors(self) -> list[Processor]:
        return [
            each for role in PROCESSORS for each in self.alive(role)
            if isinstance(each, Processor) and each.has_started]

    def replicas(self) -> list[ReplicaView]:
        return [processor.view for processor in self.processors()]

    def digests(self) -> list[tuple[ReplicaView, int]]:
        return [(processor.view, processor.core.replica.digest()) for processor in self.processors()]

    def sessions(self) -> set[int]:
        return set(self.processors()[0].core.replica.state.sessions)

    def tree(self) -> dict[bytes, tuple[bytes, int, int, int, int]]:
        """Path -> value, version, children ever made, czxid, mzxid, of what clients made."""
        nodes = self.processors()[0].core.replica.state.tree.nodes
        return {
            path: (node.data or b"", node.version, node.cversion, node.czxid, node.mzxid)
            for path, node in nodes.items() if path.strip(b"/") and not path.startswith(b"/zookeeper")}

    def ephemerals(self) -> dict[bytes, int]:
        nodes = self.processors()[0].core.replica.state.tree.nodes
        return {path: node.owner for path, node in nodes.items() if node.is_ephemeral}

    def agrees(self) -> bool:
        """All processes of all members live, and every replica has executed everything that any has."""
        records = len(self.order.records)
        replicas = self.replicas()
        return (
            len(replicas) == len(self.members) * self.scale.processors
            and all(replica.index == records for replica in replicas)
            and all(host.process(role) is not None for host in self.hosts.values() for role in host.roles)
            and self.voters() == self.members)
