"""Keys of the HTTP for operators: metrics, and ZooKeeper's AdminServer."""

from node.config.key import Key, Kind, honoured, ignored, unbuilt

_STORES = "of ssl.keyStore.location"

HTTP: tuple[Key, ...] = (
    honoured("admin.enableServer", "true", "whether ZooKeeper's commands (/commands/…) are served over HTTP",
             Kind.BOOL),
    honoured("admin.serverPort", "0",
             "a port of its own for them; 0: they are at corral.metricsPort alone (ZooKeeper's default is 8080)",
             Kind.INT, most=65535),
    honoured("admin.serverAddress", "", "the address of that port; every one if absent", Kind.HOST),
    honoured("admin.commandURL", "/commands", "where these commands are on every port", Kind.TEXT),
    honoured("admin.portUnification", "false",
             f"every HTTP port of this member takes HTTPS too, with the certificate {_STORES}", Kind.BOOL),
    honoured("admin.forceHttps", "false", "every HTTP port of this member takes nothing but HTTPS", Kind.BOOL),
    honoured("admin.needClientAuth", "false",
             "HTTPS wants a client's certificate, signed by one in ssl.trustStore.location", Kind.BOOL),
    honoured("admin.snapshot.enabled", "true", "whether the command snapshot is there", Kind.BOOL),
    honoured("admin.restore.enabled", "true", "whether the command restore is there", Kind.BOOL),
    honoured("admin.rateLimiterIntervalInMS", "300000", "ms between two snapshots, or two restorations, by HTTP",
             Kind.INT),
    ignored("admin.idleTimeout", "30000", "ms until an idle connection ends",
            "each request has a connection of its own, 10 s to come and 30 s to be answered", r"\d+"),
    ignored("admin.httpVersion", "", "HTTP/1.1 or h2c", "it is HTTP/1.1 for clients; connections end with the answer"),
    unbuilt("admin.*", "", "the admin server over HTTP", "there is no such setting"),
    unbuilt("metricsProvider.className", "", "where metrics go", "metrics are always served for Prometheus",
            r".*(prometheus|default).*"),
    honoured("metricsProvider.httpPort", "0",
             "a port of its own for /metrics; 0: it is at corral.metricsPort alone (ZooKeeper's default is 7000)",
             Kind.INT, most=65535),
    honoured("metricsProvider.httpHost", "", "the address of that port; every one if absent", Kind.HOST),
    ignored("metricsProvider.exportJvmInfo", "true", "figures of the JVM", "there is no JVM", "true|false"),
    ignored("metricsProvider.numWorkerThreads", "1", "threads that compute figures",
            "figures are told, never waited for", r"\d+"),
    ignored("metricsProvider.maxQueueSize", "1000000", "figures that may wait", "none do", r"\d+"),
    ignored("metricsProvider.workerShutdownTimeoutMs", "1000", "ms to wait for these threads", "none do", r"\d+"),
    unbuilt("metricsProvider.*", "", "settings of the metrics provider", "there is no such setting"),
)  # fmt: skip
