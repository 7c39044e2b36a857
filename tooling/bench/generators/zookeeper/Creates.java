/*
 * Creates a range of znodes with a bounded number of creates under way on real client handles: each callback issues the
 * next. Owns which one is next.
 */
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.apache.zookeeper.AsyncCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;

final class Creates implements AsyncCallback.StringCallback {
  /** A million creates take half a minute on a slow disk; ten times that and more is a server that does not answer. */
  private static final int ALL_MS_MAX = 600_000;
  private static final int OK = KeeperException.Code.OK.intValue();
  private static final int THERE = KeeperException.Code.NODEEXISTS.intValue();

  private final Handles handles;
  private final IntFunction<String> name;
  private final byte[] data;
  private final AtomicInteger next;
  private final int to;
  private final boolean mayBeThere;
  private final CountDownLatch left;

  Creates(Handles handles, IntFunction<String> name, byte[] data, int from, int to, boolean mayBeThere) {
    this.handles = handles;
    this.name = name;
    this.data = data;
    this.next = new AtomicInteger(from);
    this.to = to;
    this.mayBeThere = mayBeThere;
    this.left = new CountDownLatch(to - from);
  }

  void run(int inFlight) throws Exception {
    for (int slot = 0; slot < inFlight; slot++) begin(handles.get(slot % handles.count()));
    handles.await(left, ALL_MS_MAX);
  }

  /** Its handle is the context of a create. */
  @Override
  public void processResult(int code, String path, Object context, String created) {
    if (code == OK || (mayBeThere && code == THERE)) {
      begin((ZooKeeper) context);
      left.countDown();
    } else {
      handles.fail(code, path);
    }
  }

  private void begin(ZooKeeper handle) {
    int number = next.getAndIncrement();
    if (number < to)
      handle.create(name.apply(number), data, ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, this, handle);
  }
}
