/* Caches and watchers: what they have heard, and what they hold in the end. */

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;

class Caches extends Steps {
    static void all() {
        perform("curator-cache", Caches::curatorCache);
        perform("node-cache", Caches::nodeCache);
        perform("children-cache", Caches::childrenCache);
        perform("tree-cache", Caches::treeCache);
        perform("persistent-watcher", Caches::persistentWatcher);
    }

    static void change(String path) throws Exception {
        two.create().forPath(path + "/a", "1".getBytes());
        two.create().forPath(path + "/a/b", "2".getBytes());
        two.setData().forPath(path + "/a", "3".getBytes());
        two.delete().forPath(path + "/a/b");
        two.create().forPath(path + "/end");
    }

    /* The lines that were heard up to the end, by kind: of each node in their order. */
    static void heard(BlockingQueue<String> events, String last) throws Exception {
        Map<String, List<String>> byNode = new TreeMap<>();
        while (true) {
            String event = events.poll(DEADLINE_S, TimeUnit.SECONDS);
            if (event == null) {
                say("  NOT: " + last);
                break;
            }
            String[] parts = event.split(" ", 2);
            byNode.computeIfAbsent(parts[0], ignored -> new ArrayList<>()).add(parts[1]);
            if (event.equals(last)) {
                break;
            }
        }
        byNode.forEach((node, told) -> say("  " + node + ": " + told));
    }

    static void curatorCache(String path) throws Exception {
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        try (CuratorCache cache = CuratorCache.build(one, path)) {
            CountDownLatch ready = new CountDownLatch(1);
            cache.listenable().addListener(CuratorCacheListener.builder().forInitialized(ready::countDown).build());
            cache.start();
            say("  ready: " + ready.await(DEADLINE_S, TimeUnit.SECONDS));
            cache.listenable().addListener((type, old, now) -> events
                    .add(type + " " + (now == null ? old : now).getPath()));
            change(path);
            until("holds what is there", () -> cache.size() == 3 && cache.get(path + "/a").isPresent()
                    && new String(cache.get(path + "/a").get().getData()).equals("3"));
            until("has told of it", () -> events.contains("NODE_CREATED " + path + "/end"));
            say("> cut");
            two.setData().forPath(path + "/a", "4".getBytes());
            until("hears of it after a cut", () -> new String(cache.get(path + "/a").get().getData()).equals("4"));
        }
    }

    @SuppressWarnings("deprecation")
    static void nodeCache(String path) throws Exception {
        try (NodeCache cache = new NodeCache(one, path + "/a")) {
            cache.start(true);
            say("  " + cache.getCurrentData());
            change(path);
            until("has the data", () -> cache.getCurrentData() != null
                    && new String(cache.getCurrentData().getData()).equals("3"));
            two.delete().forPath(path + "/a");
            until("is gone", () -> cache.getCurrentData() == null);
        }
    }

    @SuppressWarnings("deprecation")
    static void childrenCache(String path) throws Exception {
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        try (PathChildrenCache cache = new PathChildrenCache(one, path, true)) {
            cache.getListenable().addListener((client, event) -> {
                if (event.getData() != null) {
                    events.add(event.getData().getPath() + " " + event.getType());
                }
            });
            cache.start(PathChildrenCache.StartMode.BUILD_INITIAL_CACHE);
            two.create().forPath(path + "/a");
            say("  " + events.poll(DEADLINE_S, TimeUnit.SECONDS));
            two.setData().forPath(path + "/a", "1".getBytes());
            say("  " + events.poll(DEADLINE_S, TimeUnit.SECONDS));
            two.delete().forPath(path + "/a");
            say("  " + events.poll(DEADLINE_S, TimeUnit.SECONDS));
        }
    }

    @SuppressWarnings("deprecation")
    static void treeCache(String path) throws Exception {
        try (TreeCache cache = new TreeCache(one, path)) {
            cache.start();
            change(path);
            until("has it all", () -> cache.getCurrentChildren(path) != null
                    && cache.getCurrentChildren(path).keySet().equals(new TreeSet<>(List.of("a", "end")))
                    && new String(cache.getCurrentData(path + "/a").getData()).equals("3"));
            until("and no more", () -> cache.getCurrentChildren(path + "/a").isEmpty());
        }
    }

    static void persistentWatcher(String path) throws Exception {
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        CountDownLatch set = new CountDownLatch(1);
        try (PersistentWatcher watcher = new PersistentWatcher(one, path, true)) {
            watcher.getListenable().addListener(event -> {
                if (event.getPath() != null) {
                    events.add(event.getPath() + " " + event.getType());
                }
            });
            watcher.getResetListenable().addListener(set::countDown);
            watcher.start();
            say("  set: " + set.await(DEADLINE_S, TimeUnit.SECONDS));
            change(path);
            heard(events, path + "/end NodeCreated");
        }
    }
}
