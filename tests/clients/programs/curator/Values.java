/* Counters and values that are shared. */

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.CachedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicValue;
import org.apache.curator.framework.recipes.atomic.PromotedToLock;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedValue;
import org.apache.curator.retry.RetryNTimes;

class Values extends Steps {
    static void all() {
        perform("shared-count", Values::sharedCount);
        perform("shared-value", Values::sharedValue);
        perform("atomic-long", Values::atomicLong);
        perform("atomic-integer", Values::atomicInteger);
        perform("atomic-value", Values::atomicValue);
        perform("promoted", Values::promoted);
    }

    static void sharedCount(String path) throws Exception {
        try (SharedCount first = new SharedCount(one, path + "/n", 5);
                SharedCount second = new SharedCount(two, path + "/n", 7)) {
            first.start();
            second.start();
            say("  starts at " + first.getCount() + " " + second.getCount());
            first.setCount(12);
            until("second hears of 12", () -> second.getCount() == 12);
            say("  set: " + second.trySetCount(second.getVersionedValue(), 13));
            until("first hears of 13", () -> first.getCount() == 13);
        }
    }

    static void sharedValue(String path) throws Exception {
        try (SharedValue first = new SharedValue(one, path + "/v", "seed".getBytes());
                SharedValue second = new SharedValue(two, path + "/v", "other".getBytes())) {
            first.start();
            second.start();
            say("  " + new String(second.getValue()) + " version " + second.getVersionedValue().getVersion());
            second.setValue("new".getBytes());
            until("first hears of it", () -> new String(first.getValue()).equals("new"));
            say("  version " + first.getVersionedValue().getVersion());
        }
    }

    static void atomicLong(String path) throws Exception {
        List<Future<Boolean>> all = new ArrayList<>();
        for (CuratorFramework client : List.of(one, two)) {
            DistributedAtomicLong number = new DistributedAtomicLong(client, path + "/n",
                    new RetryNTimes(1000, 1));
            all.add(threads.submit(() -> {
                boolean done = true;
                for (int turn = 0; turn < 20; turn++) {
                    done &= number.increment().succeeded();
                }
                return done;
            }));
        }
        say("  " + taken(all.get(0)) + " " + taken(all.get(1)));
        DistributedAtomicLong number = new DistributedAtomicLong(one, path + "/n", new RetryNTimes(10, 10));
        AtomicValue<Long> value = number.subtract(2L);
        say("  " + value.preValue() + " " + value.postValue() + " " + number.compareAndSet(1L, 2L).succeeded());
        CachedAtomicLong cached = new CachedAtomicLong(number, 10);
        say("  next: " + cached.next().postValue() + " " + cached.next().postValue() + " of "
                + number.get().postValue());
    }

    static void atomicInteger(String path) throws Exception {
        DistributedAtomicInteger number = new DistributedAtomicInteger(one, path + "/n", new RetryNTimes(10, 10));
        say("  " + number.initialize(3) + " " + number.initialize(4) + " " + number.add(2).postValue());
        number.forceSet(9);
        say("  " + number.decrement().postValue());
    }

    static void atomicValue(String path) throws Exception {
        DistributedAtomicValue value = new DistributedAtomicValue(one, path + "/v", new RetryNTimes(10, 10));
        say("  " + value.trySet("a".getBytes()).succeeded() + " "
                + value.compareAndSet("b".getBytes(), "c".getBytes()).succeeded() + " "
                + new String(value.get().postValue()));
    }

    static void promoted(String path) throws Exception {
        PromotedToLock lock = PromotedToLock.builder().lockPath(path + "/lock").retryPolicy(new RetryNTimes(3, 5))
                .timeout(DEADLINE_S, TimeUnit.SECONDS).build();
        DistributedAtomicLong number = new DistributedAtomicLong(two, path + "/n", new RetryNTimes(0, 0), lock);
        say("  " + number.increment().postValue());
    }
}
