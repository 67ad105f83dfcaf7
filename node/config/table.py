"""Every key of zoo.cfg that ZooKeeper 3.9 knows, and Corral's own: the one table.

Source of names and defaults: ZooKeeper's QuorumPeerConfig, and the system properties of its
administrator's guide (a key `x` in zoo.cfg becomes the property `zookeeper.x`).
A key that is not here is an error, with the nearest name that is.
"""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum

from transport.entry import FEATURE_LEVEL


class Standing(StrEnum):
    """What Corral makes of a key."""

    HONOURED = "honoured"
    WITHOUT_EFFECT = "without effect"  # Corral works otherwise: nothing to set
    NOT_BUILT = "not built yet"  # the key asks for something that is lost
    REFUSED = "refused"  # starting without what it asks for would be unsafe


class Kind(StrEnum):
    TEXT = "text"
    INT = "whole number"
    BOOL = "true or false"
    PATH = "path"
    HOST = "address"
    WORDS = "words, comma separated"


@dataclass(frozen=True, slots=True)
class Key:
    """One key, or a family: N stands for a number, * for anything.

    loss: what an operator who sets it does not get.  harmless: a pattern of values that lose
    nothing; the default always is one.  least, most: bounds of an INT that is honoured.
    """

    name: str
    standing: Standing
    meaning: str
    default: str = ""
    loss: str = ""
    harmless: str = ""
    kind: Kind = Kind.TEXT
    least: int = 0
    most: int = 2**31 - 1

    def loses(self, value: str) -> bool:
        """Whether this value asks for something that Corral does not do."""
        if self.standing is Standing.HONOURED or value.lower() == self.default.lower():
            return False
        return not (self.harmless and re.fullmatch(self.harmless, value.lower()))


def _honoured(
    name: str, default: str, meaning: str, kind: Kind, least: int = 0, most: int = 2**31 - 1
) -> Key:
    return Key(name, Standing.HONOURED, meaning, default, kind=kind, least=least, most=most)


def _ignored(name: str, default: str, meaning: str, loss: str, harmless: str = "") -> Key:
    return Key(name, Standing.WITHOUT_EFFECT, meaning, default, loss, harmless)


def _unbuilt(name: str, default: str, meaning: str, loss: str, harmless: str = "") -> Key:
    return Key(name, Standing.NOT_BUILT, meaning, default, loss, harmless)


def _refused(name: str, default: str, meaning: str, loss: str, harmless: str = "") -> Key:
    return Key(name, Standing.REFUSED, meaning, default, loss, harmless)


_REVOCATION = "revoked certificates are not looked for; give clients ones that expire soon"
_SCHEMES = "there are digest, ip, sasl, x509 and ensemble, always; ACLs of another scheme could not be checked"
_PROVIDERS = r"org\.apache\.zookeeper\.server\.auth\.(sasl|x509|digest|ip|ensemble)authenticationprovider"
_CURVE = "links between members are always encrypted, by CURVE keys (`corral keys`), never by TLS"
_NO_SASL = "SASL is not built yet; members prove themselves by CURVE keys (`corral keys`)"
_OPEN = "clients that did not prove who they are would be let in"
_JVM = "there is no JVM to watch"
_ADMIN = "there is no admin server yet; use the four-letter words and `corral status`"
_THROTTLE = "connections and requests are not throttled at this point"
_GROUPS = "quorums by groups and weights are not built yet, and a plain majority decides otherwise"
_BATCH = "batches form by themselves: what waits while a sync runs goes into the next record"
_THREADS = "work is shared out by processes: see corral.processors"
_CACHE = "replies are encoded from the tree each time"
_OFF = "false|no|0|-1"

