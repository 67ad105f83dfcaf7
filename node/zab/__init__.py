"""ZAB as a pure core: discovery, synchronisation, broadcast; events in, effects out.

member.py       the one door: Member.step(now_ms, event) -> effects, and the changes of role
looking.py      without a leader: election is asked, peers are probed
follower.py     a learner's side of all three phases
leader.py       the leader's side, as phases; admission.py who may follow it, discovery.py its first phase,
                proposals.py what it has proposed and a quorum acked, learner_stream.py its view of one learner,
                heartbeat.py its pings, lease and the digests that come with them, control.py its control entries,
                handover.py how it hands leadership on, reconfiguration.py how members come and go
learner_master.py   what a leader and an observer master have in common: how learners are brought to the history
observer_master.py  a follower that observers follow in the leader's place
election.py     fast leader election: a core of its own, in a process of its own
intake.py       the leader takes batches at most once and in order

core.py         what every role shares             history.py      the log: epochs, control entries, durable
membership.py   who votes (rule 9), feature level  synchronisation.py  DIFF, TRUNC or SNAP
quorum.py       majorities                         groups.py       quorums by groups and weights
digests.py      comparing replicas
config.py       ids, limits, durations             errors.py       what a caller can do about it
events.py effects.py                               the closed lists
"""
