/*
 * Requests as bytes, made by ZooKeeper's own records: a length, a header, a body. Owns the mapping; every frame is made
 * once, before anything is measured, and sent as often as needed.
 */
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.jute.BinaryOutputArchive;
import org.apache.jute.Record;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.proto.ConnectRequest;
import org.apache.zookeeper.proto.GetDataRequest;
import org.apache.zookeeper.proto.RequestHeader;
import org.apache.zookeeper.proto.SetDataRequest;

final class Frames {
  static final int PING_XID = -2;
  static final int NOTIFICATION_XID = -1;
  static final int REQUEST_XID = 1;
  private static final int NO_PASSWORD_BYTES = 16;

  private Frames() {}

  /** Of a new session. */
  static ByteBuffer connect(int timeoutMs) throws IOException {
    return frame(null, new ConnectRequest(0, 0, timeoutMs, 0, new byte[NO_PASSWORD_BYTES]), true);
  }

  static ByteBuffer ping() throws IOException {
    return frame(new RequestHeader(PING_XID, ZooDefs.OpCode.ping), null, false);
  }

  static ByteBuffer getData(String path, boolean watch) throws IOException {
    return frame(new RequestHeader(REQUEST_XID, ZooDefs.OpCode.getData), new GetDataRequest(path, watch), false);
  }

  static ByteBuffer setData(String path, byte[] data) throws IOException {
    return frame(new RequestHeader(REQUEST_XID, ZooDefs.OpCode.setData), new SetDataRequest(path, data, -1), false);
  }

  static ByteBuffer closeSession() throws IOException {
    return frame(new RequestHeader(REQUEST_XID, ZooDefs.OpCode.closeSession), null, false);
  }

  private static ByteBuffer frame(RequestHeader header, Record body, boolean connect) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    BinaryOutputArchive archive = BinaryOutputArchive.getArchive(bytes);
    archive.writeInt(0, "length");
    if (header != null) header.serialize(archive, "header");
    if (body != null) body.serialize(archive, "body");
    // A session that may not be read-only: the last field of a connect request, outside of its record.
    if (connect) archive.writeBool(false, "readOnly");
    byte[] whole = bytes.toByteArray();
    // Direct, so that the JDK does not copy it again for each of ten thousand writes.
    ByteBuffer frame = ByteBuffer.allocateDirect(whole.length).put(whole).flip();
    return frame.putInt(0, whole.length - Integer.BYTES);
  }
}
