/*
 * Many sessions on one thread, where as many real client handles would be two threads each: opens them, keeps them alive,
 * sends prepared frames and tells what came back. Far less work than the real client does, which favours the server's
 * figures. Owns the selector; what the sessions are for belongs to the jobs.
 */
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

final class RawSessions implements AutoCloseable {
  /** Connections that are being opened at a time: fewer than the server's backlog, enough to keep it busy. */
  private static final int OPENING_MAX = 256;
  private static final int READ_BYTES = 256 * 1024;
  /** As the real client does: two chances to be heard before the session's time is over. */
  private static final int PINGS_PER_TIMEOUT = 3;
  private static final int TICK_MS = 10;

  /** A reply to a request (not to a ping), or a notification of a watch. */
  interface Told {
    void reply(RawSession session, int error) throws IOException;

    void notified(RawSession session) throws IOException;
  }

  final RawSession[] all;
  private final InetSocketAddress server;
  private final int timeoutMs;
  private final Selector selector = Selector.open();
  private final ByteBuffer shared = ByteBuffer.allocateDirect(READ_BYTES);
  private final ByteBuffer connect;
  private final ByteBuffer ping = Frames.ping();
  private final long pingEveryNanos;
  private final long pingsFrom = System.nanoTime();
  private final Told told;
  private long pinged;
  private int begun;
  private int opened;
  private int ended;
  private boolean ending;

  RawSessions(InetSocketAddress server, int count, int timeoutMs, Told told) throws IOException {
    this.server = server;
    this.timeoutMs = timeoutMs;
    this.told = told;
    all = new RawSession[count];
    connect = Frames.connect(timeoutMs);
    pingEveryNanos = TimeUnit.MILLISECONDS.toNanos(timeoutMs) / PINGS_PER_TIMEOUT;
  }

  void openAll(int millisMax) throws IOException {
    runUntil(() -> opened == all.length, millisMax);
  }

  /** Ends every session in order: the server is asked, and said so. */
  void endAll(int millisMax) throws IOException {
    ending = true;
    ByteBuffer close = Frames.closeSession();
    for (RawSession session : all) session.send(close);
    runUntil(() -> ended == all.length, millisMax);
  }

  /** Serves all sessions until it is true; throws if that takes longer. */
  void runUntil(BooleanSupplier done, int millisMax) throws IOException {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millisMax);
    while (!done.getAsBoolean()) {
      while (begun < all.length && begun - opened < OPENING_MAX) beginOne();
      pingThoseDue();
      selector.select(this::serve, TICK_MS);
      if (System.nanoTime() > deadline)
        throw new IOException(opened + " of " + all.length + " sessions are open, and an answer took over " + millisMax + " ms");
    }
  }

  private void beginOne() throws IOException {
    SocketChannel channel = SocketChannel.open();
    RawSession session = new RawSession(begun, channel);
    all[begun++] = session;
    channel.configureBlocking(false);
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    boolean connected = channel.connect(server);
    session.key = channel.register(selector, connected ? SelectionKey.OP_READ : SelectionKey.OP_CONNECT, session);
    if (connected) session.send(connect);
  }

  private void serve(SelectionKey key) {
    RawSession session = (RawSession) key.attachment();
    try {
      if (key.isConnectable()) {
        session.channel.finishConnect();
        key.interestOps(SelectionKey.OP_READ);
        session.send(connect);
        return;
      }
      if (key.isWritable()) session.writable();
      if (key.isReadable()) session.readable(shared, this::came);
    } catch (IOException failure) {
      // After a request to close, the end of the connection is an answer as good as the reply before it.
      if (ending && failure instanceof EOFException) sessionEnded(session);
      else throw new java.io.UncheckedIOException(failure);
    }
  }

  private void came(RawSession session, ByteBuffer frame, int at, int length) throws IOException {
    if (!session.open) {
      // Of a connect response: its version, then the timeout that was agreed on.
      int agreed = frame.getInt(at + Integer.BYTES);
      if (agreed != timeoutMs) throw new IOException("a session's timeout is " + agreed + " ms instead of " + timeoutMs);
      session.open = true;
      opened++;
      return;
    }
    int xid = frame.getInt(at + RawSession.XID_AT);
    if (xid == Frames.PING_XID) return;
    if (xid == Frames.NOTIFICATION_XID) told.notified(session);
    else if (ending) sessionEnded(session);
    else told.reply(session, frame.getInt(at + RawSession.ERROR_AT));
  }

  private void sessionEnded(RawSession session) {
    if (session.closed) return;
    session.closed = true;
    ended++;
    try {
      session.channel.close();
    } catch (IOException failure) {
      throw new java.io.UncheckedIOException(failure);
    }
  }

  /**
   * Pings go round all sessions at an even pace, one round each third of the timeout: what is idle then costs the same at
   * every moment, however the sessions were opened.
   */
  private void pingThoseDue() throws IOException {
    if (ending) return;
    long due = (long) ((double) (System.nanoTime() - pingsFrom) / pingEveryNanos * all.length);
    // After a standstill each session is pinged once, not once for each round that was missed.
    pinged = Math.max(pinged, due - all.length);
    for (; pinged < due; pinged++) {
      RawSession session = all[(int) (pinged % all.length)];
      if (session != null && session.open) session.send(ping);
    }
  }

  @Override
  public void close() throws IOException {
    for (RawSession session : all) if (session != null) session.channel.close();
    selector.close();
  }
}
