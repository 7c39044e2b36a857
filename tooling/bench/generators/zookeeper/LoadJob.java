/*
 * A closed loop of real client handles for a time: owns the phases of warming up, measuring and running dry, and the sum.
 * What each operation is belongs to LoadSlot.
 */
import java.net.InetSocketAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.ZooKeeper;

final class LoadJob {
  private static final int DRAIN_MS_MAX = 60_000;

  final Handles handles;
  final String workload;
  /** Paths to draw from. */
  final String[] paths;
  /** The set of each path, for transactions; empty for other workloads. */
  final Op[] sets;
  final CountDownLatch running;
  /** Operations that end now are measured. */
  volatile boolean measuring;
  /** No operation is begun any more. */
  volatile boolean stopped;

  private LoadJob(JobLine job, Handles handles) throws Exception {
    this.handles = handles;
    workload = job.text("workload");
    running = new CountDownLatch(handles.count() * job.number("inFlight"));
    int keys = job.number("keys");
    paths = keys == 0 ? withoutKeys() : Tree.keys(keys);
    sets = new Op[workload.equals("multi") ? paths.length : 0];
    for (int path = 0; path < sets.length; path++) sets[path] = LoadSlot.setOf(paths[path]);
  }

  static void run(JobLine job, InetSocketAddress server) throws Exception {
    try (Handles handles = new Handles(server, job.number("connections"))) {
      new LoadJob(job, handles).run(job);
    }
  }

  private void run(JobLine job) throws Exception {
    int inFlight = job.number("inFlight");
    Latencies[] latencies = new Latencies[handles.count()];
    LoadSlot[][] slots = new LoadSlot[handles.count()][inFlight];
    for (int handle = 0; handle < slots.length; handle++) {
      // One thread runs all callbacks of a handle, so one array of counts a handle has one writer.
      latencies[handle] = new Latencies();
      for (int slot = 0; slot < inFlight; slot++)
        slots[handle][slot] = new LoadSlot(this, handles.get(handle), latencies[handle], handle * inFlight + slot);
    }
    for (LoadSlot[] ofHandle : slots) for (LoadSlot slot : ofHandle) slot.begin();
    handles.sleep(job.number("warmUpMs"));
    long from = System.nanoTime();
    measuring = true;
    Marks.begin();
    try {
      handles.sleep(job.number("measureMs"));
      measuring = false;
      long to = System.nanoTime();
      Latencies all = new Latencies();
      for (Latencies some : latencies) all.plus(some);
      Marks.end(all.total(), (to - from) / 1e9, all);
    } finally {
      stopped = true;
    }
    // What is still under way was not measured, and its failure spoils nothing; it only must not meet a closed handle.
    running.await(DRAIN_MS_MAX, TimeUnit.MILLISECONDS);
  }

  /** `/bench` alone; a transaction needs ten znodes and takes children of it. */
  private String[] withoutKeys() throws Exception {
    ZooKeeper handle = handles.get(0);
    Tree.makeIfMissing(handle, Tree.TOP, Tree.VALUE);
    if (!workload.equals("multi")) return new String[] {Tree.TOP};
    String[] children = new String[LoadSlot.SETS_PER_MULTI];
    for (int child = 0; child < children.length; child++) {
      children[child] = Tree.TOP + "/m" + child;
      Tree.makeIfMissing(handle, children[child], Tree.VALUE);
    }
    return children;
  }
}
