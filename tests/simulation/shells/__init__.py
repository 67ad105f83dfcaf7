"""The processes of a member in virtual time: each performs its core's effects as the real shell in node/processes does.

broadcast.py    node.zab.Member and Intake; broadcast_disk.py: node.storage on the simulated disk; broadcast_history.py:
                records and snapshots, to learners and of the leader
outbox.py       what a stream still has to be sent: records and snapshots go in pieces, over some time
election.py     node.zab.election
processor.py    node.requests.Processor, its replica, LeaderLink and LogReader
snapshotter.py  node.storage.snapshot_builder and retention
"""
