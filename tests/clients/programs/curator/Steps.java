/* What all the steps share: two clients, and how they say what they find. */

import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.ZooKeeper;

class Steps {
    static final int DEADLINE_S = 60;
    static CuratorFramework one;
    static CuratorFramework two;
    static final ExecutorService threads = Executors.newCachedThreadPool();

    interface Recipe {
        void run(String path) throws Exception;
    }

    static void say(String what) {
        System.out.println(what);
        System.out.flush();
    }

    static void until(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_S);
        while (!condition.call()) {
            if (System.nanoTime() > deadline) {
                say("  NOT: " + what);
                return;
            }
            Thread.sleep(5);
        }
        say("  " + what);
    }

    static void perform(String name, Recipe recipe) {
        say(name);
        try {
            one.create().creatingParentsIfNeeded().forPath("/" + name);
            recipe.run("/" + name);
        } catch (Throwable error) {
            say("  " + error.getClass().getSimpleName() + ": " + error.getMessage());
        }
    }

    static <T> T taken(Future<T> future) throws Exception {
        return future.get(DEADLINE_S, TimeUnit.SECONDS);
    }

    static CuratorFramework client(String connect, String namespace) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder().connectString(connect).namespace(namespace)
                .sessionTimeoutMs(20000).connectionTimeoutMs(20000).retryPolicy(new RetryNTimes(20, 200)).build();
        client.start();
        client.blockUntilConnected(DEADLINE_S, TimeUnit.SECONDS);
        return client;
    }

    /* The server ends the session: who has its id and password may close it. */
    static void endSession(CuratorFramework client, String connect) throws Exception {
        ZooKeeper mine = client.getZookeeperClient().getZooKeeper();
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper other = new ZooKeeper(connect, 20000, event -> connected.countDown(), mine.getSessionId(),
                mine.getSessionPasswd());
        connected.await(DEADLINE_S, TimeUnit.SECONDS);
        other.close();
    }
}
