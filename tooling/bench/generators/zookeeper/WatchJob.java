/*
 * How long it takes until the last of many watchers was told: owns the rounds and the count of those that are still to be
 * told. Each watcher is a session of its own; the writer is another one.
 */
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;

final class WatchJob implements RawSessions.Told {
  private static final int SESSION_TIMEOUT_MS = 60_000;
  private static final int STEP_MS_MAX = 60_000;
  private static final int CREATES_MAX = 256;

  private final int watchers;
  private final int znodes;
  private final int rounds;
  private final ByteBuffer[] watch;
  /** All sets of a round in one piece: they are in flight at once. */
  private final ByteBuffer sets;
  private int repliesLeft;
  private int notificationsLeft;
  private boolean[] toldThisRound;

  private WatchJob(JobLine job) throws IOException {
    watchers = job.number("watchers");
    znodes = job.number("znodes");
    rounds = job.number("rounds");
    watch = new ByteBuffer[znodes];
    ByteBuffer[] each = new ByteBuffer[znodes];
    int bytes = 0;
    for (int znode = 0; znode < znodes; znode++) {
      watch[znode] = Frames.getData(Tree.watched(znode), true);
      each[znode] = Frames.setData(Tree.watched(znode), Tree.VALUE);
      bytes += each[znode].limit();
    }
    sets = ByteBuffer.allocateDirect(bytes);
    for (ByteBuffer set : each) sets.put(set);
    sets.flip();
  }

  static void run(JobLine job, InetSocketAddress server) throws Exception {
    new WatchJob(job).run(server);
  }

  private void run(InetSocketAddress server) throws Exception {
    makeZnodes(server);
    // The last session is the writer.
    try (RawSessions sessions = new RawSessions(server, watchers + 1, SESSION_TIMEOUT_MS, this)) {
      sessions.openAll(STEP_MS_MAX);
      setWatches(sessions);
      double[] seconds = new double[rounds];
      double sum = 0;
      Marks.begin();
      for (int round = 0; round < rounds; round++) {
        if (round > 0) setWatches(sessions);
        sum += seconds[round] = setAll(sessions);
      }
      Marks.end((long) watchers * rounds, sum, seconds);
      sessions.endAll(STEP_MS_MAX);
    }
  }

  private void makeZnodes(InetSocketAddress server) throws Exception {
    try (Handles handles = new Handles(server, 1)) {
      Tree.makeIfMissing(handles.get(0), Tree.TOP, Tree.VALUE);
      new Creates(handles, Tree::watched, Tree.VALUE, 0, znodes, true).run(CREATES_MAX);
    }
  }

  private void setWatches(RawSessions sessions) throws IOException {
    toldThisRound = new boolean[watchers];
    repliesLeft = watchers;
    for (int watcher = 0; watcher < watchers; watcher++) sessions.all[watcher].send(watch[watcher % znodes]);
    sessions.runUntil(() -> repliesLeft == 0, STEP_MS_MAX);
  }

  /** Seconds until the last watcher was told. */
  private double setAll(RawSessions sessions) throws IOException {
    notificationsLeft = watchers;
    repliesLeft = znodes;
    long begun = System.nanoTime();
    sessions.all[watchers].send(sets);
    sessions.runUntil(() -> notificationsLeft == 0, STEP_MS_MAX);
    double seconds = (System.nanoTime() - begun) / 1e9;
    sessions.runUntil(() -> repliesLeft == 0, STEP_MS_MAX);
    return seconds;
  }

  @Override
  public void reply(RawSession session, int error) throws IOException {
    if (error != 0) throw new IOException("error " + error + " of a watch or a set");
    repliesLeft--;
  }

  @Override
  public void notified(RawSession session) throws IOException {
    if (toldThisRound[session.number]) throw new IOException("a watcher was told twice");
    toldThisRound[session.number] = true;
    notificationsLeft--;
  }
}
