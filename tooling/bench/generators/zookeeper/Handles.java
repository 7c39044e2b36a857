/*
 * Real client handles, one a connection, and the first failure of whatever is done with them. Owns their opening and
 * closing; never issues an operation.
 */
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooKeeper;

final class Handles implements AutoCloseable, Watcher {
  private static final int SESSION_TIMEOUT_MS = 60_000;
  private static final int OPEN_MS_MAX = 30_000;

  private final ZooKeeper[] handles;
  private final CountDownLatch connected;
  private final CountDownLatch broken = new CountDownLatch(1);
  private volatile String why;
  private volatile boolean closing;

  Handles(InetSocketAddress server, int count) throws Exception {
    handles = new ZooKeeper[count];
    connected = new CountDownLatch(count);
    String address = server.getHostString() + ":" + server.getPort();
    try {
      for (int number = 0; number < count; number++) handles[number] = new ZooKeeper(address, SESSION_TIMEOUT_MS, this);
      if (!connected.await(OPEN_MS_MAX, TimeUnit.MILLISECONDS)) throw new IOException(count + " handles did not connect");
    } catch (Exception failure) {
      close();
      throw failure;
    }
  }

  ZooKeeper get(int number) {
    return handles[number];
  }

  int count() {
    return handles.length;
  }

  @Override
  public void process(WatchedEvent event) {
    if (event.getState() == Event.KeeperState.SyncConnected) connected.countDown();
    // Before the first connection a client may try in vain; afterwards a lost one spoils the measurement.
    else if (!closing && connected.getCount() == 0) fail("a connection broke: " + event.getState());
  }

  /** An operation was refused. */
  void fail(int code, String path) {
    fail(KeeperException.Code.get(code) + " for " + path);
  }

  /** From any thread; the first failure counts. */
  synchronized void fail(String reason) {
    if (why == null) why = reason;
    broken.countDown();
  }

  /** Waits so long; throws at once if something failed. */
  void sleep(long millis) throws IOException, InterruptedException {
    if (broken.await(millis, TimeUnit.MILLISECONDS)) throw new IOException(why);
  }

  /** Waits until it counted to zero; throws if something failed meanwhile, or the time is over. */
  void await(CountDownLatch latch, long millisMax) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millisMax);
    while (!latch.await(20, TimeUnit.MILLISECONDS)) {
      sleep(0);
      if (System.nanoTime() > deadline) throw new IOException("operations did not end within " + millisMax + " ms");
    }
    sleep(0);
  }

  @Override
  public void close() {
    closing = true;
    try {
      for (ZooKeeper handle : handles) if (handle != null) handle.close();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
