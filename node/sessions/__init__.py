"""Sessions (PURE): table.py who is there, replicated by the log; expiry.py whose time is over, at the leader."""
