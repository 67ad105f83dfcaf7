"""How a replica comes up: the newest verified snapshot; the log follows through the reader."""

from node.config.member import MemberConfig
from node.storage.files import Files
from node.storage.snapshots import load_newest
from node.tree.snapshot import decode_state
from node.tree.state import State


def load_replica_state(files: Files, config: MemberConfig) -> State:
    """The state of the newest verified snapshot, or an empty one. Raises StorageError."""
    sections = load_newest(files, config.data_dir / "corral")
    return State() if sections is None else decode_state(sections)
