// A worker: registered for as long as it lives, it follows its configuration until that says "stop". With Curator.
//
//     jbang examples/java/Worker.java 127.0.0.1:2181 /demo
//
// or, with Debian's packages (apt install libcurator-recipes-java zookeeper libslf4j-java default-jdk-headless):
//
//     java -cp '/usr/share/java/*' examples/java/Worker.java 127.0.0.1:2181 /demo
//
//JAVA 17+
//DEPS org.apache.curator:curator-recipes:5.7.1
//DEPS org.slf4j:slf4j-nop:1.7.36

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.InetAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.CreateMode;

public class Worker {
    // Longer than any pause of your own; others wait so long until they know that you are dead.
    private static final int SESSION_MS = 10_000;
    private static final int CONNECT_MS = 10_000;

    public static void main(String[] args) throws Exception {
        String hosts = args.length > 0 ? args[0] : "127.0.0.1:2181";
        String root = args.length > 1 ? args[1] : "/demo";
        byte[] host = InetAddress.getLocalHost().getHostName().getBytes(UTF_8);
        CountDownLatch stopped = new CountDownLatch(1);

        try (CuratorFramework client = CuratorFrameworkFactory.newClient(
                hosts, SESSION_MS, CONNECT_MS, new ExponentialBackoffRetry(1000, 5))) {
            client.start();
            // Made again by itself when a session was lost: this worker never has to start again.
            try (PersistentNode registration = new PersistentNode(
                        client, CreateMode.EPHEMERAL_SEQUENTIAL, false, root + "/workers/worker-", host);
                    CuratorCache config = CuratorCache.build(
                        client, root + "/config", CuratorCache.Options.SINGLE_NODE_CACHE)) {
                registration.start();
                if (!registration.waitForInitialCreate(30, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("not registered within 30 s: does " + hosts + " serve?");
                }
                System.out.println("registered " + registration.getActualPath());

                config.listenable().addListener(CuratorCacheListener.builder()
                    .forCreates(data -> configured(data, stopped))
                    .forChanges((before, data) -> configured(data, stopped))
                    .forDeletes(data -> System.out.println("config: (none)"))
                    .build());
                config.start();
                stopped.await();
            }
        }
    }

    private static void configured(ChildData data, CountDownLatch stopped) {
        String value = new String(data.getData(), UTF_8);
        System.out.println("config: " + value);
        if (value.equals("stop")) {
            stopped.countDown();
        }
    }
}
