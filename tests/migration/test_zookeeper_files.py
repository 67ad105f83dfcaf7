"""Reading ZooKeeper's files: what a fuzzy snapshot and a log make together, and what is refused."""

import gzip
import struct
from pathlib import Path
from zlib import adler32

import pytest

from node.tree.acl import OPEN
from node.tree.tree import Tree
from node.tree.znode import Znode
from node.zookeeper_files.digest import contribution
from node.zookeeper_files.directory import NoDataError, find_directory
from node.zookeeper_files.errors import DamagedFileError
from node.zookeeper_files.recovery import LogHoleError, Recovered, last_zxid, most_recent, recover
from node.zookeeper_files.sessions import zookeeper_password
from node.zookeeper_files.snappy import MAGIC, unpacked_block
from node.zookeeper_files.snapshot import read_snapshot
from node.zookeeper_files.writing import write_epochs, write_snapshot
from tests.migration.zookeeper_files import (
    SESSION,
    Acl,
    create_body,
    framed,
    multi_body,
    payload,
    set_acl_body,
    set_body,
    string,
    write_log,
)

CREATE, DELETE, SET, SET_ACL, MULTI, CREATE_TTL = 1, 2, 5, 7, 14, 21
CREATE_SESSION, CLOSE_SESSION, ERROR = -10, -11, -1
PRIVATE: Acl = [(31, b"digest", b"somebody:hash")]
EMPTY_TREE_DIGEST = 1371985504  # as a genuine 3.8 says it of a tree that nobody has touched


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "version-2"
    directory.mkdir()
    return directory


def snapshot(place: Path, zxid: int, *paths: bytes, owner: int = 0, sessions: dict[int, int] | None = None) -> Path:
    tree = Tree.initial()
    for path in paths:
        tree.add(Znode(path, b"old", OPEN, owner, 1, 1_000))
    return write_snapshot(place, tree, sessions or {}, zxid)


def recovered(place: Path) -> Recovered:
    return recover(find_directory(place.parent))


def test_the_log_behind_a_snapshot_is_replayed(place: Path) -> None:
    snapshot(place, 4, b"/old")
    write_log(
        place, 2, payload(2, SET, set_body(b"/old", b"in the snapshot", 7)), payload(3, ERROR, bytes(4)),
        payload(4, ERROR, bytes(4)), payload(5, CREATE, create_body(b"/new", b"x", cversion=3)),
        payload(6, DELETE, string(b"/old")), payload(7, SET_ACL, set_acl_body(b"/new", PRIVATE, 1)))

    tree = recovered(place).tree

    assert tree.zxid == 7
    assert b"/old" not in tree.nodes
    new, root = tree.nodes[b"/new"], tree.nodes[b"/"]
    assert (new.data, new.czxid, new.mzxid, new.acl, new.aversion) == (b"x", 5, 5, tuple(PRIVATE), 1)
    assert (root.cversion, root.pzxid) == (3, 6)


def test_what_the_snapshot_has_already_is_not_harmed_by_the_log(place: Path) -> None:
    """It was taken while 5 to 8 went on: /made and /made/child are in it, /gone is not any more."""
    tree = Tree.initial()
    for path, czxid, data in ((b"/made", 5, b"new"), (b"/made/child", 7, b"child")):
        node = Znode(path, data, OPEN, 0, czxid, 1_000)
        tree.add(node)
    tree.nodes[b"/made"].version, tree.nodes[b"/made"].mzxid = 1, 6
    tree.nodes[b"/"].cversion, tree.nodes[b"/"].pzxid = 9, 5
    write_snapshot(place, tree, {}, 4)
    entries = [
        payload(5, CREATE, create_body(b"/made", b"first", cversion=8)), payload(6, SET, set_body(b"/made", b"new", 1)),
        payload(7, CREATE, create_body(b"/made/child", b"child", cversion=1)), payload(8, DELETE, string(b"/gone"))]
    write_log(place, 5, *entries)

    found = recovered(place).tree

    made, root = found.nodes[b"/made"], found.nodes[b"/"]
    assert (made.data, made.version, made.czxid, made.mzxid, made.cversion, made.pzxid) == (b"new", 1, 5, 6, 1, 7)
    assert found.nodes[b"/made/child"].czxid == 7
    assert (root.cversion, root.pzxid) == (9, 8)
    digest = sum(map(contribution, found.nodes.values())) % (1 << 64)
    write_log(place, 5, *entries, payload(9, ERROR, bytes(4), digest=digest))
    assert recovered(place).tree.digests == 2  # the snapshot's, the log's


