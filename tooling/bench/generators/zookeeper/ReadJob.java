/*
 * Knocks at a server that is starting until it answers a read: a new connection each time it is refused. Owns the pace.
 */
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.zookeeper.KeeperException;

final class ReadJob {
  private static final int REFUSED_PAUSE_MS = 5;
  /**
   * ZooKeeper 3.8 accepts connections a little before it has anything to serve them with, and may forget such a one
   * without closing it. So another connection is tried beside one that is silent for so long, and the first answer counts.
   */
  private static final int SILENCE_MS = 50;
  /** A silent connection is given up; with the line above, this bounds how many there are. */
  private static final int ATTEMPT_MS_MAX = 5_000;
  private static final int SESSION_TIMEOUT_MS = 10_000;
  private static final int FRAME_BYTES_MAX = 4096;
  private static final int NO_NODE = KeeperException.Code.NONODE.intValue();

  private final InetSocketAddress server;
  private final JobLine job;
  private final byte[] connect;
  private final byte[] get;
  private final byte[] close;
  private volatile boolean answered;
  private volatile int error;
  private volatile double seconds;

  private ReadJob(JobLine job, InetSocketAddress server) throws IOException {
    this.job = job;
    this.server = server;
    connect = bytes(Frames.connect(SESSION_TIMEOUT_MS));
    close = bytes(Frames.closeSession());
    get = bytes(Frames.getData(job.number("keys") == 0 ? Tree.TOP : Tree.key(0), false));
  }

  static void run(JobLine job, InetSocketAddress server) throws Exception {
    ReadJob read = new ReadJob(job, server);
    ExecutorService attempts = Executors.newCachedThreadPool();
    try {
      read.knock(attempts);
    } finally {
      attempts.shutdownNow();
    }
    // A new server has no /bench, and serves.
    boolean fresh = job.number("keys") == 0 && read.error == NO_NODE;
    if (read.error != 0 && !fresh) throw new IOException("the read was answered with error " + read.error);
    Marks.end(1, read.seconds);
  }

  private void knock(ExecutorService attempts) throws Exception {
    long deadline = job.cameAt + TimeUnit.MILLISECONDS.toNanos(job.number("deadlineMs"));
    while (!answered) {
      if (System.nanoTime() > deadline)
        throw new IOException("no read was answered within " + job.number("deadlineMs") + " ms");
      Future<?> attempt = attempts.submit(this::attempt);
      try {
        attempt.get(SILENCE_MS, TimeUnit.MILLISECONDS);
      } catch (TimeoutException silent) {
        // It may still be answered: the loop looks.
      } catch (ExecutionException failure) {
        if (!(failure.getCause() instanceof UncheckedIOException)) throw failure;
        Thread.sleep(REFUSED_PAUSE_MS);
      }
    }
  }

  private void attempt() {
    try (Socket socket = new Socket()) {
      socket.connect(server, ATTEMPT_MS_MAX);
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(ATTEMPT_MS_MAX);
      DataInputStream replies = new DataInputStream(socket.getInputStream());
      socket.getOutputStream().write(connect);
      frame(replies);
      socket.getOutputStream().write(get);
      answeredWith(frame(replies).getInt(RawSession.ERROR_AT));
      // The end of the session is not waited for.
      socket.getOutputStream().write(close);
    } catch (IOException refused) {
      throw new UncheckedIOException(refused);
    }
  }

  private synchronized void answeredWith(int code) {
    if (answered) return;
    seconds = (System.nanoTime() - job.cameAt) / 1e9;
    error = code;
    answered = true;
  }

  private static byte[] bytes(ByteBuffer frame) {
    byte[] bytes = new byte[frame.remaining()];
    frame.get(bytes);
    return bytes;
  }

  private static ByteBuffer frame(DataInputStream replies) throws IOException {
    int length = replies.readInt();
    if (length < 0 || length > FRAME_BYTES_MAX) throw new IOException("a frame of " + length + " bytes");
    return ByteBuffer.wrap(replies.readNBytes(length));
  }
}
