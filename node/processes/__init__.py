"""One thin shell per process of a member: sockets, disk and clock around the pure cores.

__main__.py            python -m node.processes ROLE CONFIG [INDEX]
loop.py keyring.py     signals, clock, exit codes; keys and the allow-list
watched_files.py       how a start that takes long shows that it goes on
broadcast.py           the one writer: ZAB between the sockets and the log. Its parts:
  broadcast_door.py       events into the core; broadcast_effects.py the table of what comes out of it
  broadcast_peers.py, broadcast_own.py, broadcast_following.py   what comes from others, from own processes, the leader
  broadcast_outgoing.py   what the core sends to other members; broadcast_acks.py acks that can wait a moment
  broadcast_history.py    the log appended to, cut, replaced by a snapshot
  broadcast_disk.py       log, epochs, snapshot files; when to sync, and in which thread
  broadcast_worker.py     a thread for what must not hold up the loop
  broadcast_records.py    records for learners, from memory or from the log's files
  broadcast_streams.py    what goes out to learners and processors elsewhere, at each stream's pace
  broadcast_commits.py    commits that can wait a moment
  broadcast_leader.py     the stream to the leader
  broadcast_local.py      the processes of this member: welcome, watermark, lease, questions
  broadcast_submit.py     batches of processors, taken at most once
  broadcast_reconfig.py   who asked for other members; their addresses, and the file that names them
  broadcast_lease.py      the lease under which they serve
  broadcast_control.py    what an operator asks of the member; broadcast_draining.py why it is not to lead
  broadcast_status.py     the member's figures
  broadcast_relay.py      what telemetry of other members says to ours
election.py            votes between members
processor.py           clients, a replica of the tree, replies. Its parts:
  processor_clients.py    connections and their limits; processor_port.py the port they come to
  processor_turn.py       the end of a turn: the batch to the leader, output to clients (processor_outputs.py)
  processor_execution.py  records, from the log's files up to the watermark
  processor_readiness.py  when it is ready, for systemd
  processor_local.py      the stream to this member's broadcast; processor_lease.py the lease that comes by it
  processor_link.py       the way to the leader
  processor_drain.py      clients are sent elsewhere, and the end of the process as asked to
  processor_idle.py       for how long sessions have been silent, and what expires by it
  processor_words.py      four-letter words; processor_audit.py the audit log's file; processor_figures.py, _timings.py
limited_log.py         log lines that others can cause
snapshotter.py         snapshot n + log -> snapshot n+1, in snapshot_build.py
child.py               the processes that these start for one piece of work
telemetry.py           what the others measured and noted. Its parts:
  telemetry_links.py      the way to the other members' telemetry
  telemetry_asking.py     what HTTP threads ask of the loop, by calls.py; write_log.py what the log says of a write
  telemetry_figures.py, telemetry_tracing.py, telemetry_page.py   figures, traces, the page
  telemetry_members.py    who the members are now
  telemetry_past.py       znodes as they were, read by past_read.py
"""