def test_an_acl_that_is_not_in_the_snapshot_comes_from_the_log(place: Path) -> None:
    path = snapshot(place, 4, b"/a")
    content = path.read_bytes()
    at = content.index(string(b"/a") + string(b"old")) + len(string(b"/a") + string(b"old"))
    changed = content[:at] + struct.pack(">q", 17) + content[at + 8:]
    path.write_bytes(_resealed(changed))
    log = write_log(place, 5, payload(5, CREATE, create_body(b"/a", acl=PRIVATE)))

    assert recovered(place).tree.nodes[b"/a"].acl == tuple(PRIVATE)

    log.unlink()
    with pytest.raises(DamagedFileError, match="ACLs of 1 nodes"):
        recovered(place)


def test_sessions_begin_and_end_with_their_ephemerals(place: Path) -> None:
    snapshot(place, 4)
    write_log(
        place, 5, payload(5, CREATE_SESSION, struct.pack(">i", 9_000)),
        payload(6, CREATE, create_body(b"/mine", ephemeral=True)),
        payload(7, CREATE_SESSION, struct.pack(">i", 8_000), session=77),
        payload(8, CREATE, create_body(b"/other", ephemeral=True), session=77),
        payload(9, CLOSE_SESSION, struct.pack(">i", 1) + string(b"/other"), session=77))

    tree = recovered(place).tree

    assert tree.sessions == {SESSION: 9_000}
    assert b"/mine" in tree.nodes
    assert b"/other" not in tree.nodes


@pytest.mark.parametrize("digest", [None, 5])
def test_a_session_that_closes_without_a_list_of_paths_takes_those_that_are_known(
    place: Path, digest: int | None,
) -> None:
    snapshot(place, 4, b"/e", owner=SESSION, sessions={SESSION: 9_000})
    closing = payload(5, CLOSE_SESSION, b"", digest=digest)
    if digest is not None:  # of a version that nobody compares
        closing = closing[:-12] + struct.pack(">iQ", 9, digest)
    write_log(place, 5, closing)

    assert b"/e" not in recovered(place).tree.nodes


def test_ephemerals_of_sessions_that_are_not_there_go_and_are_named(place: Path) -> None:
    snapshot(place, 4, b"/e", owner=SESSION)

    found = recovered(place)

    assert found.dead == {SESSION: [b"/e"]}
    assert b"/e" not in found.tree.nodes


def test_a_multi_counts_as_a_whole_or_not_at_all(place: Path) -> None:
    snapshot(place, 4)
    good = multi_body((CREATE, create_body(b"/a", cversion=1)), (SET, set_body(b"/a", b"set", 1)))
    failed = multi_body((CREATE, create_body(b"/never")), (ERROR, struct.pack(">i", -101)))
    write_log(place, 5, payload(5, MULTI, good), payload(6, MULTI, failed))

    tree = recovered(place).tree

    assert (tree.nodes[b"/a"].data, tree.zxid) == (b"set", 6)
    assert b"/never" not in tree.nodes


def test_old_logs_have_no_counter_of_the_parent(place: Path) -> None:
    snapshot(place, 4)
    write_log(place, 5, payload(5, CREATE, create_body(b"/a", cversion=None)))

    assert recovered(place).tree.nodes[b"/"].cversion == 1


def test_a_ttl_node_keeps_its_ttl(place: Path) -> None:
    snapshot(place, 4)
    body = string(b"/t") + string(b"") + create_body(b"", b"")[8:-5] + struct.pack(">iq", 1, 60_000)
    write_log(place, 5, payload(5, CREATE_TTL, body))

    owner = recovered(place).tree.nodes[b"/t"].owner

    assert owner & 0xFF_FFFF_FFFF == 60_000
    assert owner >> 56 & 0xFF == 0xFF


