"""The table of log events: every line's name, its level, what it means, and what to do about it.

debug    for those who change Corral; not written unless corral.logLevel asks for it
info     the state changed, as it does in health
warning  degraded, or a client or a neighbour did something wrong: it mends itself, or nobody is harmed yet
error    an operator must act, or must find out why

docs/logs.md shows this table (events_page.py); a test holds every call in the code to it.
"""

import logging
from dataclasses import dataclass
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True)
class Event:
    """*processes*: who writes it. *act*: what to do; empty: nothing. *limited*: at most once a minute."""

    name: str
    level: Level
    processes: str
    meaning: str
    act: str = ""
    limited: bool = False


EVENTS: tuple[Event, ...] = (
    # --- a member and its processes ---
    Event("member_starting", "info", "supervisor", "the member starts its processes; clients: where it will listen"),
    Event("member_stopped", "info", "supervisor", "all its processes have ended, in order"),
    Event("stale_run_dir_removed", "info", "supervisor", "a directory of sockets that a killed member had left in /tmp "
          "was cleared away"),
    Event("configuration", "warning", "supervisor, broadcast", "a line of zoo.cfg asks for something that this member "
          "does not do", "take the line out, or decide that you can do without; `problem` says what is lost"),
    Event("process_joined", "info", "broadcast", "a process of this member has said hello to broadcast"),
    Event("process_lost", "info", "broadcast", "a process of this member has ended, as asked to or not; a dead "
          "processor "
          "costs its clients a reconnect", "if nobody asked it to: process_died, or systemd, says more"),
    Event("state_not_written", "warning", "supervisor", "which processes run cannot be written to the run directory: "
          "`corral status` and `corral stop` do not know", "`reason` says why: usually a full disk; make room, or set "
          "corral.runDir to another"),
    Event("process_died", "warning", "supervisor", "a process has ended by itself; it is started again at once, then "
          "after longer and longer pauses", "read what that process logged last; code −9 is the kernel's OOM killer "
          "or somebody's SIGKILL"),
    Event("process_killed", "warning", "supervisor", "a process did not end within its time when asked to",
          "find out what it waited for: usually a disk that does not answer"),
    Event("process_failed", "error", "any", "an exception that nobody foresaw ended the process; it starts again from "
          "disk", "report it, with the traceback in `exception`"),
    Event("processor_failed", "error", "processor", "as process_failed, in what serves the clients: it was silenced at "
          "once, its clients reconnect", "report it, with the traceback in `exception`"),
    Event("refused", "error", "any", "the process, or the whole member, must not start or go on as things are; "
          "starting "
          "again does not help", "`reason` says what is wrong and the cure; with `by`, that member refuses this one"),
    Event("processor_hangs", "warning", "broadcast", "processor 0 lives and says nothing: nobody expires sessions "
          "while "
          "it is like that, so a leader hands on", "is it stopped (SIGSTOP, a debugger), or is the machine out of "
          "CPU or "
          "memory?"),
    Event("processor_alive", "info", "broadcast", "it speaks again"),
    # --- who leads ---
    Event("recovered", "info", "broadcast", "the log and the epochs were read; votes: whether this member may vote"),
    Event("looking", "info", "broadcast", "no leader: this member takes part in an election; reason: why",
          "if it repeats: is a majority of the members up, and do they reach each other's ports?"),
    Event("elected", "info", "election", "this member's election has settled on a leader"),
    Event("leading", "info", "broadcast", "this member leads, once a quorum has followed it"),
    Event("established", "info", "broadcast", "a quorum follows: the new epoch has begun, writes go on"),
    Event("handed_over", "info", "broadcast", "the leader gives up leading to a member that has all that it has; "
          "reason: asked to, drains (or is about to end), or no processor 0",
          "if for want of processor 0: see why that is gone"),
    Event("hand_over_asked", "info", "broadcast", "by `corral handover`"),
    Event("reconfig_asked", "info", "broadcast", "by `corral reconfig`; reconfigured or reconfig_refused follows"),
    Event("draining", "info", "broadcast", "by `corral drain`: clients and leadership go to other members"),
    Event("drain_undone", "info", "broadcast", "by `corral drain --undo`: it takes clients again, and may lead"),
    Event("no_member_stands", "error", "broadcast", "no member has a working processor 0: this one leads on, and "
          "sessions "
          "do not expire", "see each member's log for processor_failed, process_died, processor_hangs"),
    Event("following", "info", "broadcast", "this member has found its leader and is being brought up to date"),
    Event("synchronised", "info", "broadcast", "this member has the leader's history and serves"),
    Event("role", "info", "processor", "the member's role, as this processor serves it"),
    Event("clients_welcome", "info", "processor", "the client port is open"),
    # --- learners, as their leader sees them ---
    Event("synchronising", "info", "broadcast", "a learner is sent what it lacks: mode DIFF, TRUNC or SNAP"),
    Event("learner_synchronised", "info", "broadcast", "it has it, and takes part"),
    Event("learner_lost", "warning", "broadcast", "a learner's stream is gone",
          "nothing, if it comes back; else see that member's own log"),
    Event("learner_stuck", "warning", "broadcast", "a learner neither answered nor acknowledged within its time, and "
          "was given up", "look at that member: its disk first (`corral trace` names slow syncs), then the link to it"),
    Event("truncated", "info", "broadcast", "this member's log had an end that no quorum ever had: it was cut off"),
    Event("snapshot_received", "info", "broadcast", "the leader has sent its whole state, because the log alone did "
          "not "
          "reach back to where this member was"),
    Event("readmitted", "info", "broadcast", "a member that had lost its disk votes again"),
    Event("voters_changed", "info", "broadcast", "one member more votes, or one less, as every member's zoo.cfg says"),
    Event("reconfigured", "info", "broadcast", "by the operation reconfig: from this entry on the new voters count, "
          "and the old ones until it is committed; version: of the new configuration"),
    Event("reconfig_refused", "warning", "broadcast", "a reconfig was not carried out; reason: why, member by member",
          "what `reason` says: start the new members first, wait until they have the history, look at slow disks"),
    Event("dynamic_config_written", "info", "broadcast", "the members stand in that file now; zoo.cfg names it"),
    Event("dynamic_config_not_written", "warning", "broadcast", "after a reconfiguration zoo.cfg is as it was; the log "
          "has the members, and counts", "let the member's user write beside zoo.cfg, or write the server lines there "
          "by hand"),
    Event("settings_changed", "info", "broadcast", "settings that change what requests do: every member's zoo.cfg has "
          "other ones now, and from this entry on they hold"),
    Event("settings_differ", "info", "broadcast", "zoo.cfg has other settings of that kind than the ensemble's log; "
          "those of the log hold until every member's file says the same, and all of them follow"),
    Event("feature_level", "info", "broadcast", "every member can follow a newer behaviour, and it is in force now"),
    # --- what must not be ---
    Event("voters_differ", "error", "broadcast", "zoo.cfg names other voters than the ensemble's log does; the log's "
          "count until the leader and all that follow it are configured alike. With of_member: before there is a log, "
          "that member's zoo.cfg names others (told) than this one's, and its vote does not count", "while members are "
          "being added or removed: nothing; else give every member the same server lines again"),
    Event("histories_diverge", "error", "broadcast", "a learner has committed records that its leader lacks: "
          "acknowledged "
          "writes would be lost, so it is refused", "stop, and keep every member's directories: data were lost or "
          "mixed "
          "up under one of them (a restored disk? a directory of another ensemble?)"),
    Event("digest_differs", "error", "broadcast, processor, snapshotter", "a replica's state differs from the "
          "majority's; "
          "it has stopped serving and is built anew by itself (`action`)", "once: suspect that machine's memory or "
          "disk; "
          "again: report it, with the snapshots of two members at one zxid"),
    Event("digests_without_majority", "error", "broadcast", "replicas differ, and no majority agrees; service goes on",
          "report it; keep every member's snapshots"),
    Event("memory_changed_by_itself", "error", "processor, snapshotter", "a znode is not what was written to it",
          "test that machine's memory; the replica is rebuilt when its digest differs", limited=True),
    Event("execution_failed", "error", "processor", "a request made execution fail, on every replica alike; it was "
          "undone "
          "and answered with a system error (−1)", "report it, with the client's request if you have it", limited=True),
    Event("batch_malformed", "error", "processor", "what a processor has made of its clients' requests does not add "
          "up; the rest of that batch was refused, on every replica alike", "report it, with the log of `of_member`'s "
          "processor: its memory may be bad", limited=True),
    Event("quota_exceeded", "warning", "processor", "clients write more below `path` than the quota there says: its "
          "soft limit, or a hard one that enforceQuota does not enforce", "see who writes there (audit log, `corral "
          "trace`), or raise the limit", limited=True),
    Event("disk_nearly_full", "error", "processor", "less than corral.diskReserve is left on a disk of `of_member`",
          "make room on the disk that `reason` names", limited=True),
    Event("writes_stopped", "error", "processor", "the members whose disks are not nearly full are no quorum: no "
          "client may write, reads and deletes go on (docs/overload.md)", "make room; writes go on by themselves then",
          limited=True),
    Event("writes_go_on", "warning", "processor", "enough members have room on their disks again", limited=True),
    Event("torn_tail_cut", "warning", "broadcast", "the log ended in a record that was never finished, as after a "
          "power "
          "cut; nothing acknowledged was in it"),
    Event("snapshot_damaged", "error", "broadcast", "a snapshot does not read back as it was written; an older one, or "
          "another member's, is used; one that was handed out to another member is removed, and built again when due",
          "look at that disk (SMART, file system errors) before it takes the log, too"),
    Event("log_unreadable", "error", "broadcast", "records that another member needs do not read back as they were "
          "written; it gets a snapshot instead", "look at that disk; once the ensemble has its other members, replace "
          "this one's data (docs/runbooks)"),
    Event("storage_failed", "error", "any", "a write or sync of the log failed, or a file cannot be read; the process "
          "ends, starts again and recovers", "look at the disk: full, or failing"),
    Event("log_gap", "warning", "processor", "the log was replaced by a snapshot under this processor: it starts again "
          "from that; its clients reconnect"),
    # --- snapshots ---
    Event("snapshot", "info", "snapshotter", "a snapshot was written and read back"),
    Event("snapshot_failed", "error", "snapshotter", "a snapshot could not be made; it is tried again, and the log "
          "grows "
          "meanwhile", "`reason` says why: usually no room on dataDir's disk"),
    Event("spare_segment_failed", "error", "snapshotter", "no room to prepare the next segment of the log; writes get "
          "slower, then fail", "make room on dataLogDir's disk"),
    # --- keys, links, ports ---
    Event("key_refused", "warning", "broadcast, election", "somebody without a listed key knocked at a port between "
          "members; each key is named once", "if it is a member's: `cure` has the command; if not: who reaches this "
          "port?"),
    Event("keys_unusable", "error", "broadcast, election", "the key file has changed and cannot be read; the old keys "
          "stay in use", "`reason` says what is wrong with it", limited=True),
    Event("stream_ended", "warning", "broadcast", "a neighbour's stream broke the protocol or lost a message, and was "
          "closed; it comes back by itself", "if it repeats: versions that differ, or a network that mangles",
          limited=True),
    Event("local_stream_ended", "warning", "broadcast, election", "the same, between processes of this member",
          "if it repeats: report it", limited=True),
    Event("protocol_error", "warning", "broadcast", "a member said something that ZAB does not allow; it was dropped "
          "and "
          "connects anew", "if it repeats: report it, with both members' logs"),
    Event("unexpected_message", "warning", "any", "a message that this process does not know",
          "processes of two versions in one member? restart it", limited=True),
    Event("restored", "warning", "broadcast", "the state of a backup has taken the place of this member's, as was "
          "asked for over HTTP; what was there was moved aside", "delete the old data once you are sure"),
    Event("restore_failed", "error", "broadcast", "a restoration that was asked for over HTTP was not done; the state "
          "is what it was", "`reason` says why and what to do"),
    Event("config_reloaded", "info", "processor, telemetry", "zoo.cfg was read again, and its live keys are in use"),
    Event("config_unusable", "error", "processor, telemetry", "zoo.cfg was to be read again, and cannot be used; what "
          "was in use still is", "mend what `reason` names, then `corral config reload`"),
    Event("security_unusable", "error", "processor", "a renewed certificate, trust store or login file is of no use; "
          "what was in use still is", "mend the file that `reason` names; it is looked at again every second"),
    Event("tls_renewed", "info", "processor", "certificates have changed, and are used for new connections"),
    Event("sasl_users_renewed", "info", "processor", "the login file has changed, and is in use"),
    Event("tls_failed", "warning", "processor", "a client's TLS handshake failed; `reason` is OpenSSL's",
          "compare the client's certificate and trust store with this member's; a plain client on the TLS port is told "
          "by it, too"),
    Event("port_in_use", "error", "processor", "somebody else has the client port",
          "stop that, or give another clientPort"),
    Event("metrics", "info", "telemetry", "metrics and the admin page are served here"),
    Event("traces_not_taken", "warning", "telemetry", "the collector at corral.otlpEndpoint did not take `traces` of "
          "them since the last such line", "`reason` says why; the ensemble is not touched by it", limited=True),
    Event("metrics_port", "error", "telemetry", "metrics and the admin page cannot be served at that address",
          "set corral.metricsPort to a free port, or to 0"),
    Event("http_failed", "warning", "telemetry", "a request to the admin HTTP was not served: more at once than it "
          "takes, no descriptor left, or an exception that nobody foresaw", "who asks so much? With a traceback in "
          "`exception`: report it", limited=True),
    Event("write_log_unreadable", "warning", "telemetry", "a write could not be looked up in the log, so traces lack "
          "its operation and path", "`reason` says why: too few open files (LimitNOFILE=), or the disk", limited=True),
    Event("story_failed", "warning", "telemetry", "what is known of a write could not be put together; who asked for "
          "it got no answer", "report it, with the traceback in `exception`", limited=True),
    Event("peer_message_failed", "warning", "telemetry", "what another member's telemetry sent made an exception, and "
          "was dropped", "do both members run the same version? Report it, with the traceback in `exception`",
          limited=True),
    # --- what clients can cause ---
    Event("too_many_connections", "warning", "processor", "there are more connections than maxClientCnxns (of "
          "an address), corral.maxClientCnxnsPerPrefix (of a network) or maxCnxns (in all); further ones are refused",
          "find the client that does not close, or raise the limit that `cure` names", limited=True),
    Event("out_of_open_files", "warning", "processor", "no more connections: the limit of open files is reached",
          "raise it (LimitNOFILE=, ulimit -Hn), or spread the clients over more members", limited=True),
    Event("client_closed", "warning", "processor", "a client broke the protocol, or does not take its answers, and was "
          "closed", "`address` and `reason` tell whose fault to look for", limited=True),
    Event("client_from_another_history", "warning", "processor", "a client has seen a zxid that this ensemble has "
          "never "
          "given: it talked to another ensemble, or this one was restored from a backup",
          "restart that client; check its connect string", limited=True),
    # --- the audit log ---
    Event("audit_failed", "error", "processor", "a line of the audit log could not be written; the processor ends, "
          "because it serves nobody whom it cannot audit. The lines that are not in the file stand in `lines`",
          "make room, or mend the permissions of corral.auditFile; or set audit.enable=false"),
    # --- the daily self-check ---
    Event("self_check_failed", "error", "self-check", "`corral self-check` has found something that harms: `check` and "
          "`evidence` say what", "`cure` says what to do"),
    Event("self_check_warned", "warning", "self-check", "it has found something that will harm",
          "`cure` says what to do"),
    Event("self_checked", "info", "self-check", "it has looked at everything; worst: ok, warning or failure"),
    # --- tests ---
    Event("test_hook_flipped_a_byte", "warning", "processor", "a test has corrupted this replica, as it asked for",
          "corral.testHooks=true has no place in production"),
)

_BY_NAME = {event.name: event for event in EVENTS}
_LEVELS: dict[str, int] = {
    event.name: logging.getLevelNamesMapping()[event.level.upper()] for event in EVENTS}


def find_event(name: str) -> Event | None:
    return _BY_NAME.get(name)


def level_of(name: str) -> int:
    """As the standard library numbers levels. A name that the table lacks is worth an operator's eye."""
    return _LEVELS.get(name, logging.ERROR)
