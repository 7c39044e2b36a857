/*
 * Latencies of one thread's operations in buckets whose width is at most 1/128 of their value (0.8 %). Written by one
 * thread, read by another at any time: opaque access gives each of them whole numbers and costs as much as plain.
 */
import java.util.concurrent.atomic.AtomicLongArray;

final class Latencies {
  private static final int PRECISION_BITS = 7;
  /** 2^40 ns are 18 minutes; what is above counts there. */
  private static final long NANOS_MAX = (1L << 40) - 1;
  private static final int BUCKETS = index(NANOS_MAX) + 1;

  private final AtomicLongArray counts = new AtomicLongArray(BUCKETS);
  private volatile long max;

  void add(long nanos) {
    int index = index(Math.min(nanos, NANOS_MAX));
    counts.setOpaque(index, counts.getPlain(index) + 1);
    if (nanos > max) max = nanos;
  }

  /** Of one that nobody writes to any more, or copies: see `plus`. */
  void plus(Latencies other) {
    for (int index = 0; index < BUCKETS; index++)
      counts.setPlain(index, counts.getPlain(index) + other.counts.getOpaque(index));
    max = Math.max(max, other.max);
  }

  long total() {
    long total = 0;
    for (int index = 0; index < BUCKETS; index++) total += counts.getOpaque(index);
    return total;
  }

  /** The middle of the bucket that holds it; 0 if there is none. */
  long quantile(double part) {
    long before = (long) Math.ceil(part * total());
    for (int index = 0; index < BUCKETS; index++) {
      before -= counts.getOpaque(index);
      if (before <= 0) return Math.min((lowest(index) + lowest(index + 1)) / 2, max);
    }
    return max;
  }

  long max() {
    return max;
  }

  private static int index(long nanos) {
    int shift = Math.max(0, 63 - Long.numberOfLeadingZeros(nanos) - PRECISION_BITS);
    return (shift << PRECISION_BITS) + (int) (nanos >>> shift);
  }

  private static long lowest(int index) {
    int shift = Math.max(0, (index >> PRECISION_BITS) - 1);
    return ((long) index - ((long) shift << PRECISION_BITS)) << shift;
  }
}