# What is at the end of a file ------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_entry_is_the_end_and_the_next_file_goes_on(place: Path, cut: int) -> None:
    snapshot(place, 4)
    torn = framed(payload(6, CREATE, create_body(b"/torn")))[:-cut]
    write_log(place, 5, payload(5, CREATE, create_body(b"/a")), tail=torn)
    write_log(place, 6, payload(6, CREATE, create_body(b"/b", cversion=2)), tail=b"")

    tree = recovered(place).tree

    assert tree.zxid == 6
    assert b"/torn" not in tree.nodes
    assert b"/b" in tree.nodes


def test_a_file_that_was_made_and_never_written_holds_nothing(place: Path) -> None:
    snapshot(place, 4)
    (place / "log.5").write_bytes(b"")
    (place / "log.6").write_bytes(bytes(100))

    assert recovered(place).tree.zxid == 4


def test_a_wrong_checksum_is_refused_with_its_place(place: Path) -> None:
    snapshot(place, 4)
    path = write_log(place, 5, payload(5, CREATE, create_body(b"/a")))
    content = bytearray(path.read_bytes())
    content[-64 - 3] ^= 1
    path.write_bytes(content)

    with pytest.raises(DamagedFileError, match=r"log\.5: the entry at byte 16 has a wrong checksum"):
        recovered(place)


def test_missing_transactions_are_refused(place: Path) -> None:
    snapshot(place, 4)
    write_log(place, 6, payload(6, CREATE, create_body(b"/a")))

    with pytest.raises(LogHoleError, match="0x6 follows 0x4"):
        recovered(place)


def test_a_new_epoch_goes_on_wherever_the_old_one_ended(place: Path) -> None:
    snapshot(place, 4)
    write_log(place, 5, payload(5, ERROR, bytes(4)), payload(1 << 32 | 1, CREATE, create_body(b"/a")))

    assert recovered(place).tree.zxid == 1 << 32 | 1


# Digests ---------------------------------------------------------------------------------------


def test_the_digest_of_an_empty_tree_is_zookeepers(place: Path) -> None:
    path = snapshot(place, 0)

    assert read_snapshot(path, 0).digest == (0, 2, EMPTY_TREE_DIGEST)


def test_a_snapshots_own_digest_may_lag_by_one_transaction_and_no_more(place: Path) -> None:
    path = snapshot(place, 4, b"/half-made")
    content = path.read_bytes()
    tail = struct.pack(">qiQ", 4, 2, EMPTY_TREE_DIGEST)
    at = len(content) - 13 - len(tail)
    path.write_bytes(_resealed(content[:at] + tail + content[at + len(tail):]))
    with pytest.raises(DamagedFileError, match="at zxid 0x4 ZooKeeper's digest"):
        recovered(place)

    (digest,) = struct.unpack_from(">Q", content, at + 12)
    write_log(place, 5, payload(5, ERROR, bytes(4), digest=digest))

    assert recovered(place).tree.digests == 1


def test_a_log_whose_digest_is_another_trees_is_refused(place: Path) -> None:
    snapshot(place, 4)
    write_log(place, 5, payload(5, ERROR, bytes(4), digest=EMPTY_TREE_DIGEST))
    assert recovered(place).tree.digests == 2  # the snapshot's, the log's

    write_log(place, 5, payload(5, ERROR, bytes(4), digest=EMPTY_TREE_DIGEST + 1))
    with pytest.raises(DamagedFileError, match="at zxid 0x5 ZooKeeper's digest"):
        recovered(place)


def test_within_a_fuzzy_snapshot_no_digest_is_compared(place: Path) -> None:
    path = snapshot(place, 4)
    content = path.read_bytes()
    tail = struct.pack(">qiQ", 6, 2, EMPTY_TREE_DIGEST)
    at = len(content) - 13 - len(tail)
    path.write_bytes(_resealed(content[:at] + tail + content[at + len(tail):]))
    write_log(
        place, 5, payload(5, ERROR, bytes(4), digest=1), payload(6, ERROR, bytes(4), digest=2),
        payload(7, ERROR, bytes(4), digest=EMPTY_TREE_DIGEST))

    assert recovered(place).tree.digests == 2  # the snapshot's at 6, the log's at 7


# Files of all kinds ----------------------------------------------------------------------------


