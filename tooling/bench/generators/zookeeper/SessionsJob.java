/*
 * Opens sessions and keeps them alive until it is told to release them. Owns that wait.
 */
import java.io.IOException;
import java.net.InetSocketAddress;

final class SessionsJob {
  private static final int OPEN_MS_MAX = 120_000;
  private static final int END_MS_MAX = 120_000;
  /** A bench that forgot to release them. */
  private static final int KEEP_MS_MAX = 3_600_000;

  private static final RawSessions.Told NOTHING_ASKED =
      new RawSessions.Told() {
        @Override
        public void reply(RawSession session, int error) throws IOException {
          throw new IOException("a reply to nothing, with error " + error);
        }

        @Override
        public void notified(RawSession session) throws IOException {
          throw new IOException("a notification without a watch");
        }
      };

  private SessionsJob() {}

  static void run(JobLine job, InetSocketAddress server, Inbox inbox) throws Exception {
    int count = job.number("count");
    Marks.begin();
    long begun = System.nanoTime();
    try (RawSessions sessions = new RawSessions(server, count, job.number("timeoutMs"), NOTHING_ASKED)) {
      sessions.openAll(OPEN_MS_MAX);
      Marks.end(count, (System.nanoTime() - begun) / 1e9);
      JobLine[] next = {null};
      sessions.runUntil(() -> (next[0] = inbox.poll()) != null, KEEP_MS_MAX);
      if (!next[0].text("job").equals("release")) throw new IOException("sessions are open: " + next[0].text("job"));
      sessions.endAll(END_MS_MAX);
    }
    Marks.released();
  }
}
