/*
 * The load generator for ZooKeeper: takes jobs from stdin, one after the other, and ends with its stdin, and so with its
 * parent. Owns the order of jobs and what a failed one says; never measures anything itself.
 */
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

public final class Main {
  private Main() {}

  /** Its one argument: the server's address, `127.0.0.1:2181`. */
  public static void main(String[] arguments) throws InterruptedException {
    String address = arguments[0];
    int colon = address.lastIndexOf(':');
    InetSocketAddress server =
        new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
    Inbox inbox = new Inbox();
    Thread reader = new Thread(() -> readJobs(inbox), "stdin");
    reader.setDaemon(true);
    reader.start();
    Marks.ready();
    for (; ; ) {
      JobLine job = inbox.take();
      try {
        run(job, server, inbox);
      } catch (Exception failure) {
        Marks.failed(failure.getMessage() == null ? failure.toString() : failure.getMessage());
      }
    }
  }

  private static void run(JobLine job, InetSocketAddress server, Inbox inbox) throws Exception {
    switch (job.text("job")) {
      case "load" -> LoadJob.run(job, server);
      case "fill" -> FillJob.run(job, server);
      case "watch" -> WatchJob.run(job, server);
      case "sessions" -> SessionsJob.run(job, server, inbox);
      case "read" -> ReadJob.run(job, server);
      default -> throw new IOException("no such job at this moment: " + job.text("job"));
    }
  }

  private static void readJobs(Inbox inbox) {
    try (BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) inbox.put(new JobLine(line));
    } catch (Exception failure) {
      Marks.failed("stdin: " + failure.getMessage());
    }
    // The parent is gone, or has no further job: sessions that are still open are the server's to expire.
    Runtime.getRuntime().halt(0);
  }
}
