/*
 * One session's connection without a thread: its bytes that are not whole frames yet, and those that the kernel did not
 * take yet. Owned by one RawSessions, and used on its thread only.
 */
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;

final class RawSession {
  /** Of a reply's header, after its length: xid (int), zxid (long), error (int). */
  static final int XID_AT = 0;
  static final int ERROR_AT = 12;
  private static final int REPLY_BYTES_MIN = 16;

  /** Told of each whole frame: `frame` holds it from `at` on, for the time of the call. */
  interface Frame {
    void came(RawSession session, ByteBuffer frame, int at, int length) throws IOException;
  }

  final int number;
  final SocketChannel channel;
  SelectionKey key;
  boolean open;
  boolean closed;
  private byte[] unread;
  private ByteBuffer unsent;

  RawSession(int number, SocketChannel channel) {
    this.number = number;
    this.channel = channel;
  }

  /** The frame is read from its beginning and may be sent to another session at once. */
  void send(ByteBuffer frame) throws IOException {
    ByteBuffer bytes = frame.duplicate().rewind();
    if (unsent != null) throw new IOException("a session is behind with what it has to send");
    channel.write(bytes);
    if (!bytes.hasRemaining()) return;
    unsent = bytes;
    key.interestOpsOr(SelectionKey.OP_WRITE);
  }

  void writable() throws IOException {
    channel.write(unsent);
    if (unsent.hasRemaining()) return;
    unsent = null;
    key.interestOpsAnd(~SelectionKey.OP_WRITE);
  }

  /** `shared`: of all sessions; holds nothing between calls. */
  void readable(ByteBuffer shared, Frame told) throws IOException {
    shared.clear();
    if (unread != null) shared.put(unread);
    unread = null;
    if (channel.read(shared) < 0) throw new EOFException("the server closed a session's connection");
    int end = shared.position();
    int at = 0;
    while (end - at >= Integer.BYTES) {
      int length = shared.getInt(at);
      if (length < REPLY_BYTES_MIN || length > shared.capacity() - Integer.BYTES)
        throw new IOException("a frame of " + length + " bytes");
      if (end - at - Integer.BYTES < length) break;
      told.came(this, shared, at + Integer.BYTES, length);
      at += Integer.BYTES + length;
    }
    if (at == end) return;
    unread = new byte[end - at];
    shared.get(at, unread);
  }
}