KEYS: tuple[Key, ...] = (
    # Honoured: times, places, members, limits.
    _honoured("tickTime", "3000", "the unit of initLimit, syncLimit and session timeouts, in ms",
              Kind.INT, least=1),
    _honoured("initLimit", "10",
              "ticks that a learner has to connect to the leader and to synchronise",
              Kind.INT, least=1),
    _honoured("syncLimit", "5",
              "ticks without a word after which leader and learner give each other up",
              Kind.INT, least=1),
    _honoured("dataDir", "",
              "where snapshots, epochs and myid are, and the log unless dataLogDir says",
              Kind.PATH),
    _honoured("dataLogDir", "", "where the log is, best on a disk of its own; dataDir if absent",
              Kind.PATH),
    _honoured("clientPort", "", "the port of clients; 0 takes any free one", Kind.INT, most=65535),
    _honoured("clientPortAddress", "", "the address to listen on for clients; every one if absent",
              Kind.HOST),
    _honoured("clientPortListenBacklog", "-1", "length of the queue of accepts; -1: the system's",
              Kind.INT, least=-1),
    _honoured("maxClientCnxns", "60", "connections from one address; 0: no limit", Kind.INT),
    _honoured("minSessionTimeout", "-1", "least session timeout in ms; -1: two ticks", Kind.INT,
              least=-1),
    _honoured("maxSessionTimeout", "-1", "greatest session timeout in ms; -1: twenty ticks",
              Kind.INT, least=-1),
    _honoured("server.N", "",
              "member N: host:quorumPort:electionPort[:role][;[clientHost:]clientPort]",
              Kind.TEXT),
    _honoured("dynamicConfigFile", "", "the file that holds the server lines, apart from the rest",
              Kind.PATH),
    _honoured("peerType", "participant",
              "this member's role; the server line's own role goes before it",
              Kind.TEXT),
    _honoured("standaloneEnabled", "true",
              "whether one server line alone may be an ensemble of one",
              Kind.BOOL),
    _honoured("reconfigEnabled", "false",
              "members may be changed while the ensemble runs, by the operation reconfig",
              Kind.BOOL),
    _honoured("quorumListenOnAllIPs", "false", "members listen for each other on every address",
              Kind.BOOL),
    _honoured("electionAlg", "3", "the election; 3, fast leader election, is the only one",
              Kind.INT, least=3, most=3),
    _honoured("4lw.commands.whitelist", "srvr", "four-letter words that are answered; * is all",
              Kind.WORDS),
    _honoured("jute.maxbuffer", "1048575",
              "longest request in bytes; longer ones end the connection",
              Kind.INT, least=1024, most=32 << 20),  # a batch with it must fit into a message between members
    _honoured("globalOutstandingLimit", "1000", "requests in work after which sockets are not read",
              Kind.INT, least=1),
    _honoured("largeRequestThreshold", "-1", "a request of more bytes counts as large; -1: none does",
              Kind.INT, least=-1),
    _honoured("largeRequestMaxBytes", "104857600",
              "bytes on their way to the quorum beyond which a large request ends its connection", Kind.INT),
    _honoured("snapCount", "100000", "transactions after which a snapshot is taken", Kind.INT,
              least=2),
    _honoured("autopurge.snapRetainCount", "3",
              "snapshots to keep, and the log from the oldest on; "
              "less than 3 counts as 3", Kind.INT),
    _honoured("DigestAuthenticationProvider.superDigest", "", "super:<hash> of the user who passes "
              "every ACL", Kind.TEXT),
    _honoured("DigestAuthenticationProvider.enabled", "true", "whether clients may prove themselves by digest",
              Kind.BOOL),
    _honoured("DigestAuthenticationProvider.digestAlg", "SHA1",
              "the hash of the scheme digest: SHA1, SHA-256, SHA-512, SHA3-256 …; the same on every member", Kind.TEXT),
    _honoured("secureClientPort", "0", "a port of clients that speaks nothing but TLS; 0: none", Kind.INT, most=65535),
    _honoured("secureClientPortAddress", "", "the address of that port; every one if absent", Kind.HOST),
    _honoured("client.portUnification", "false", "clientPort takes TLS, too: each connection's first byte tells",
              Kind.BOOL),
    _honoured("ssl.keyStore.location", "", "this member's private key and certificates: PEM, or PKCS12", Kind.PATH),
    _honoured("ssl.keyStore.password", "", "of that file, if it has one", Kind.TEXT),
    _honoured("ssl.keyStore.passwordPath", "", "a file that holds the password", Kind.PATH),
    _honoured("ssl.keyStore.type", "", "PEM or PKCS12; the file shows it", Kind.TEXT),
    _honoured("ssl.trustStore.location", "", "the authorities whose clients' certificates are good: PEM, or PKCS12",
              Kind.PATH),
    _honoured("ssl.trustStore.password", "", "of that file, if it has one", Kind.TEXT),
    _honoured("ssl.trustStore.passwordPath", "", "a file that holds the password", Kind.PATH),
    _honoured("ssl.trustStore.type", "", "PEM or PKCS12; the file shows it", Kind.TEXT),
    _honoured("ssl.clientAuth", "need", "clients need a certificate, may have one (want), or are not asked: none",
              Kind.TEXT),
    _honoured("ssl.protocol", "", "TLSv1.2 or TLSv1.3, and no other; both if absent", Kind.TEXT),
    _honoured("ssl.enabledProtocols", "", "versions of TLS that are spoken", Kind.WORDS),
    _honoured("ssl.ciphersuites", "", "suites of TLS 1.2; those of 1.3 are all there", Kind.WORDS),
    _honoured("X509AuthenticationProvider.superUser", "", "the id of the certificate that passes every ACL", Kind.TEXT),
    _honoured("X509AuthenticationProvider.clientCertIdType", "", "what of a certificate is the id: SUBJECT or SAN",
              Kind.TEXT),
    _honoured("X509AuthenticationProvider.clientCertIdSanMatchType", "0",
              "the kind of alternative name: 1 email, 2 DNS, 6 URI, 7 IP", Kind.INT),
    _honoured("X509AuthenticationProvider.clientCertIdSanMatchRegex", "", "which one of them: exactly one must fit",
              Kind.TEXT),
    _honoured("X509AuthenticationProvider.clientCertIdSanExtractRegex", "", "what of it is the id", Kind.TEXT),
    _honoured("X509AuthenticationProvider.clientCertIdSanExtractMatcherGroupIndex", "0", "which group of that",
              Kind.INT),
    _honoured("sasl.serverconfig", "Server", "the section of corral.sasl.jaasFile", Kind.TEXT),
    _honoured("superUser", "", "the SASL user who passes every ACL", Kind.TEXT),
    _honoured("superUser.*", "", "further such users", Kind.TEXT),
    _honoured("allowSaslFailedClients", "false", "clients whose SASL failed stay, as nobody", Kind.BOOL),
    _honoured("enforce.auth.enabled", "false", "only clients that have proved who they are get answers", Kind.BOOL),
    _honoured("enforce.auth.schemes", "", "the schemes that count for it: digest, ip, sasl, x509", Kind.WORDS),
    _honoured("sessionRequireClientSASLAuth", "false", "only clients that have proved themselves by SASL get answers",
              Kind.BOOL),
    _honoured("ensembleAuthName", "", "names of this ensemble; a client that asks for another is sent on", Kind.WORDS),
    _honoured("skipACL", "no", "yes: no ACL is checked for clients of this member", Kind.TEXT),
    _honoured("audit.enable", "false", "an audit log: who changed what, from where, and the result",
              Kind.BOOL),
    _honoured("extendedTypesEnabled", "false",
              "TTL nodes; the same on every member, and as it was when the ensemble was first started", Kind.BOOL),
    _honoured("enforceQuota", "false",
              "writes over a hard quota are refused; the same on every member, and as it was when the ensemble was "
              "first started", Kind.BOOL),
    _honoured("znode.container.checkIntervalMs", "60000",
              "ms between two looks for containers that are empty and TTL nodes whose time is over", Kind.INT, least=1),
    _honoured("znode.container.maxPerMinute", "10000", "how many of them are deleted in a minute at most", Kind.INT,
              least=1),
    _honoured("znode.container.maxNeverUsedIntervalMs", "0",
              "ms for which a container stays that never had a child; 0: for ever", Kind.INT),
    _honoured("localSessionsEnabled", "false",
              "sessions that cost no write, known to one processor alone; they have no ephemeral nodes", Kind.BOOL),
    _honoured("localSessionsUpgradingEnabled", "false", "a local session becomes a global one with its first "
              "ephemeral node", Kind.BOOL),
    _honoured("readonlymode.enabled", "false",
              "a member without a quorum answers reads, of clients that say they take what may be stale", Kind.BOOL),
    # Corral's own.
    _honoured("corral.compatibility", "3.9",
              "the release of ZooKeeper whose answers clients get where releases differ: 3.8 or 3.9", Kind.TEXT),
    _honoured("corral.auditFile", "", "the audit log; dataDir/audit.log if absent", Kind.PATH),
    _honoured("corral.sasl.jaasFile", "",
              "ZooKeeper's login file (JAAS) with the users of SASL; without it there is no SASL", Kind.PATH),
    _honoured("corral.auditFormat", "json",
              "of its lines: json, or zookeeper: key=value as ZooKeeper writes them", Kind.TEXT),
    _honoured("corral.replyBytesMax", "0",
              "a longer list of children, or result of a multiRead, is answered with -5, not sent to a client that "
              "could not take it (Java's default is 4194304); 0: no limit", Kind.INT),
    _honoured("corral.logLevel", "info", "the least level of log lines: debug, info, warning or error",
              Kind.TEXT),
    _honoured("corral.processors", "1",
              "processes that serve clients; each holds a tree of its own",
              Kind.INT, least=1, most=64),
    _honoured("corral.keys", "", "directory of the member's keys; dataDir/keys if absent",
              Kind.PATH),
    _honoured("corral.backupDir", "", "where `corral backup` writes and `corral self-check` looks; "
              "dataDir/backup if absent, better another disk", Kind.PATH),
    _honoured("corral.runDir", "",
              "directory of sockets and of state.json; dataDir/run if that is short",
              Kind.PATH),
    _honoured("corral.metricsPort", "0", "port of the Prometheus endpoint; 0 takes any free one",
              Kind.INT, most=65535),
    _honoured("corral.metricsAddress", "127.0.0.1", "address of the Prometheus endpoint",
              Kind.HOST),
    _honoured("corral.adminHosts", "",
              "names by which browsers may reach the admin HTTP, besides localhost and the host's own; *: any",
              Kind.WORDS),
    _honoured("corral.otlpEndpoint", "",
              "where traces are sent as OTLP, a URL such as http://collector:4317; nowhere if absent", Kind.TEXT),
    _honoured("corral.otlpProtocol", "grpc", "grpc, or http/protobuf", Kind.TEXT),
    _honoured("corral.traceRatio", "1.0", "share of writes that may become traces, from 0 to 1", Kind.TEXT),
    _honoured("corral.traceBudget", "3",
              "whole traces per second; slow writes and those of an election may go beyond it threefold; 0: none",
              Kind.INT, most=10_000),
    _honoured("corral.traceSlowMs", "100", "a write that takes so long, in ms, always becomes a trace", Kind.INT,
              least=1),
    _honoured("corral.traceRing", "100000", "so many of the newest writes can be explained", Kind.INT, least=1000,
              most=10_000_000),
    _honoured("corral.snapshotBytes", "268435456", "bytes of log after which a snapshot is taken",
              Kind.INT, least=1 << 16),
    _honoured("corral.featureLevel", str(FEATURE_LEVEL),
              "the highest feature level to follow; below the version's own while an upgrade may be undone",
              Kind.INT, least=1),
    _honoured("corral.testHooks", "false",
              "lets tests break things from outside; never in production",
              Kind.BOOL),
    # Refused: keys that protect, and keys that change who decides.
    _refused("ssl.quorum.*", "", "TLS between members", _CURVE),
    _refused("sslQuorum", "false", "TLS between members", _CURVE),
    _refused("sslQuorumReloadCertFiles", "false", "renewed certificates without a restart", _CURVE),
    _refused("ssl.crl", "false", "revoked certificates are refused, by lists", _REVOCATION, _OFF),
    _refused("ssl.ocsp", "false", "revoked certificates are refused, by asking", _REVOCATION, _OFF),
    _refused("ssl.clientHostnameVerification", "false", "a client's certificate must name its host",
             "names of clients' hosts are not checked; certificates are", _OFF),
    _refused("ssl.context.supplier.class", "", "a Java class that makes TLS contexts", "there is no JVM"),
    _refused("ssl.authProvider", "x509", "the scheme that takes clients' certificates", "x509 is the only one", "x509"),
    _refused("ssl.*", "", "TLS of the client port", "no such setting of TLS is known"),
    _refused("fips-mode", "", "only TLS as FIPS allows it",
             "what FIPS allows is decided by this host's OpenSSL, not here", "false"),
    _refused("quorum.auth.enableSasl", "false", "SASL between members", _NO_SASL),
    _refused("quorum.auth.serverRequireSasl", "false", "a leader refuses learners without SASL",
             _NO_SASL),
    _refused("quorum.auth.learnerRequireSasl", "false", "learners refuse a leader without SASL",
             _NO_SASL),
    _refused("quorum.auth.*", "", "how members prove themselves by SASL", _NO_SASL),
    _refused("enforce.auth.*", "", "only authenticated clients are served", _OPEN),
    _refused("authProvider.*", "", "a scheme of authentication", _SCHEMES, _PROVIDERS),
    _refused("authProvider", "", "a scheme of authentication", _SCHEMES, _PROVIDERS),
    _refused("SASLAuthenticationProvider.superPassword", "", "the password of the SASL user super",
             "SASL users stand in the login file: user_super in corral.sasl.jaasFile"),
    _refused("letAnySaslUserDoX", "", "an id that every SASL user has in ACLs", "such ACLs would let nobody in"),
    _refused("group.N", "", "members whose votes count as one group", _GROUPS),
    _refused("weight.N", "", "the weight of a member's vote", _GROUPS, "1"),
    _refused("oraclePath", "", "a file that decides for an ensemble of two", _GROUPS),
    # Not built yet: the member starts, and the warning says what it lacks.
    _unbuilt("observerMasterPort", "", "observers may follow a follower",
             "observers are not built yet",
             "0"),
    _unbuilt("enableEagerACLCheck", "false", "a follower checks ACLs before the leader does",
             "ACLs are checked once, at execution"),
    _unbuilt("audit.impl.class", "", "the audit log's implementation",
             "there is one: it writes to corral.auditFile, as corral.auditFormat says", r".*auditlogger"),
    _unbuilt("maxCnxns", "0", "connections in all", "only connections per address are limited "
             "(maxClientCnxns)"),
    _unbuilt("leaderServes", "yes", "whether the leader serves clients",
             "the leader serves clients too",
             "yes|true"),
    _unbuilt("admin.*", "", "the admin server over HTTP", _ADMIN),
    _unbuilt("admin.enableServer", "true", "the admin server over HTTP", _ADMIN, "false|true"),
    _unbuilt("metricsProvider.className", "", "where metrics go",
             "metrics are always served for Prometheus, at corral.metricsPort",
             r".*(prometheus|default).*"),
    _unbuilt("metricsProvider.*", "", "settings of the metrics provider",
             "set corral.metricsPort and corral.metricsAddress instead"),
    _unbuilt("multiAddress.enabled", "false", "several addresses per member",
             "only the first address of a server line is used"),
    _unbuilt("multiAddress.*", "", "how dead addresses are found",
             "only the first address of a server line is used"),
    _unbuilt("watchManagerName", "", "a watch table for very many watches",
             "there is one kind of watch table", r".*watchmanager"),
    _unbuilt("fsync.warningthresholdms", "1000", "a sync slower than this is logged",
             "slow syncs show in the metrics only"),
    _unbuilt("requestThrottle*", "0", "requests in flight are limited", _THROTTLE),
    _unbuilt("request_throttle_*", "0", "requests in flight are limited", _THROTTLE),
    _unbuilt("request_throttler.*", "", "requests in flight are limited", _THROTTLE),
    _unbuilt("request_stale_*", "", "requests of dead connections are dropped", _THROTTLE),
    _unbuilt("throttled_op_wait_time", "0", "requests that waited too long are refused", _THROTTLE),
    _unbuilt("connection_throttle_*", "", "new connections are limited", _THROTTLE),
    _unbuilt("nio.sessionlessCnxnTimeout", "10000", "ms after which a handshake must be over",
             "the time is always 10 s"),
    _unbuilt("sessionlessCnxnTimeout", "10000", "ms after which a handshake must be over",
             "the time is always 10 s"),
    _unbuilt("digest.enabled", "true", "a digest of the tree", "digests are always compared"),
    _unbuilt("cnxTimeout", "5000", "ms to connect to a member for the election",
             "connections are tried anew by themselves"),
    _unbuilt("syncEnabled", "true", "observers log to disk", "observers are not built yet"),
    _unbuilt("observer.*", "", "how observers reconnect", "observers are not built yet"),
    # Without effect: Corral works otherwise.
    _ignored("autopurge.purgeInterval", "", "hours between purges; 0 is never",
             "old snapshots and logs are always purged; autopurge.snapRetainCount of them stay",
             r"[1-9]\w*"),
    _ignored("connectToLearnerMasterLimit", "", "ticks to connect to the leader",
             "initLimit counts"),
    _ignored("portUnification", "false", "TLS and plain links between members", _CURVE),
    _ignored("client.certReload", "false", "renewed certificates without a restart", "they always are", "true|false"),
    _ignored("ssl.hostnameVerification", "true", "who connects checks the other's name",
             "it is for who connects; clients have it in their own configuration", "true|false"),
    _ignored("ssl.handshakeDetectionTimeoutMillis", "5000", "ms to tell TLS from plain clients",
             "a connection has 10 s for all of its beginning", r"\d+"),
    _ignored("ssl.sslProvider", "", "JDK or OPENSSL", "TLS is OpenSSL's", "jdk|openssl"),
    _ignored("client.sslProvider", "", "JDK or OPENSSL", "TLS is OpenSSL's", "jdk|openssl"),
    _ignored("ssl.allowReverseDnsLookup", "", "names of hosts by their addresses",
             "no name is looked up", "true|false"),
    _ignored("forceSync", "yes", "whether writes are synced before they are acknowledged",
             "writes are always synced", "yes|true"),
    _ignored("preAllocSize", "65536", "KiB that a log file grows by",
             "segments are filled ahead of use, at a size of their own"),
    _ignored("txnLogSizeLimitInKb", "-1", "KiB after which a new log file is begun",
             "segments have a size of their own"),
    _ignored("snapSizeLimitInKb", "4194304", "KiB of log after which a snapshot is taken",
             "corral.snapshotBytes says it"),
    _ignored("snapshot.compression.method", "", "gz or snappy",
             "snapshots are always compressed, by zstd",
             "gz|snappy"),
    _ignored("snapshot.trust.empty", "false", "start without a snapshot",
             "a member starts from nothing only where `corral keys init` or `corral up` said so"),
    _ignored("serializeLastProcessedZxid.enabled", "true", "the last zxid is in the snapshot",
             "a snapshot is always at an exact zxid"),
    _ignored("commitLogCount", "500", "transactions kept in memory for learners",
             "learners are fed from the log files"),
    _ignored("snapshotSizeFactor", "0.33", "how much log instead of a snapshot",
             "learners are fed from the log files while these are there"),
    _ignored("db.autocreate", "true", "start with an empty tree without a file `initialize`",
             "a member starts from nothing only where `corral keys init` or `corral up` said so"),
    _ignored("datadir.autocreate", "true", "missing directories are made",
             "`corral keys init` and `corral up` make them"),
    _ignored("closeSessionTxn.enabled", "true", "a closed session's ephemerals are in the log",
             "the end of a session is executed alike everywhere"),
    _ignored("flushDelay", "0", "ms to wait for more before a sync", _BATCH),
    _ignored("maxWriteQueuePollTime", "", "ms to wait for more", _BATCH),
    _ignored("maxBatchSize", "1000", "transactions in a sync", _BATCH),
    _ignored("commitProcessor.*", "", "threads of the commit processor", _THREADS),
    _ignored("commitProcessorNumWorkerThreads", "", "threads of the commit processor", _THREADS),
    _ignored("quorum.cnxn.threads.size", "20", "threads for connections of members", _THREADS),
    _ignored("quorumCnxnTimeoutMs", "-1", "ms to read from a member for the election",
             "pings find a silent member"),
    _ignored("jute.maxbuffer.extrasize", "", "what a stored record may be longer than a request",
             "records have no limit of that kind"),
    _ignored("clientTcpKeepAlive", "false", "TCP keep-alive to clients",
             "sessions find dead clients"),
    _ignored("tcpKeepAlive", "false", "TCP keep-alive between members",
             "pings find a silent member"),
    _ignored("maxResponseCacheSize", "400", "replies that are kept", _CACHE),
    _ignored("maxGetChildrenResponseCacheSize", "400", "replies that are kept", _CACHE),
    _ignored("watcherClean*", "", "how dead watches are found", "watches go with their connection"),
    _ignored("maxInProcessingDeadWatchers", "", "how dead watches are found",
             "watches go with their connection"),
    _ignored("pathStats.*", "", "a sample of the busiest paths", "paths are not sampled"),
    _ignored("fastleader.*", "", "ms between election messages",
             "the election has times of its own"),
    _ignored("electionPortBindRetry", "3", "how often a busy port is tried",
             "a port in use ends the start, naming it"),
    _ignored("leader.*", "", "limits of synchronisations and sockets",
             "links have credit of their own"),
    _ignored("learner.*", "", "how a learner sends", "links have credit of their own"),
    _ignored("skipLearnerRequestToNextProcessor", "false", "a leader's own learner queue",
             "requests have one way"),
    _ignored("forceSnapshotSync", "false", "learners always get a snapshot",
             "what a learner gets follows from its log"),
    _ignored("serverCnxnFactory", "", "NIO or Netty", "there is one client port",
             r".*nioservercnxnfactory"),
    _ignored("nio.*", "", "threads of the client port", _THREADS),
    _ignored("netty.*", "", "settings of Netty", "there is no Netty"),
    _ignored("messageTracker.*", "", "the last messages of a link are kept", "they are not"),
    _ignored("learnerAsyncSending", "false", "a learner sends in a thread", "no send ever blocks"),
    _ignored("jvm.pause.monitor", "false", "watches for pauses of the JVM", _JVM),
    _ignored("jvm.pause.*", "", "its thresholds", _JVM),
    _ignored("traceFile", "", "a trace of every request", "there is no such file"),
    _ignored("kerberos.*", "", "names of Kerberos principals", _NO_SASL),
    _ignored("removeHostFromPrincipal", "false", "names of Kerberos principals", _NO_SASL),
    _ignored("removeRealmFromPrincipal", "false", "names of Kerberos principals", _NO_SASL),
    _ignored("auth_to_local", "", "names of Kerberos principals", _NO_SASL),
    _ignored("security.auth_to_local", "", "names of Kerberos principals", _NO_SASL),
    _ignored("jaasLoginRenew", "", "how tickets are renewed", _NO_SASL),
    _ignored("sasl.*", "", "names of JAAS sections", _NO_SASL),
    _ignored("emulate353TTLNodes", "false", "files with TTL nodes of 3.5.3",
             "no file of ZooKeeper's is read; clients see the same of both", "false|true"),
    _ignored("bitHashCacheSize", "10", "a cache of the watch table", _CACHE),
    _ignored("log.*", "", "files of log4j or logback", "the log goes to stderr, as JSON"),
    _ignored("root.logger", "", "levels of log4j or logback", "the log goes to stderr, as JSON"),
)  # fmt: skip

