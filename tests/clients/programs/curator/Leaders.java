/* Who leads, and who does when a session has ended. */

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.state.ConnectionState;

class Leaders extends Steps {
    static void all(String connect, String root) {
        perform("latch", Leaders::latch);
        perform("latch-lost", path -> latchLost(connect, root, path));
        perform("selector", Leaders::selector);
    }

    static void latch(String path) throws Exception {
        LeaderLatch first = new LeaderLatch(one, path, "first");
        LeaderLatch second = new LeaderLatch(two, path, "second", LeaderLatch.CloseMode.NOTIFY_LEADER);
        first.start();
        first.await();
        second.start();
        until("both take part", () -> second.getParticipants().size() == 2);
        say("  leads: " + second.getLeader().getId() + " " + first.hasLeadership() + second.hasLeadership());
        first.close();
        until("second leads", second::hasLeadership);
        say("  leads: " + second.getLeader());
        second.close();
    }

    /* The session of who leads is ended by the server: the other leads, and the first comes back behind it. */
    static void latchLost(String connect, String root, String path) throws Exception {
        CuratorFramework third = client(connect, root);
        BlockingQueue<ConnectionState> states = new LinkedBlockingQueue<>();
        third.getConnectionStateListenable().addListener((client, state) -> states.add(state));
        LeaderLatch first = new LeaderLatch(third, path, "first");
        LeaderLatch second = new LeaderLatch(two, path, "second");
        first.start();
        first.await();
        second.start();
        until("both take part", () -> second.getParticipants().size() == 2);
        endSession(third, connect);
        until("second leads", second::hasLeadership);
        until("first does not", () -> !first.hasLeadership());
        until("lost, then back", () -> states.contains(ConnectionState.LOST)
                && states.contains(ConnectionState.RECONNECTED));
        until("both take part", () -> second.getParticipants().size() == 2);
        say("  leads: " + two.getChildren().forPath(path).size() + " " + second.getLeader().getId());
        first.close();
        second.close();
        third.close();
    }

    static void selector(String path) throws Exception {
        BlockingQueue<String> took = new LinkedBlockingQueue<>();
        AtomicInteger leading = new AtomicInteger();
        List<LeaderSelector> selectors = new ArrayList<>();
        for (CuratorFramework client : List.of(one, two)) {
            LeaderSelector selector = new LeaderSelector(client, path, new LeaderSelectorListenerAdapter() {
                @Override
                public void takeLeadership(CuratorFramework ignored) throws Exception {
                    took.add(leading.incrementAndGet() + " leads");
                    Thread.sleep(20);
                    leading.decrementAndGet();
                }
            });
            selector.autoRequeue();
            selector.setId("s" + selectors.size());
            selectors.add(selector);
            selector.start();
        }
        for (int turn = 0; turn < 6; turn++) {
            say("  " + took.poll(DEADLINE_S, TimeUnit.SECONDS));
        }
        selectors.forEach(LeaderSelector::close);
    }
}
