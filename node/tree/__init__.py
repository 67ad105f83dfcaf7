"""The data tree and its execution (PURE): records in, state, replies and watch events out.

execute.py   Replica: the loop over a record's requests; the dispatch table of the writes
create.py delete.py set_data.py set_acl.py check.py multi.py session_ops.py reconfig.py   one group of operations each
reads.py     READS: what a processor answers from its replica; setwatches.py: watches after a reconnect
watches.py   who is to be told of a change      undo.py   the journal that takes a failed multi back
tree.py znode.py state.py   what a snapshot holds; snapshot.py: as bytes; digest.py: as one number
quotas.py    how much a subtree may hold     reaping.py   whose time is over: containers and TTL nodes
compatibility.py   what clients can see of a release of ZooKeeper
acl.py addresses.py paths.py   who may, from where, and what a path is
wire.py      the hot records of the client protocol, flattened by hand
"""
