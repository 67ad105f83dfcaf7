"""The way from ZooKeeper to Corral, and back.

importing.py   ZooKeeper's tree and sessions as a state of Corral's; what cannot be carried over
renumbering.py zxids counted anew, where ZooKeeper has used up nearly all of them
exporting.py   a state of Corral's as files that a ZooKeeper server starts from
"""
