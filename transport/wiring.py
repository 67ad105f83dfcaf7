"""The table of sockets. Units, firewall rules, the diagram in the docs and a test are checked against it.

Every process opens exactly the links that name it here. Messages are those of transport/messages.py.
"""

from dataclasses import dataclass
from enum import StrEnum

IPC_PATH_MAX = 107  # bytes of sun_path less its zero


class Scope(StrEnum):
    MEMBER = "ipc"  # inside a member, and from its operator's commands on the same machine
    ENSEMBLE = "tcp+curve"  # between members
    CLIENTS = "tcp"  # not ZeroMQ: the client protocol
    OPERATORS = "http"  # not ZeroMQ: metrics and admin


@dataclass(frozen=True)
class Link:
    name: str
    scope: Scope
    binds: str  # role
    connects: tuple[str, ...]  # roles
    pattern: str
    endpoint: str  # a file name in the socket directory, or the zoo.cfg key of the port
    messages: str  # the union in transport/messages.py
    credit: str
    out_of_credit: str


LINKS: tuple[Link, ...] = (
    Link("peer", Scope.ENSEMBLE, "broadcast", ("broadcast", "processor", "telemetry"), "ROUTER/DEALER",
         "server.N quorum port", "PeerMessage",
         "learner: 32 MiB sent and not acked; processor: 16 MiB and 256 batches not executed; "
         "telemetry: some questions a second",
         "learner: records wait in the log files, and it is dropped after syncLimit without an ack; "
         "processor: stops reading from its clients; telemetry: dropped"),
    Link("election", Scope.ENSEMBLE, "election", ("election",), "ROUTER/DEALER",
         "server.N election port", "ElectionMessage",
         "the newest vote per member", "an older vote is replaced"),
    Link("local", Scope.MEMBER, "broadcast", ("processor", "snapshotter", "election", "telemetry"),
         "ROUTER/DEALER", "b", "LocalMessage",
         "watermark, lease and state are conflated: newest counts; batches as on peer",
         "a process that does not read is left out until it says hello again"),
    Link("telemetry", Scope.MEMBER, "telemetry",
         ("broadcast", "election", "processor", "snapshotter"), "PUSH/PULL",
         "t", "TelemetryMessage", "64 messages", "dropped and counted"),
    Link("control", Scope.MEMBER, "broadcast", ("operators",), "ROUTER/DEALER",
         "c", "ControlMessage", "one question at a time", "refused"),
    Link("client", Scope.CLIENTS, "processor", ("clients",), "stream", "clientPort", "-",
         "output 4 MiB per connection, frames up to jute.maxbuffer",
         "stops reading that connection; closes it when it takes nothing for its session timeout"),
    Link("metrics", Scope.OPERATORS, "telemetry", ("operators",), "http",
         "corral.metricsPort, admin.serverPort, metricsProvider.httpPort", "-", "64 requests at once", "refused"),
)


def link(name: str) -> Link:
    return next(each for each in LINKS if each.name == name)


def ipc_endpoint(socket_dir: str, name: str) -> str:
    """Raises ValueError if the path does not fit a Unix socket address."""
    path = f"{socket_dir}/{link(name).endpoint}"
    if len(path.encode()) > IPC_PATH_MAX:
        raise ValueError(
            f"socket path {path} is longer than {IPC_PATH_MAX} bytes: set corral.runDir to a shorter one")
    return f"ipc://{path}"
