/* What the recipes are made of: creates, deletes, transactions, ACLs, watches, and connections that are cut. */

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.api.CuratorWatcher;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.data.Stat;

class Framework extends Steps {
    static void all(String connect, String root) {
        perform("creates", Framework::creates);
        perform("deletes", Framework::deletes);
        perform("transactions", Framework::transactions);
        perform("reads", Framework::reads);
        perform("acls", Framework::acls);
        perform("watches", Framework::watches);
        perform("cuts", path -> cuts(connect, root, path));
        perform("config", Framework::config);
    }

    static void creates(String path) throws Exception {
        String name = one.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(path + "/p-");
        say("  protected: " + name.replaceAll("_c_[0-9a-f-]+-", "GUID-"));
        say("  " + one.create().creatingParentContainersIfNeeded().forPath(path + "/box/in/it"));
        say("  " + one.create().orSetData().forPath(path + "/box/in/it", "again".getBytes()));
        say("  container's owner " + one.checkExists().forPath(path + "/box").getEphemeralOwner());
        Stat stat = new Stat();
        one.create().compressed().storingStatIn(stat).forPath(path + "/zip", "aaaaaaaaaaaaaaaaaaa".getBytes());
        say("  " + (stat.getDataLength() > 0) + " " + stat.getVersion() + " "
                + new String(one.getData().decompressed().forPath(path + "/zip")));
        say("  " + one.create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath(path + "/s-"));
        try {
            one.create().forPath(path + "/zip");
        } catch (KeeperException error) {
            say("  " + error.code());
        }
    }

    static void deletes(String path) throws Exception {
        one.create().creatingParentsIfNeeded().forPath(path + "/a/b/c");
        try {
            one.delete().forPath(path + "/a");
        } catch (KeeperException error) {
            say("  " + error.code());
        }
        one.delete().guaranteed().deletingChildrenIfNeeded().forPath(path + "/a");
        one.delete().quietly().forPath(path + "/a");
        say("  " + one.checkExists().forPath(path + "/a"));
    }

    static void transactions(String path) throws Exception {
        List<CuratorTransactionResult> results = one.transaction().forOperations(
                one.transactionOp().create().forPath(path + "/a", "1".getBytes()),
                one.transactionOp().setData().withVersion(0).forPath(path + "/a", "2".getBytes()),
                one.transactionOp().check().withVersion(1).forPath(path + "/a"),
                one.transactionOp().create().withMode(CreateMode.EPHEMERAL).forPath(path + "/b"),
                one.transactionOp().delete().forPath(path + "/b"));
        results.forEach(each -> say("  " + each.getType() + " " + each.getForPath() + " " + each.getError()));
        try {
            one.transaction().forOperations(one.transactionOp().create().forPath(path + "/c"),
                    one.transactionOp().delete().withVersion(7).forPath(path + "/a"));
        } catch (KeeperException error) {
            say("  " + error.code() + " " + error.getResults().size() + " " + one.checkExists().forPath(path + "/c"));
        }
    }

    static void reads(String path) throws Exception {
        one.setData().forPath(path, new byte[0]);
        say("  " + one.getData().forPath(path).length + " " + one.getChildren().forPath(path));
        CountDownLatch done = new CountDownLatch(1);
        one.getData().inBackground((client, event) -> {
            say("  in the background: " + event.getType() + " " + event.getResultCode());
            done.countDown();
        }).forPath(path + "/none");
        done.await(DEADLINE_S, TimeUnit.SECONDS);
        one.sync().forPath(path);
    }

    static void acls(String path) throws Exception {
        one.create().withACL(ZooDefs.Ids.READ_ACL_UNSAFE).forPath(path + "/r");
        try {
            one.setData().forPath(path + "/r");
        } catch (KeeperException error) {
            say("  " + error.code());
        }
        say("  " + one.getACL().forPath(path + "/r"));
    }

    static void watches(String path) throws Exception {
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        one.checkExists().usingWatcher((CuratorWatcher) event -> events
                .add(event.getType() + " " + event.getPath())).forPath(path + "/w");
        two.create().forPath(path + "/w");
        say("  " + events.poll(DEADLINE_S, TimeUnit.SECONDS));
        one.getData().usingWatcher((CuratorWatcher) event -> events
                .add(event.getType() + " " + event.getPath())).forPath(path + "/w");
        one.watches().removeAll().forPath(path + "/w");
        say("  " + events.poll(DEADLINE_S, TimeUnit.SECONDS));
        try {
            one.watches().removeAll().forPath(path + "/w");
        } catch (KeeperException error) {
            say("  " + error.code());
        }
    }

    /* A session, its ephemerals and its watches outlive its connection. */
    static void cuts(String connect, String root, String path) throws Exception {
        CuratorFramework third = client(connect, root);
        BlockingQueue<ConnectionState> states = new LinkedBlockingQueue<>();
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        third.getConnectionStateListenable().addListener((client, state) -> states.add(state));
        third.create().withMode(CreateMode.EPHEMERAL).forPath(path + "/e");
        third.getData().usingWatcher((CuratorWatcher) event -> events
                .add(event.getType() + " " + event.getPath())).forPath(path);
        long session = third.getZookeeperClient().getZooKeeper().getSessionId();
        say("> cut");
        until("suspended, then back", () -> states.contains(ConnectionState.SUSPENDED)
                && states.contains(ConnectionState.RECONNECTED));
        third.setData().forPath(path, "x".getBytes());
        String event = events.poll(DEADLINE_S, TimeUnit.SECONDS);
        while (event != null && event.startsWith("None")) {
            event = events.poll(DEADLINE_S, TimeUnit.SECONDS);
        }
        say("  " + event);
        say("  the same session: " + (third.getZookeeperClient().getZooKeeper().getSessionId() == session)
                + " " + (third.checkExists().forPath(path + "/e").getEphemeralOwner() == session));
        third.close();
    }

    static void config(String path) throws Exception {
        String text = new String(one.getConfig().forEnsemble());
        say("  " + text.replaceAll(";.*", "").replaceAll("\\d+", "N").lines().toList());
    }
}
