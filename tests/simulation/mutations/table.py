"""All mutations: the rules of design, section 3, by number, and what else replicas, sessions and clients rely on."""

from node.requests.processor import Processor
from node.storage.identity import DataLock
from node.storage.layout import is_sound
from node.storage.log import Sync
from node.storage.received import ReceivedSnapshot
from node.storage.scan import durable_behind
from node.storage.segments import begin_truncation
from node.tree import create as tree_create
from node.tree.execute import Replica
from node.tree.reaping import is_over
from node.tree.session_ops import end_session
from node.zab.discovery import Discovery
from node.zab.follower import Follower
from node.zab.handover import Handover
from node.zab.heartbeat import Heartbeat
from node.zab.history import History
from node.zab.leader import Leader
from node.zab.membership import has_vote
from node.zab.proposals import Proposals
from node.zab.quorum import backed_value, quorum_value
from node.zab.synchronisation import common_point, plan
from tests.simulation.ensemble import Scale
from tests.simulation.faults import WEIGHTS
from tests.simulation.mutations import broadcast, execution, storage
from tests.simulation.mutations.mutation import Mutation, around, everywhere

OFTEN_PURGED = Scale(snapshot_watermarks=4, segment_bytes=2 << 10)

MUTATIONS = (
    Mutation(
        "AckNewLeader before the history is durable", "1",
        lambda: around(Follower, "_on_history_durable", broadcast.thinking_all_durable)),
    Mutation(
        "currentEpoch before the history is durable", "1",
        lambda: around(Follower, "_on_new_leader", broadcast.entering_at_once)),
    Mutation(
        "Ack before the record is durable", "1",
        lambda: around(Follower, "_on_records", broadcast.acking_at_once)),
    Mutation(
        "the leader counts its own copy before it is durable", "1",
        lambda: around(Proposals, "commit", broadcast.thinking_all_durable)),
    Mutation(
        "replicas see what is not on this disk", "2",
        lambda: around(History, "release", broadcast.thinking_all_durable)),
    Mutation(
        "after a restart all of the log counts as committed", "2",
        lambda: around(History, "__init__", broadcast.taking_all_for_committed),
        {"kill member": 2, "isolate": 1, "power cut": 1}),
    Mutation("a failed sync is tried again", "3", lambda: around(Sync, "run", storage.twice),
        {"sync error": 3, "power cut": 1}),
    Mutation(
        "a received snapshot is renamed before it is synced", "4",
        lambda: around(ReceivedSnapshot, "verify", storage.without_sync), {"lost disk": 1, "power cut": 4}),
    Mutation(
        "a snapshot is acked before it is in its place", "4",
        lambda: around(Follower, "_on_snapshot", broadcast.acking_what_came), {"lost disk": 1}),
    Mutation(
        "the old history goes before the new one is complete", "4",
        lambda: around(ReceivedSnapshot, "__init__", storage.clearing_first),
        WEIGHTS | {"isolate": 6, "kill member": 4}, scale=OFTEN_PURGED, is_quick=False),
    Mutation(
        "a truncation leaves no note", "4", lambda: everywhere(begin_truncation, storage.leaving_no_note),
        {"isolate": 1, "power cut amid an operation": 1}, at_leader=0.8, scale=OFTEN_PURGED, is_quick=False),
    Mutation("a gap between records is accepted", "5", broadcast.blind_to_gaps),
    Mutation(
        "a leader leads without being heard", "6",
        lambda: around(Heartbeat, "granted_until_ms", broadcast.always_now), {"isolate": 1}),
    Mutation(
        "a new leader does not wait for the old one's lease", "6",
        lambda: around(Discovery, "others_lease_until_ms", lambda *_its: 0),
        {"isolate": 1, "one-way cut": 1, "stop broadcast": 1}, at_leader=0.9, is_quick=False),
    Mutation(
        "a leader that has named its heir keeps its lease", "6",
        lambda: around(Leader, "leave", broadcast.keeping_its_lease), {"hand over": 1}),
    Mutation(
        "a torn record passes for a whole one", "7", lambda: everywhere(is_sound, storage.sound_by_id_alone),
        {"power cut": 1}),
    Mutation(
        "a rotten record is cut off like a torn one", "7", lambda: everywhere(durable_behind, storage.nothing_behind),
        {"rot log": 1, "kill broadcast": 1}),
    Mutation(
        "two broadcast processes write one log", "8", lambda: around(DataLock, "_lock", storage.without_looking),
        {"second broadcast": 1}),
    Mutation(
        "a member without its disk votes", "9", lambda: everywhere(has_vote, broadcast.votes_all_the_same),
        {"lost disk": 2, "power cut": 1, "isolate": 1}, is_quick=False),
    Mutation(
        "a leader names an heir that lacks records", "10",
        lambda: around(Handover, "check", broadcast.waiting_for_nobody), {"hand over": 2, "slow disk": 1},
        is_quick=False),
    Mutation(
        # One alone does next to no harm: a leader drops who has commits that it lacks, and a follower lets none go.
        "who was elected leads though a follower is ahead, whatever that one has of commits", "10",
        lambda: around(Discovery, "on_ack_epoch", broadcast.never_told)
        + around(Follower, "_on_truncate", broadcast.letting_go),
        {"wrong election": 2, "kill member": 1, "isolate": 1}, is_quick=False),
    Mutation(
        "histories are compared by their ends alone", "11",
        lambda: everywhere(common_point, broadcast.by_ends_alone), {"isolate": 1}, at_leader=0.9),
    Mutation(
        "records are sent from a log that was purged", "11",
        lambda: everywhere(plan, broadcast.always_from_the_log), WEIGHTS | {"isolate": 4}, scale=OFTEN_PURGED),
    Mutation(
        "a reader goes on in a log that was replaced", "11", storage.going_on, {"isolate": 1}, at_leader=0.9,
        is_quick=False, scale=OFTEN_PURGED),
    Mutation(
        "who follows is counted, whether it is a voter or not", "12",
        lambda: everywhere(has_vote, broadcast.whoever_follows), WEIGHTS | {"change voters": 10, "lost disk": 4},
        is_quick=False),
    Mutation("a batch is taken twice now and then", "at most once", broadcast.taking_some_twice),
    Mutation(
        "batches are taken again on a new link", "at most once", broadcast.taking_again,
        {"reset": 1, "slow disk": 1}, is_quick=False),
    Mutation("a minority commits", "quorums", lambda: everywhere(quorum_value, broadcast.of_a_minority)),
    Mutation(
        "one disk is taken for all but one of a quorum", "quorums",
        lambda: everywhere(backed_value, broadcast.of_the_first), scale=Scale(members=5)),
    Mutation(
        "a snapshot holds a record more than its name says", "snapshots", storage.one_record_too_far,
        {"kill processor": 1}),
    Mutation(
        "a failed multi leaves what it has counted", "multi",
        lambda: [(tree_create, "RESTORE_PARENT", execution.keeping_the_count)]),
    Mutation(
        "sync does not go through the log", "sync", execution.sync_without_the_log,
        {"isolate": 1, "one-way cut": 1, "stuck link": 1}, at_leader=0),
    Mutation("a watch event is forgotten now and then", "order of replies", execution.deaf_to_some),
    Mutation("an event comes behind the reply that shows it", "order of replies", execution.events_behind_replies),
    Mutation(
        "reads behind a write are answered last first", "order of replies",
        lambda: around(Processor, "read_parked", execution.newest_read_first)),
    Mutation(
        "ephemerals outlive their session", "sessions",
        lambda: everywhere(end_session, execution.leaving_ephemerals)),
    Mutation("a replica leaves a write out now and then", "executing alike", execution.forgetting_some),
    Mutation("a reply names an older zxid now and then", "order of replies", execution.naming_an_older_zxid),
    Mutation(
        "leftovers of an older connection are executed", "sessions",
        lambda: around(Replica, "_attach_or_refuse", execution.of_older_connections),
        {"client reset": 1, "reset": 1, "stop member": 1}, is_quick=False),
    Mutation(
        "TTL nodes go before their time", "reaping", lambda: everywhere(is_over, execution.before_its_time)),
)
