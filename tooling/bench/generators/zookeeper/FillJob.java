/*
 * Makes the keys of a range, and their parents before them, with a bounded number of creates under way on real client
 * handles. Owns which one is next.
 */
import java.net.InetSocketAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.apache.zookeeper.AsyncCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;

final class FillJob {
  /** A million creates take half a minute on a slow disk; ten times that is a server that does not answer. */
  private static final int FILL_MS_MAX = 600_000;
  private static final int OK = KeeperException.Code.OK.intValue();
  private static final int THERE = KeeperException.Code.NODEEXISTS.intValue();
  private static final byte[] NO_DATA = {};

  private FillJob() {}

  static void run(JobLine job, InetSocketAddress server) throws Exception {
    int from = job.number("from");
    int to = job.number("to");
    int inFlight = job.number("inFlight");
    if (to <= from) throw new IllegalArgumentException("a fill of nothing: " + from + " to " + to);
    try (Handles handles = new Handles(server, Math.min(job.number("connections"), inFlight))) {
      long begun = System.nanoTime();
      Marks.begin();
      Tree.makeIfMissing(handles.get(0), Tree.TOP, Tree.VALUE);
      // The first parent may be there: an earlier fill ended among its children.
      int firstParent = from / Tree.CHILDREN_PER_PARENT;
      int lastParent = (to - 1) / Tree.CHILDREN_PER_PARENT;
      new Creates(handles, Tree::parent, NO_DATA, firstParent, lastParent + 1, true).run(inFlight);
      new Creates(handles, Tree::key, Tree.VALUE, from, to, false).run(inFlight);
      Marks.end(to - from, (System.nanoTime() - begun) / 1e9);
    }
  }

  /** The creates of one range of names: each callback issues the next. */
  private static final class Creates implements AsyncCallback.StringCallback {
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
      handles.await(left, FILL_MS_MAX);
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
}
