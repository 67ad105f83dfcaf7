"""Every key of ZooKeeper 3.9's zoo.cfg, and every system property that can be set there, is known by its name."""

import pytest

from node.config.table import find_key

# QuorumPeerConfig.
ZOO_CFG = """
dataDir dataLogDir clientPort clientPortAddress secureClientPort secureClientPortAddress observerMasterPort
clientPortListenBacklog tickTime maxClientCnxns minSessionTimeout maxSessionTimeout initLimit syncLimit
connectToLearnerMasterLimit electionAlg quorumListenOnAllIPs peerType syncEnabled dynamicConfigFile
autopurge.snapRetainCount autopurge.purgeInterval standaloneEnabled reconfigEnabled sslQuorum portUnification
sslQuorumReloadCertFiles localSessionsEnabled localSessionsUpgradingEnabled server.1 group.1 weight.1
quorum.auth.enableSasl quorum.auth.serverRequireSasl quorum.auth.learnerRequireSasl
quorum.auth.learner.saslLoginContext quorum.auth.server.saslLoginContext quorum.auth.kerberos.servicePrincipal
quorum.cnxn.threads.size jvm.pause.monitor jvm.pause.info-threshold.ms jvm.pause.warn-threshold.ms
jvm.pause.sleep.time.ms metricsProvider.className metricsProvider.httpHost metricsProvider.httpPort
metricsProvider.exportJvmInfo metricsProvider.numWorkerThreads metricsProvider.maxQueueSize multiAddress.enabled
multiAddress.reachabilityCheckEnabled multiAddress.reachabilityCheckTimeoutMs oraclePath
"""
# The administrator's guide, without `zookeeper.`.
PROPERTIES = """
snapCount snapSizeLimitInKb txnLogSizeLimitInKb preAllocSize forceSync fsync.warningthresholdms
snapshot.compression.method snapshot.trust.empty serializeLastProcessedZxid.enabled commitLogCount snapshotSizeFactor
digest.enabled db.autocreate datadir.autocreate closeSessionTxn.enabled flushDelay maxWriteQueuePollTime maxBatchSize
commitProcessor.numWorkerThreads commitProcessor.maxReadBatchSize commitProcessor.maxCommitBatchSize
globalOutstandingLimit maxCnxns jute.maxbuffer jute.maxbuffer.extrasize largeRequestMaxBytes largeRequestThreshold
request_throttle_max_requests request_throttle_stall_time request_throttle_drop_stale request_stale_latency_check
request_stale_connection_check throttled_op_wait_time request_throttler.shutdownTimeout connection_throttle_tokens
connection_throttle_fill_time connection_throttle_fill_count connection_throttle_freeze_time
connection_throttle_drop_increase connection_throttle_drop_decrease connection_throttle_decrease_ratio
connection_throttle_weight_enabled connection_throttle_global_session_weight connection_throttle_renew_session_weight
connection_throttle_local_session_weight enforceQuota enableEagerACLCheck clientTcpKeepAlive tcpKeepAlive
maxResponseCacheSize maxGetChildrenResponseCacheSize watchManagerName watcherCleanThreadsNum watcherCleanThreshold
watcherCleanIntervalInSeconds pathStats.enabled pathStats.slotCapacity leaderServes
fastleader.minNotificationInterval fastleader.maxNotificationInterval cnxTimeout quorumCnxnTimeoutMs
electionPortBindRetry leader.maxTimeToWaitForEpoch leader.maxConcurrentSnapSyncs leader.maxConcurrentDiffSyncs
observer.reconnectDelayMs observer.election.DelayMs learner.asyncSending learner.closeSocketAsync
leader.closeSocketAsync skipLearnerRequestToNextProcessor forceSnapshotSync extendedTypesEnabled emulate353TTLNodes
znode.container.checkIntervalMs znode.container.maxPerMinute znode.container.maxNeverUsedIntervalMs
readonlymode.enabled serverCnxnFactory client.portUnification nio.numSelectorThreads nio.numWorkerThreads
nio.sessionlessCnxnTimeout netty.advancedFlowControl.enabled maxInProcessingDeadWatchers messageTracker.Enabled
messageTracker.BufferSize 4lw.commands.whitelist skipACL audit.enable audit.impl.class
DigestAuthenticationProvider.enabled
DigestAuthenticationProvider.superDigest DigestAuthenticationProvider.digestAlg X509AuthenticationProvider.superUser
IPAuthenticationProvider.usexforwardedfor ensembleAuthName superUser superUser.2 letAnySaslUserDoX
allowSaslFailedClients sessionRequireClientSASLAuth enforce.auth.enabled enforce.auth.schemes authProvider.1
kerberos.removeHostFromPrincipal kerberos.removeRealmFromPrincipal kerberos.canonicalizeHostNames
security.auth_to_local sasl.serverconfig ssl.keyStore.location ssl.keyStore.password ssl.keyStore.passwordPath
ssl.keyStore.type ssl.trustStore.location ssl.trustStore.password ssl.trustStore.passwordPath ssl.trustStore.type
ssl.protocol ssl.enabledProtocols ssl.ciphersuites ssl.context.supplier.class ssl.hostnameVerification
ssl.clientHostnameVerification ssl.allowReverseDnsLookup ssl.crl ssl.ocsp ssl.clientAuth
ssl.handshakeDetectionTimeoutMillis ssl.sslProvider ssl.quorum.keyStore.location ssl.quorum.clientAuth ssl.authProvider
client.certReload fips-mode admin.enableServer admin.serverAddress admin.serverPort admin.idleTimeout admin.commandURL
admin.portUnification admin.forceHttps admin.needClientAuth admin.httpVersion admin.rateLimiterIntervalInMS
admin.snapshot.enabled admin.restore.enabled
"""


@pytest.mark.parametrize("names", [ZOO_CFG, PROPERTIES], ids=["zoo.cfg", "properties"])
def test_each_is_a_row_of_the_table(names: str) -> None:
    assert [name for name in names.split() if find_key(name) is None] == []
