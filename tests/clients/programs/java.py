"""Debian's jars of Curator, and how Java starts fast."""

CURATOR = [
    f"/usr/share/java/{name}.jar"
    for name in (
        "curator-recipes", "curator-framework", "curator-client", "curator-x-discovery", "guava", "zookeeper",
        "zookeeper-jute", "slf4j-api", "slf4j-nop", "netty-all", "metrics-core", "jackson-core", "jackson-databind",
        "jackson-annotations",
    )
]  # fmt: skip
CURATOR_PACKAGES = "libcurator-recipes-java libcurator-discovery-java zookeeper"
QUICK_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")