def test_a_damaged_snapshot_is_passed_over_for_an_older_one(place: Path) -> None:
    snapshot(place, 4)
    newest = snapshot(place, 6, b"/only-here")
    newest.write_bytes(newest.read_bytes()[:-1] + b"?")
    write_log(place, 5, payload(5, ERROR, bytes(4)), payload(6, ERROR, bytes(4)))

    found = recovered(place)

    assert found.tree.zxid == 6
    assert len(found.passed_over) == 1
    assert b"/only-here" not in found.tree.nodes


def test_packed_snapshots_are_read(place: Path) -> None:
    plain = snapshot(place, 4, b"/a", b"/b")
    content = plain.read_bytes()
    plain.unlink()
    (place / "snapshot.4.gz").write_bytes(gzip.compress(content))
    assert b"/b" in recovered(place).tree.nodes

    (place / "snapshot.4.gz").unlink()
    blocks = [_snappy_literal(content[at:at + 100]) for at in range(0, len(content), 100)]
    framing = MAGIC + bytes(8) + b"".join(struct.pack(">i", len(block)) + block for block in blocks)
    (place / "snapshot.4.snappy").write_bytes(framing)
    assert b"/b" in recovered(place).tree.nodes


def test_snappy_copies_repeat_what_came_before() -> None:
    eight_from_4_back, five_from_1_back = bytes((4 << 2 | 1, 4)), bytes((4 << 2 | 2, 1, 0))

    block = bytes((17, 3 << 2)) + b"abcd" + eight_from_4_back + five_from_1_back

    assert unpacked_block(block) == b"abcd" * 3 + b"ddddd"


def test_a_directory_without_a_snapshot_is_refused(place: Path) -> None:
    with pytest.raises(NoDataError, match=r"no snapshot\.\*"):
        recovered(place)
    with pytest.raises(NoDataError, match="no such directory"):
        find_directory(place / "nowhere")


def test_a_zoo_cfg_names_both_directories(place: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (tmp_path / "zoo.cfg").write_text(f"# mine\ndataDir = {tmp_path}\ndataLogDir={logs}\n")

    found = find_directory(tmp_path / "zoo.cfg")

    assert (found.snapshots, found.logs) == (place, logs)


def test_of_several_members_the_one_that_would_lead_is_taken(tmp_path: Path) -> None:
    directories = []
    for name, zxid in (("a", 1 << 32 | 9), ("b", 2 << 32 | 1), ("c", 1 << 32 | 12)):
        place = tmp_path / name / "version-2"
        place.mkdir(parents=True)
        snapshot(place, zxid)
        write_epochs(place, zxid)
        directories.append(find_directory(tmp_path / name))

    assert most_recent(directories) == directories[1]
    assert last_zxid(directories[2]) == 1 << 32 | 12


def test_passwords_are_those_that_zookeeper_gives() -> None:
    """Taken from a genuine 3.8."""
    assert zookeeper_password(72060801139671040).hex() == "7d1981dbc659af2423e9d9477ffe233b"


def test_what_is_written_is_read_again(place: Path) -> None:
    tree = Tree.initial()
    tree.add(Znode(b"/\xc3\xa4", None, ((1, b"ip", b"10.0.0.0/8"),), 0, 3, 1_000))
    path = write_snapshot(place, tree, {5: 6_000, -7: 8_000}, 9)

    contents = read_snapshot(path, 9)

    assert contents.sessions == {5: 6_000, -7: 8_000}
    assert set(contents.nodes) == set(tree.nodes) - {b""}
    node = contents.nodes[b"/\xc3\xa4"]
    assert (node.data, node.acl, node.czxid) == (None, ((1, b"ip", b"10.0.0.0/8"),), 3)


def _resealed(content: bytes) -> bytes:
    """With seals that fit again: 13 bytes after the nodes, and 13 after the 20 of the digest."""
    end = len(content) - 46
    sealed = content[:end] + struct.pack(">q", adler32(content[:end])) + content[end + 8:end + 33]
    return sealed + struct.pack(">q", adler32(sealed)) + content[-5:]


def _snappy_literal(piece: bytes) -> bytes:
    return bytes((len(piece), 60 << 2, len(piece) - 1)) + piece
