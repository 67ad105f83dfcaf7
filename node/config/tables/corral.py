"""Corral's own keys."""

from node.config.key import Key, Kind, honoured
from transport.entry import FEATURE_LEVEL

CORRAL: tuple[Key, ...] = (
    honoured("corral.compatibility", "3.9",
              "the release of ZooKeeper whose answers clients get where releases differ: 3.8 or 3.9", Kind.TEXT),
    honoured("corral.extensions", "false",
             "operations beyond ZooKeeper's, and the nodes of /keeper that announce them (docs/extensions.md); the "
             "same on every member", Kind.BOOL),
    honoured("corral.diskReserve", "-1",
             "bytes that stay free on the disks of data and log: with less, a member raises an alarm, and where those "
             "without one are no quorum, writes stop; -1: "
             "256 MiB, or a twentieth of the file system if that is less; 0: they never stop", Kind.INT, least=-1,
             most=2**62),
    honoured("corral.watchHistory", "0",
             "changes that each processor remembers, for persistent watches that clients set again after a "
             "disconnection: they get what they missed; 0: none, it is lost as in ZooKeeper", Kind.INT,
             most=10_000_000),
    honoured("corral.replyBytesMax", "0",
              "a longer list of children, or result of a multiRead, is answered with -5, not sent to a client that "
              "could not take it (Java's default is 4194304); 0: no limit", Kind.INT, live=True),
    honoured("corral.logLevel", "info", "the least level of log lines: debug, info, warning or error",
              Kind.TEXT),
    honoured("corral.processors", "1",
              "processes that serve clients; each holds a tree of its own",
              Kind.INT, least=1, most=64),
    honoured("corral.keys", "", "directory of the member's keys; dataDir/keys if absent",
              Kind.PATH),
    honoured("corral.backupDir", "", "where `corral backup` writes and `corral self-check` looks; "
              "dataDir/backup if absent, better another disk", Kind.PATH),
    honoured("corral.runDir", "",
              "directory of sockets and of state.json; dataDir/run if that is short",
              Kind.PATH),
    honoured("corral.metricsPort", "0", "port of the Prometheus endpoint; 0 takes any free one",
              Kind.INT, most=65535),
    honoured("corral.metricsAddress", "127.0.0.1", "address of the Prometheus endpoint",
              Kind.HOST),
    honoured("corral.adminHosts", "",
              "names by which browsers may reach the admin HTTP, besides localhost and the host's own; *: any",
              Kind.WORDS),
    honoured("corral.browser", "auto",
              "what /browse of the admin HTTP may do with znodes, under the ACLs of who logs in: off, read or write; "
              "auto: read where corral.metricsAddress is this host alone, else off", Kind.TEXT),
    honoured("corral.pastMemory", "512",
              "MiB of memory for a read of the past by the admin HTTP (/commands/past): about what a tree takes in a "
              "processor, and 64 more; 0: there are no such reads", Kind.INT, most=1 << 20),
    honoured("corral.otlpEndpoint", "",
              "where traces are sent as OTLP, a URL such as http://collector:4317; nowhere if absent", Kind.TEXT),
    honoured("corral.otlpProtocol", "grpc", "grpc, or http/protobuf", Kind.TEXT),
    honoured("corral.traceRatio", "1.0", "share of writes that may become traces, from 0 to 1", Kind.TEXT),
    honoured("corral.traceBudget", "3",
              "whole traces per second; slow writes and those of an election may go beyond it threefold; 0: none",
              Kind.INT, most=10_000),
    honoured("corral.traceSlowMs", "100", "a write that takes so long, in ms, always becomes a trace", Kind.INT,
              least=1),
    honoured("corral.traceRing", "100000", "so many of the newest writes can be explained", Kind.INT, least=1000,
              most=10_000_000),
    honoured("corral.snapshotBytes", "268435456", "bytes of log after which a snapshot is taken",
              Kind.INT, least=1 << 16),
    honoured("corral.featureLevel", str(FEATURE_LEVEL),
              "the highest feature level to follow; below the version's own while an upgrade may be undone",
              Kind.INT, least=1),
    honoured("corral.testHooks", "false",
              "lets tests break things from outside; never in production",
              Kind.BOOL),
)  # fmt: skip
