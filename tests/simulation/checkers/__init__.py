"""What must hold after every step of a run: one claim per file, written apart from the code it judges.

checker.py        the hooks, and the hub that calls them
one_order.py      every replica executes one and the same sequence of records
one_leader.py     one leader per epoch           leases.py      no two leaders hold a valid lease at once
durable_acks.py   an ack promises only what is on the disk
quorum_durable.py what any replica shows is on the disks of a quorum
promises.py       a member comes back with everything that it has acked or shown
current_epochs.py who enters an epoch has the history that it begins with on its disk
starts.py         a member refuses its files only where they have rotted
model.py linearizable.py  every reply is what the ordered requests give, one after the other
session_fifo.py   replies, and writes, come in the order of a connection's requests
digests.py        identical trees at identical zxids
at_most_once.py   no request twice, those of a connection in order
acknowledged.py   an acknowledged write stands where its reply says, after all acknowledged before it began
own_reads.py      a session reads its own writes, no older and no later ones
synced_reads.py   sync, then read: nothing acknowledged before is missed
session_zxids.py  what a session is shown never goes back
watches.py        the event comes before any reply that shows the change
handovers.py      who is named heir has the whole log
ephemerals.py     gone with their session, and only then
"""
