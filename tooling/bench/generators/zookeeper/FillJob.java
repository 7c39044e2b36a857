/*
 * Makes the keys of a range, and their parents before them. Owns what is made in which order; Creates issues it.
 */
import java.net.InetSocketAddress;

final class FillJob {
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
}
