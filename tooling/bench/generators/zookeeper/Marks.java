/*
 * What the bench is told, one JSON object a line on stdout, each written out at once: the bench reads CPU times when a
 * mark comes. Owns the words; never decides when.
 */
import java.util.Locale;
import org.apache.zookeeper.Version;

final class Marks {
  private Marks() {}

  static void ready() {
    say("{\"mark\":\"ready\",\"client\":" + text("org.apache.zookeeper.ZooKeeper " + Version.getVersion() + " on "
        + System.getProperty("java.vm.name") + " " + System.getProperty("java.version")) + "}");
  }

  static void begin() {
    say("{\"mark\":\"begin\"}");
  }

  static void end(long operations, double seconds) {
    say(head(operations, seconds) + "}");
  }

  static void end(long operations, double seconds, Latencies latencies) {
    say(head(operations, seconds) + ",\"latencies\":{\"p50\":" + micros(latencies.quantile(0.5)) + ",\"p99\":"
        + micros(latencies.quantile(0.99)) + ",\"p999\":" + micros(latencies.quantile(0.999)) + ",\"max\":"
        + micros(latencies.max()) + "}}");
  }

  /** `rounds`: seconds of each. */
  static void end(long operations, double seconds, double[] rounds) {
    StringBuilder list = new StringBuilder();
    for (double round : rounds) list.append(list.isEmpty() ? "" : ",").append(decimal(round, 6));
    say(head(operations, seconds) + ",\"rounds\":[" + list + "]}");
  }

  static void released() {
    say("{\"mark\":\"released\"}");
  }

  static void failed(String why) {
    say("{\"mark\":\"failed\",\"why\":" + text(why) + "}");
  }

  private static String head(long operations, double seconds) {
    return "{\"mark\":\"end\",\"operations\":" + operations + ",\"seconds\":" + decimal(seconds, 6);
  }

  private static String micros(long nanos) {
    return decimal(nanos / 1e3, 1);
  }

  private static String decimal(double value, int digits) {
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }

  private static String text(String value) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char c : value.toCharArray()) {
      if (c == '"' || c == '\\') quoted.append('\\').append(c);
      else if (c < ' ') quoted.append(String.format("\\u%04x", (int) c));
      else quoted.append(c);
    }
    return quoted.append('"').toString();
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }
}
