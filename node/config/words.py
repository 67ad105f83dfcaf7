"""The four-letter words that a member answers, and the reference of them in docs/words.md.

`python -m node.config.words` writes its table there.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOUR_LETTER_WORDS: Final[Mapping[str, str]] = {  # word -> what it says
    "ruok": "`imok`: it runs. No word about a quorum; `isro` or `srvr` tell whether it serves",
    "srvr": "version, latencies, requests, connections, zxid, `Mode:` (leader, follower, observer, standalone, "
            "read-only), znodes",
    "stat": "as `srvr`, with the clients",
    "mntr": "every figure, `zk_…` and a tab, for monitoring; the names are those of [metrics.md](metrics.md)",
    "isro": "`rw`: it serves; `ro`: reads alone; `null`: neither",
    "conf": "the configuration that it goes by, with the servers",
    "cons": "each connection: address, session, timeout, requests, latency, last operation",
    "dump": "sessions with their ephemerals; on the leader with when each is over",
    "wchs": "how many watches there are",
    "wchc": "watches by session",
    "wchp": "watches by path",
    "dirs": "bytes of snapshots and of the log",
    "envi": "its environment: version, host, user, directories",
    "hash": "digests of the tree, by zxid; comparable between members of Corral",
    "crst": "sets the figures of connections back to 0",
    "srst": "sets latencies and request counts back to 0",
    "gtmk": "ZooKeeper's trace mask",
    "stmk": "sets it: the word, and 8 bytes with the mask. It changes nothing here",
}

PAGE = Path(__file__).parent.parent.parent / "docs/words.md"
BEGIN, END = "<!-- words -->\n", "<!-- end of words -->\n"
_HEAD = "| word | what it says |\n| --- | --- |\n"


def with_table(page: str) -> str:
    """The page with the table as the code has it, between its two marks."""
    before, rest = page.split(BEGIN)
    rows = "".join(f"| `{word}` | {says} |\n" for word, says in FOUR_LETTER_WORDS.items())
    return f"{before}{BEGIN}{_HEAD}{rows}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
