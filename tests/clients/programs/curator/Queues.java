/* Queues. */

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.queue.DistributedDelayQueue;
import org.apache.curator.framework.recipes.queue.DistributedIdQueue;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.state.ConnectionState;

class Queues extends Steps {
    static final QueueSerializer<String> TEXT = new QueueSerializer<>() {
        @Override
        public byte[] serialize(String item) {
            return item.getBytes();
        }

        @Override
        public String deserialize(byte[] bytes) {
            return new String(bytes);
        }
    };

    static QueueConsumer<String> into(BlockingQueue<String> got) {
        return new QueueConsumer<>() {
            @Override
            public void consumeMessage(String message) {
                got.add(message);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {
            }
        };
    }

    static void all() {
        perform("queue", Queues::queue);
        perform("id-queue", Queues::idQueue);
        perform("priority-queue", Queues::priorityQueue);
        perform("delay-queue", Queues::delayQueue);
        perform("simple-queue", Queues::simpleQueue);
    }

    static void print(BlockingQueue<String> got, int count) throws Exception {
        List<String> items = new ArrayList<>();
        for (int item = 0; item < count; item++) {
            items.add(got.poll(DEADLINE_S, TimeUnit.SECONDS));
        }
        say("  " + items);
    }

    static void queue(String path) throws Exception {
        BlockingQueue<String> got = new LinkedBlockingQueue<>();
        try (DistributedQueue<String> queue = QueueBuilder.builder(one, into(got), TEXT, path).lockPath(path + "-l")
                .buildQueue()) {
            queue.start();
            for (int item = 0; item < 5; item++) {
                queue.put("item " + item);
            }
            print(got, 5);
        }
    }

    static void idQueue(String path) throws Exception {
        try (DistributedIdQueue<String> queue = QueueBuilder.builder(one, null, TEXT, path).buildIdQueue()) {
            queue.start();
            queue.put("item", "id");
            until("put", () -> one.getChildren().forPath(path).size() == 1);
            say("  removed: " + queue.remove("id") + " " + queue.remove("id"));
        }
    }

    static void priorityQueue(String path) throws Exception {
        BlockingQueue<String> got = new LinkedBlockingQueue<>();
        DistributedPriorityQueue<String> writer = QueueBuilder.builder(one, null, TEXT, path)
                .buildPriorityQueue(0);
        writer.start();
        for (int priority : new int[] {5, 1, 3}) {
            writer.put("p" + priority, priority);
        }
        until("put", () -> one.getChildren().forPath(path).size() == 3);
        try (DistributedPriorityQueue<String> queue = QueueBuilder.builder(two, into(got), TEXT, path)
                .buildPriorityQueue(0)) {
            queue.start();
            print(got, 3);
        }
        writer.close();
    }

    static void delayQueue(String path) throws Exception {
        BlockingQueue<String> got = new LinkedBlockingQueue<>();
        try (DistributedDelayQueue<String> queue = QueueBuilder.builder(one, into(got), TEXT, path)
                .buildDelayQueue()) {
            queue.start();
            long due = System.currentTimeMillis() + 400;
            queue.put("later", due);
            say("  " + got.poll(DEADLINE_S, TimeUnit.SECONDS) + ", not early: " + (System.currentTimeMillis() >= due));
        }
    }

    static void simpleQueue(String path) throws Exception {
        SimpleDistributedQueue first = new SimpleDistributedQueue(one, path);
        SimpleDistributedQueue second = new SimpleDistributedQueue(two, path);
        say("  " + first.poll());
        Future<byte[]> waiting = threads.submit(() -> second.poll(DEADLINE_S, TimeUnit.SECONDS));
        first.offer("a".getBytes());
        say("  " + new String(taken(waiting)));
        first.offer("b".getBytes());
        say("  " + new String(first.peek()) + " " + new String(second.take()));
    }
}
