"""A restoration: the state of one moment is put onto empty disks, under a name and an epoch of its own.

As node/backup does it, with its own code, but for the directories that it moves aside: here the disks are new ones.
"""

from types import SimpleNamespace

from node.backup.epochs import next_epoch
from node.backup.restoring import Plan, adapt
from node.processes.snapshot_build import PROBLEMS
from node.storage.epochs import Epochs
from node.storage.identity import initialise
from node.storage.snapshot_builder import Replayed, header_of, replay
from node.storage.snapshots import SnapshotWriter, load_newest_with_header
from node.tree.snapshot import encode_state
from tests.simulation.disk import PowerCutError
from tests.simulation.ensemble import Ensemble
from tests.simulation.host import DATA_DIR, LOG_DIR, Host
from tests.simulation.scheduler import MS
from transport.zxid import Epoch, epoch_of, show

BEFORE_THE_LOG = ("broadcast", "election")
AGAIN_US = 100 * MS


def back_up(ensemble: Ensemble, member: int) -> Replayed:
    """From the member's files, beside its running processes.  Raises what PROBLEMS has, PowerCutError."""
    broadcast = ensemble.broadcast(member)
    assert broadcast is not None
    files = ensemble.hosts[member].disk.process()
    try:
        return replay(files, load_newest_with_header(files, DATA_DIR), log_dir=LOG_DIR, mark=broadcast.mark)
    finally:
        files.crash()


class Backup:
    """Of any member whose files give one: if they do not now, another is asked a moment later."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self.rng = ensemble.world.randomness.of("backup")
        self.replayed: Replayed | None = None

    def take(self) -> None:
        ensemble, member = self.ensemble, self.rng.choice(self.ensemble.members)
        broadcast = ensemble.broadcast(member)
        if broadcast is not None and broadcast.mark.zxid:
            try:
                self.replayed = back_up(ensemble, member)
            except PROBLEMS as error:
                ensemble.world.trace("backup", "of member %d: %s", member, str(error))
            except PowerCutError:
                ensemble.hosts[member].lose_power()
        if self.replayed is None:
            ensemble.world.scheduler.after(AGAIN_US, self.take)
        else:
            ensemble.world.trace("backup", "of member %d, up to %s", member, show(self.replayed.state.zxid))


def end(ensemble: Ensemble) -> None:
    """Every process of it, for good, and every client."""
    for host in ensemble.hosts.values():
        host.retire()
    for client in ensemble.clients.values():
        client.die()


def restored(before: Ensemble, backup: Replayed, *, forgotten: int = 0) -> Ensemble:
    """The ensemble after it, not started yet. *forgotten*: a member that keeps what it had."""
    ensemble = Ensemble(
        before.world, scale=before.scale, host_options=before.hosts[1].options,
        client_options=before.clients[1].options)
    ends = [int(epoch_of(each)) for each in before.durable_ends().values()]
    plan = Plan(next_epoch(*ends), "restored", list(ensemble.members), ends_sessions=False)
    adapt(SimpleNamespace(state=backup.state), plan)  # type: ignore[arg-type]  # all that it changes
    for member, host in ensemble.hosts.items():
        if member == forgotten:
            host.disk, host.durable = before.hosts[member].disk, before.hosts[member].durable
        else:
            write(host, backup, plan)
    for number, client in ensemble.clients.items():
        # Names of znodes are made of these, and there are some of before.
        client.session_index, client.xid = before.clients[number].session_index, before.clients[number].xid
    ensemble.history.invoked = before.history.invoked
    ensemble.order.begin_after(backup.state.zxid)
    ensemble.linearizable.begin_with(backup.state)
    return ensemble


def write(host: Host, backup: Replayed, plan: Plan) -> None:
    files = host.disk.process()
    writer = SnapshotWriter(files, DATA_DIR, header_of(backup.state, backup.epochs))
    for section in encode_state(backup.state):
        writer.write(section)
    writer.finish(digest=backup.state.digest())
    epochs = Epochs(files, DATA_DIR)
    epochs.save_accepted(Epoch(plan.epoch))
    epochs.save_current(Epoch(plan.epoch))
    initialise(
        files, DATA_DIR, ensemble=host.ensemble.scale.ensemble, member=host.member,
        incarnation=f"{host.rng.getrandbits(64):016x}")
    files.crash()


def start(ensemble: Ensemble, *, forgotten: int = 0) -> None:
    """*forgotten*: its replicas have no place in this history, and are left out of sight."""
    for host in ensemble.hosts.values():
        for role in BEFORE_THE_LOG if host.member == forgotten else host.roles:
            host.start_role(role)
    for client in ensemble.clients.values():
        client.start()
