/*
 * A job as its line says it: one flat JSON object of texts without escapes and whole numbers, which is all that jobs are
 * made of. Refuses everything else; never guesses a missing field.
 */
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

final class JobLine {
  private static final String FIELD = "\\s*\"(\\w+)\"\\s*:\\s*(?:\"([^\"\\\\]*)\"|(-?\\d+))\\s*";
  private static final Pattern ONE_FIELD = Pattern.compile(FIELD);
  private static final Pattern WHOLE = Pattern.compile("\\s*\\{" + FIELD + "(?:," + FIELD + ")*\\}\\s*");

  private final Map<String, String> fields = new HashMap<>();
  /** When the line came, of System.nanoTime. */
  final long cameAt = System.nanoTime();

  JobLine(String line) {
    if (!WHOLE.matcher(line).matches()) throw new IllegalArgumentException("not a job: " + line);
    Matcher field = ONE_FIELD.matcher(line);
    while (field.find()) fields.put(field.group(1), field.group(2) != null ? field.group(2) : field.group(3));
  }

  String text(String name) {
    String value = fields.get(name);
    if (value == null) throw new IllegalArgumentException("a job without " + name);
    return value;
  }

  int number(String name) {
    return Integer.parseInt(text(name));
  }
}
