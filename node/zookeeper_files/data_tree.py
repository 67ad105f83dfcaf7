"""The tree that a fuzzy snapshot and the log behind it make, as ZooKeeper's own DataTree comes to it.

A snapshot is written while transactions go on, so it holds some of what the log has from its zxid on, and replay must
do no harm where it comes twice: a node that is there stays, but its parent's counters rise; one that is not there is
not missed. Where ZooKeeper's digest says what a tree must be, it is compared.
"""

from collections.abc import Iterable

from node.tree.paths import ROOT
from node.tree.znode import Znode, is_session
from node.zookeeper_files.digest import MASK, VERSION, contribution
from node.zookeeper_files.snapshot import SnapshotContents
from node.zookeeper_files.txns import (
    CloseSession,
    Create,
    CreateSession,
    Delete,
    Entry,
    Multi,
    Nothing,
    SetAcl,
    SetData,
    Txn,
    TxnHeader,
)


class DigestError(Exception):
    """ZooKeeper's digest is of another tree."""

    def __init__(self, zxid: int, *, expected: int, found: int) -> None:
        self.zxid = zxid
        super().__init__(
            f"at zxid 0x{zxid:x} ZooKeeper's digest of the tree was {expected:016x}, what is here has {found:016x}")


class DataTree:
    """*digests*: so many were compared, and agreed.  *zxid*: of the last transaction, or of the snapshot's name."""

    def __init__(self, contents: SnapshotContents) -> None:
        self.nodes = contents.nodes
        self.sessions = contents.sessions
        self.unresolved = contents.unresolved
        self.zxid = contents.zxid
        self.digests = 0
        self._total = 0
        self._doubt: DigestError | None = None
        self._ephemerals: dict[int, dict[bytes, None]] = {}
        for node in self.nodes.values():
            self._count(node)
            self._note_owner(node)
        # Compared where replay comes to its zxid; before that the tree is fuzzy. One from before the snapshot's zxid
        # (a new leader's first) says nothing more.
        known = contents.digest
        self._awaited = known if known is not None and known[0] >= contents.zxid and known[0] > 0 else None
        if self._awaited is not None and self._awaited[0] == contents.zxid and not self.unresolved:
            self._on_awaited()

    def apply(self, entry: Entry) -> None:
        """Raises DigestError."""
        header = entry.header
        self._execute(header, entry.txn)
        self.zxid = header.zxid
        if self._awaited is not None:
            if header.zxid >= self._awaited[0]:
                self._on_awaited()
        elif entry.digest is not None and entry.digest[0] == VERSION:
            self._compare(entry.digest[1])

    def finish(self) -> dict[int, list[bytes]]:
        """Ephemerals of sessions that are not there go, as when ZooKeeper starts: session -> their paths.

        Raises DigestError: the snapshot's own did not agree, and nothing behind it does.
        """
        if self._doubt is not None:
            raise self._doubt
        dead = {owner: list(paths) for owner, paths in self._ephemerals.items() if paths and owner not in self.sessions}
        for paths in dead.values():
            self._delete_all(paths, self.zxid)
        return dead

    # Digests -----------------------------------------------------------------------------------

    def _on_awaited(self) -> None:
        assert self._awaited is not None
        zxid, version, value = self._awaited
        self._awaited = None
        if zxid != self.zxid or version != VERSION:
            return
        try:
            self._compare(value)
        except DigestError as error:
            # It is written beside a running server, which may have made half of the next transaction: that one's own
            # digest in the log decides.
            self._doubt = error

    def _compare(self, value: int) -> None:
        if self._total != value:
            raise DigestError(self.zxid, expected=value, found=self._total)
        self.digests += 1
        self._doubt = None

    def _count(self, node: Znode) -> None:
        """Anew, after a change."""
        new = contribution(node)
        self._total = self._total + new - node.contribution & MASK
        node.contribution = new

    # Transactions ------------------------------------------------------------------------------

    def _execute(self, header: TxnHeader, txn: Txn) -> None:
        match txn:
            case Create():
                self._create(txn, header)
            case Delete():
                self._delete(txn.path, header.zxid)
            case SetData():
                self._set_data(txn, header)
            case SetAcl():
                self._set_acl(txn)
            case Multi():
                for change in txn.txns:
                    self._execute(header, change)
            case CreateSession():
                self.sessions[header.session] = txn.timeout_ms
            case CloseSession():
                self._close_session(txn, header)
            case Nothing():
                pass

    def _create(self, txn: Create, header: TxnHeader) -> None:
        parent = self.nodes.get(parent_of(txn.path))
        if parent is None:
            return
        cversion = parent.cversion + 1 if txn.parent_cversion == -1 else txn.parent_cversion
        if cversion > parent.cversion:
            parent.cversion = cversion
            parent.pzxid = header.zxid
            self._count(parent)
        known = self.nodes.get(txn.path)
        if known is not None:
            if self.unresolved.pop(txn.path, None) is not None:
                known.acl = txn.acl
            return
        node = Znode(txn.path, txn.data, txn.acl, txn.owner, header.zxid, header.time_ms)
        self.nodes[txn.path] = node
        self._count(node)
        self._note_owner(node)

    def _delete(self, path: bytes, zxid: int) -> None:
        parent = self.nodes.get(parent_of(path))
        if parent is not None and zxid > parent.pzxid:  # also where the snapshot was taken without the node
            parent.pzxid = zxid
            self._count(parent)
        node = self.nodes.pop(path, None)
        if node is None:
            return
        self.unresolved.pop(path, None)
        self._total = self._total - node.contribution & MASK
        if is_session(node.owner):
            self._ephemerals.get(node.owner, {}).pop(path, None)

    def _set_data(self, txn: SetData, header: TxnHeader) -> None:
        node = self.nodes.get(txn.path)
        if node is None:
            return
        node.data, node.version, node.mzxid, node.mtime = txn.data, txn.version, header.zxid, header.time_ms
        self._count(node)

    def _set_acl(self, txn: SetAcl) -> None:
        node = self.nodes.get(txn.path)
        if node is None:
            return
        node.acl, node.aversion = txn.acl, txn.version
        self.unresolved.pop(txn.path, None)
        self._count(node)

    def _close_session(self, txn: CloseSession, header: TxnHeader) -> None:
        self.sessions.pop(header.session, None)
        own = self._ephemerals.pop(header.session, {})
        self._delete_all(dict.fromkeys([*(txn.paths or ()), *own]), header.zxid)

    def _delete_all(self, paths: Iterable[bytes], zxid: int) -> None:
        for path in paths:
            self._delete(path, zxid)

    def _note_owner(self, node: Znode) -> None:
        if is_session(node.owner):
            self._ephemerals.setdefault(node.owner, {})[node.path] = None


def parent_of(path: bytes) -> bytes:
    return path[:path.rfind(b"/")] or ROOT
