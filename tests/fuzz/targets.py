"""The table of what is attacked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import client, files, peers, votes

CORPUS = Path(__file__).parent / "corpus"
# For what is made of decisions: any, and mostly what is due.
STORIES = [bytes(range(start, 256, 7)) for start in (0, 3, 5)] + [b"\0\3" + b"\1\5\1\1" * 30, b"\1\3\1" + b"\5\2" * 60]


@dataclass(frozen=True)
class Target:
    """*run* raises what no input may cause. *seeds*: honest inputs, to be changed."""

    name: str
    run: Callable[[bytes], None]
    make_seeds: Callable[[], list[bytes]]
    examples: int  # in the short run: about a second

    def corpus(self) -> list[Path]:
        """Inputs that were worth keeping, most because they have failed once."""
        return sorted((CORPUS / self.name).glob("*"))

    def seeds(self) -> list[bytes]:
        return self.make_seeds() + [path.read_bytes() for path in self.corpus()]


TARGETS = (
    Target("handshake", client.handshake, lambda: [each[1:] for each in client.client_seeds()], 300),
    Target("jute", client.jute, client.jute_seeds, 500),
    Target("client", client.client, client.client_seeds, 300),
    Target("http", client.http, client.http_seeds, 150),
    Target("messages", peers.messages, peers.message_seeds, 400),
    Target("batch", peers.batch, peers.batch_seeds, 400),
    Target("learner", peers.learner, lambda: STORIES, 60),
    Target("leader", peers.leader, lambda: STORIES, 80),
    Target("votes", votes.votes, lambda: STORIES, 100),
    Target("log", files.log, files.log_seeds, 100),
    Target("snapshot", files.snapshot, files.snapshot_seeds, 100),
    Target("state", files.state, files.state_seeds, 150),
)


def target_of(name: str) -> Target:
    return next(each for each in TARGETS if each.name == name)
