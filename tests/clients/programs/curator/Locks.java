/* Locks, semaphores and barriers. */

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Revoker;

class Locks extends Steps {
    static void all() {
        perform("mutex", Locks::mutex);
        perform("revocable", Locks::revocable);
        perform("semaphore-mutex", Locks::semaphoreMutex);
        perform("read-write", Locks::readWrite);
        perform("semaphore", Locks::semaphore);
        perform("multi-lock", Locks::multiLock);
        perform("barrier", Locks::barrier);
        perform("double-barrier", Locks::doubleBarrier);
    }

    static void mutex(String path) throws Exception {
        InterProcessMutex first = new InterProcessMutex(one, path);
        InterProcessMutex second = new InterProcessMutex(two, path);
        first.acquire();
        first.acquire();
        say("  re-entered, nodes: " + first.getParticipantNodes().size());
        say("  second at once: " + second.acquire(300, TimeUnit.MILLISECONDS));
        first.release();
        Future<Boolean> waiting = threads.submit(() -> {
            second.acquire();
            boolean held = second.isOwnedByCurrentThread();
            second.release();
            return held;
        });
        until("two wait", () -> one.getChildren().forPath(path).size() == 2);
        first.release();
        say("  second then: " + taken(waiting));
        say("  left: " + one.getChildren().forPath(path).size());
    }

    static void revocable(String path) throws Exception {
        InterProcessMutex mutex = new InterProcessMutex(one, path);
        CountDownLatch asked = new CountDownLatch(1);
        mutex.makeRevocable(ignored -> asked.countDown());
        mutex.acquire();
        Revoker.attemptRevoke(two, mutex.getParticipantNodes().iterator().next());
        say("  asked: " + asked.await(DEADLINE_S, TimeUnit.SECONDS));
        mutex.release();
    }

    static void semaphoreMutex(String path) throws Exception {
        InterProcessSemaphoreMutex first = new InterProcessSemaphoreMutex(one, path);
        InterProcessSemaphoreMutex second = new InterProcessSemaphoreMutex(two, path);
        first.acquire();
        say("  again: " + first.acquire(200, TimeUnit.MILLISECONDS));
        first.release();
        say("  second: " + second.acquire(DEADLINE_S, TimeUnit.SECONDS));
        second.release();
    }

    static void readWrite(String path) throws Exception {
        InterProcessReadWriteLock first = new InterProcessReadWriteLock(one, path);
        InterProcessReadWriteLock second = new InterProcessReadWriteLock(two, path);
        first.readLock().acquire();
        say("  two readers: " + second.readLock().acquire(DEADLINE_S, TimeUnit.SECONDS));
        second.readLock().release();
        say("  a writer among them: " + second.writeLock().acquire(300, TimeUnit.MILLISECONDS));
        first.readLock().release();
        say("  a writer alone: " + second.writeLock().acquire(DEADLINE_S, TimeUnit.SECONDS));
        say("  who writes may read: " + second.readLock().acquire(DEADLINE_S, TimeUnit.SECONDS));
        say("  a reader beside: " + first.readLock().acquire(300, TimeUnit.MILLISECONDS));
        second.writeLock().release();
        say("  a reader behind: " + first.readLock().acquire(DEADLINE_S, TimeUnit.SECONDS));
    }

    static void semaphore(String path) throws Exception {
        InterProcessSemaphoreV2 first = new InterProcessSemaphoreV2(one, path, 3);
        InterProcessSemaphoreV2 second = new InterProcessSemaphoreV2(two, path, 3);
        Collection<Lease> leases = first.acquire(2);
        Lease third = second.acquire();
        say("  a fourth: " + (second.acquire(300, TimeUnit.MILLISECONDS) != null));
        say("  nodes: " + second.getParticipantNodes().size());
        first.returnAll(leases);
        say("  then: " + (second.acquire(DEADLINE_S, TimeUnit.SECONDS) != null));
        second.returnLease(third);
    }

    static void multiLock(String path) throws Exception {
        InterProcessMultiLock both = new InterProcessMultiLock(one, List.of(path + "/a", path + "/b"));
        InterProcessMutex part = new InterProcessMutex(two, path + "/b");
        part.acquire();
        say("  while one is taken: " + both.acquire(300, TimeUnit.MILLISECONDS));
        part.release();
        say("  then: " + both.acquire(DEADLINE_S, TimeUnit.SECONDS));
        both.release();
    }

    static void barrier(String path) throws Exception {
        DistributedBarrier first = new DistributedBarrier(one, path + "/at");
        DistributedBarrier second = new DistributedBarrier(two, path + "/at");
        first.setBarrier();
        say("  through: " + second.waitOnBarrier(300, TimeUnit.MILLISECONDS));
        Future<Boolean> waiting = threads.submit(() -> second.waitOnBarrier(DEADLINE_S, TimeUnit.SECONDS));
        first.removeBarrier();
        say("  then: " + taken(waiting));
    }

    static void doubleBarrier(String path) throws Exception {
        AtomicInteger inside = new AtomicInteger();
        List<Future<Boolean>> all = new ArrayList<>();
        List<Thread> entering = new CopyOnWriteArrayList<>();
        for (CuratorFramework client : List.of(one, two, one)) {
            // Who is between its node and its wait when the last one comes may count too few, and waits for good: the
            // last one comes once the others wait.
            until("those before wait", () -> entering.size() == all.size()
                && entering.stream().allMatch(each -> each.getState() == Thread.State.TIMED_WAITING));
            all.add(threads.submit(() -> {
                entering.add(Thread.currentThread());
                DistributedDoubleBarrier barrier = new DistributedDoubleBarrier(client, path + "/at", 3);
                boolean entered = barrier.enter(DEADLINE_S, TimeUnit.SECONDS);
                inside.incrementAndGet();
                return entered && barrier.leave(DEADLINE_S, TimeUnit.SECONDS) && inside.get() == 3;
            }));
        }
        for (Future<Boolean> each : all) {
            say("  in and out together: " + taken(each));
        }
    }
}