# Words that Corral answers; the others of ZooKeeper's are known and not built yet.
FOUR_LETTER_WORDS = frozenset(
    [
        "ruok",
        "srvr",
        "stat",
        "mntr",
        "conf",
        "cons",
        "isro",
        "dump",
        "wchs",
        "wchc",
        "wchp",
        "envi",
        "dirs",
        "crst",
        "srst",
    ]
)
FOUR_LETTER_WORDS_UNBUILT = frozenset(["gtmk", "hash", "stmk"])


def _pattern(name: str) -> re.Pattern[str]:
    escaped = re.escape(name).replace(r"\*", ".+")
    return re.compile(re.sub(r"\bN$", r"\\d+", escaped))


_EXACT = {key.name: key for key in KEYS if not re.search(r"\*|\.N$", key.name)}
_FAMILIES = [(_pattern(key.name), key) for key in KEYS if key.name not in _EXACT]


def find_key(name: str) -> Key | None:
    """The table's row for a key of a file, the exact name before a family; None: unknown."""
    if exact := _EXACT.get(name):
        return exact
    return next((key for pattern, key in _FAMILIES if pattern.fullmatch(name)), None)


def nearest_name(name: str) -> str:
    """The known key that was probably meant; empty if none is like it."""
    bare = name.removeprefix("zookeeper.")
    if find_key(bare) is not None:
        return bare
    folded = {known.lower(): known for known in _EXACT} | {
        key.name.lower(): key.name for _, key in _FAMILIES
    }
    found = difflib.get_close_matches(bare.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""
