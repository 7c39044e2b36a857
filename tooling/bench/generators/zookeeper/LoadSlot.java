/*
 * One operation in flight, over and over: the callback that ends one issues the next, on the client's own event thread,
 * so that no other thread has to be woken. Owns what each workload does; never says when to begin or to stop.
 */
import java.util.ArrayList;
import java.util.List;
import org.apache.zookeeper.AsyncCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

final class LoadSlot
    implements AsyncCallback.DataCallback,
        AsyncCallback.StatCallback,
        AsyncCallback.StringCallback,
        AsyncCallback.VoidCallback,
        AsyncCallback.MultiCallback {
  static final int SETS_PER_MULTI = 10;
  private static final int OPERATIONS_PER_SET = 10;
  private static final int OK = KeeperException.Code.OK.intValue();
  private static final int ANY_VERSION = -1;

  private enum Workload { GET, SET, MIX, EPHEMERAL, MULTI }

  private final LoadJob job;
  private final ZooKeeper handle;
  private final Latencies latencies;
  private final Workload workload;
  private final String[] paths;
  private final String ephemeral;
  /** Of the next transaction. */
  private final List<Op> sets = new ArrayList<>(SETS_PER_MULTI);
  private long random;
  private int turn;
  private long startedAt;

  LoadSlot(LoadJob job, ZooKeeper handle, Latencies latencies, int number) {
    this.job = job;
    this.handle = handle;
    this.latencies = latencies;
    workload = Workload.valueOf(job.workload.toUpperCase(java.util.Locale.ROOT));
    paths = job.paths;
    ephemeral = Tree.TOP + "/e" + number;
    random = 0x9E3779B97F4A7C15L * (number + 1);
    // Slots begin at different turns, so that a mix is a mix at every moment.
    turn = number % OPERATIONS_PER_SET;
  }

  static Op setOf(String path) {
    return Op.setData(path, Tree.VALUE, ANY_VERSION);
  }

  void begin() {
    startedAt = System.nanoTime();
    switch (workload) {
      case GET -> get();
      case SET -> set();
      case MIX -> {
        turn = turn == OPERATIONS_PER_SET - 1 ? 0 : turn + 1;
        if (turn == 0) set();
        else get();
      }
      case EPHEMERAL ->
          handle.create(ephemeral, Tree.VALUE, ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL,
              (AsyncCallback.StringCallback) this, null);
      case MULTI -> {
        drawSets();
        handle.multi(sets, this, null);
      }
    }
  }

  @Override
  public void processResult(int code, String path, Object context, byte[] data, Stat stat) {
    if (code == OK && data.length != Tree.VALUE_BYTES) job.handles.fail(path + " has " + data.length + " bytes");
    ended(code, path);
  }

  @Override
  public void processResult(int code, String path, Object context, Stat stat) {
    ended(code, path);
  }

  /** The ephemeral znode is there: the second half of the operation. */
  @Override
  public void processResult(int code, String path, Object context, String name) {
    if (code != OK) ended(code, path);
    else handle.delete(path, ANY_VERSION, this, null);
  }

  @Override
  public void processResult(int code, String path, Object context) {
    ended(code, path);
  }

  @Override
  public void processResult(int code, String path, Object context, List<OpResult> results) {
    ended(code, "a transaction");
  }

  private void ended(int code, String path) {
    if (code == OK) {
      if (job.measuring) latencies.add(System.nanoTime() - startedAt);
      if (!job.stopped) {
        begin();
        return;
      }
    } else if (!job.stopped) {
      job.handles.fail(code, path);
    }
    job.running.countDown();
  }

  private void get() {
    handle.getData(draw(), false, this, null);
  }

  private void set() {
    handle.setData(draw(), Tree.VALUE, ANY_VERSION, this, null);
  }

  private String draw() {
    return paths.length == 1 ? paths[0] : paths[drawBelow(paths.length)];
  }

  /** Ten different keys, evenly apart from a first one that is drawn. */
  private void drawSets() {
    int apart = Math.max(1, paths.length / SETS_PER_MULTI);
    int first = drawBelow(paths.length);
    sets.clear();
    for (int number = 0; number < SETS_PER_MULTI; number++)
      sets.add(job.sets[(first + number * apart) % paths.length]);
  }

  /** xorshift, a state for each slot: threads share nothing. */
  private int drawBelow(int bound) {
    random ^= random << 13;
    random ^= random >>> 7;
    random ^= random << 17;
    return (int) (((random >>> 33) * bound) >>> 31);
  }
}
