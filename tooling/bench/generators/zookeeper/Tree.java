/*
 * The names and values of the znodes that all generators know, and how one is made. Owns no connection.
 */
import java.util.Arrays;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;

final class Tree {
  static final String TOP = "/bench";
  static final int CHILDREN_PER_PARENT = 1_000;
  static final int VALUE_BYTES = 100;
  /** Never changed by anybody: the client copies it into its frame. */
  static final byte[] VALUE = value();

  private Tree() {}

  static String parent(int number) {
    return TOP + "/p" + number;
  }

  static String key(int number) {
    String last = Integer.toString(number % CHILDREN_PER_PARENT);
    return parent(number / CHILDREN_PER_PARENT) + "/n" + "0".repeat(6 - last.length()) + last;
  }

  static String watched(int number) {
    return TOP + "/w" + number;
  }

  /** Keys 0 to `count`, exclusive: made before a measurement, so that no text is put together within it. */
  static String[] keys(int count) {
    String[] keys = new String[count];
    for (int number = 0; number < count; number++) keys[number] = key(number);
    return keys;
  }

  static void makeIfMissing(ZooKeeper handle, String path, byte[] data) throws KeeperException, InterruptedException {
    try {
      handle.create(path, data, ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    } catch (KeeperException.NodeExistsException there) {
      // Left by an earlier job, with the same bytes.
    }
  }

  private static byte[] value() {
    byte[] value = new byte[VALUE_BYTES];
    Arrays.fill(value, (byte) 'v');
    return value;
  }
}
