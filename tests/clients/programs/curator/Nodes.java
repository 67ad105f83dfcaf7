/* Nodes that their owner keeps alive, groups, and service discovery. */

import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.ServiceProvider;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.data.Stat;

class Nodes extends Steps {
    static void all() {
        perform("persistent-node", Nodes::persistentNode);
        perform("ttl-node", Nodes::ttlNode);
        perform("group", Nodes::group);
        perform("discovery", Nodes::discovery);
    }

    static void persistentNode(String path) throws Exception {
        try (PersistentNode node = new PersistentNode(one, CreateMode.EPHEMERAL, false, path + "/n",
                "x".getBytes())) {
            node.start();
            say("  made: " + node.waitForInitialCreate(DEADLINE_S, TimeUnit.SECONDS));
            long first = two.checkExists().forPath(path + "/n").getCzxid();
            two.delete().forPath(path + "/n");
            until("made again", () -> {
                Stat stat = two.checkExists().forPath(path + "/n");
                return stat != null && stat.getCzxid() > first;
            });
            node.setData("y".getBytes());
            until("set", () -> new String(two.getData().forPath(path + "/n")).equals("y"));
        }
        until("gone with its owner", () -> two.checkExists().forPath(path + "/n") == null);
    }

    static void ttlNode(String path) throws Exception {
        try (PersistentTtlNode node = new PersistentTtlNode(one, path + "/n", 2000, "x".getBytes())) {
            node.start();
            say("  made: " + node.waitForInitialCreate(DEADLINE_S, TimeUnit.SECONDS));
            until("touched", () -> two.checkExists().forPath(path + "/n/touch") != null);
            say("  owner " + two.checkExists().forPath(path + "/n").getEphemeralOwner());
        }
    }

    static void group(String path) throws Exception {
        try (GroupMember first = new GroupMember(one, path, "first", "1".getBytes());
                GroupMember second = new GroupMember(two, path, "second", "2".getBytes())) {
            first.start();
            second.start();
            until("first and second", () -> second.getCurrentMembers().keySet()
                    .equals(new TreeSet<>(List.of("first", "second"))));
            first.close();
            until("second alone", () -> second.getCurrentMembers().keySet().equals(new TreeSet<>(
                    List.of("second"))));
        }
    }

    static void discovery(String path) throws Exception {
        ServiceInstance<Void> here = ServiceInstance.<Void>builder().name("web").id("i1").address("a").port(80)
                .registrationTimeUTC(0).build();
        try (ServiceDiscovery<Void> first = ServiceDiscoveryBuilder.builder(Void.class).client(one).basePath(path)
                        .thisInstance(here).build();
                ServiceDiscovery<Void> second = ServiceDiscoveryBuilder.builder(Void.class).client(two)
                        .basePath(path).build();
                ServiceProvider<Void> provider = second.serviceProviderBuilder().serviceName("web").build();
                ServiceCache<Void> cache = second.serviceCacheBuilder().name("web").build()) {
            first.start();
            second.start();
            cache.start();
            provider.start();
            say("  " + second.queryForNames() + " " + second.queryForInstance("web", "i1").getPort());
            until("cached", () -> cache.getInstances().size() == 1);
            until("provided", () -> provider.getInstance() != null);
            first.unregisterService(here);
            until("gone", () -> cache.getInstances().isEmpty());
        }
    }
}
