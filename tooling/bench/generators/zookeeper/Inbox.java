/*
 * Jobs that came and were not yet begun. Owns the hand-over from the thread of stdin to the thread of the jobs.
 */
import java.util.concurrent.ArrayBlockingQueue;

final class Inbox {
  /** The bench gives one job at a time; a `release` may follow at once. */
  private static final int WAITING_MAX = 16;

  private final ArrayBlockingQueue<JobLine> waiting = new ArrayBlockingQueue<>(WAITING_MAX);

  void put(JobLine job) throws InterruptedException {
    waiting.put(job);
  }

  JobLine take() throws InterruptedException {
    return waiting.take();
  }

  /** The next job if there is one; null at once if not. */
  JobLine poll() {
    return waiting.poll();
  }
}
