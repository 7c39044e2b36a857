import { describe, expect, test } from "vitest";
import {
  kilobytes,
  median,
  megabytes,
  micros,
  percent,
  rate,
  seconds,
  spreadOf,
  times,
} from "../src/report/numbers.ts";
import { latenciesOf } from "../src/floors/latencies.ts";
import { cpuSecondsOf, machineCpuSecondsOf } from "../src/run/processor-time.ts";
import { mountOf } from "../src/run/machine.ts";

describe("numbers", () => {
  test("the median is the one in the middle, or the mean of two; of nothing there is none", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([7])).toBe(7);
    expect(() => median([])).toThrow(RangeError);
    expect(spreadOf([])).toBeUndefined();
    expect(spreadOf([5, 1, 2])).toEqual({ median: 2, min: 1, max: 5 });
  });

  test("are written with three digits that count", () => {
    expect([rate(999.4), rate(1234), rate(55_123), rate(480_000), rate(1_234_567)]).toEqual([
      "999",
      "1.23 k",
      "55.1 k",
      "480 k",
      "1,235 k",
    ]);
    expect([micros(95.4), micros(1500), micros(250_000)]).toEqual(["95 µs", "1.50 ms", "250 ms"]);
    expect([seconds(0.0123), seconds(6.04)]).toEqual(["12.3 ms", "6.04 s"]);
    expect([megabytes(1.49e9), megabytes(250e6), kilobytes(437)]).toEqual(["1.49 GB", "250 MB", "0.44 kB"]);
    expect([percent(0.034), percent(0.5), times(0.416)]).toEqual(["3.4 %", "50 %", "0.42 ×"]);
  });

  test("percentiles of latencies are latencies that were seen", () => {
    const micros = Array.from({ length: 1000 }, (_, n) => 1000 - n);
    expect(latenciesOf(micros)).toEqual({ p50: 501, p99: 991, p999: 1000, max: 1000 });
  });
});

describe("what the kernel says", () => {
  test("CPU time is found behind a name that holds spaces and parentheses", () => {
    const line = "42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 250 150 9 9 20 0 11 0 100 1 1";
    expect(cpuSecondsOf(line)).toBe(4);
  });

  test("the machine is busy with all but idling and waiting for the disk", () => {
    expect(machineCpuSecondsOf("cpu  100 200 300 9999 8888 10 20 30 40 50\ncpu0 1 2 3")).toBe(6.6);
  });

  test("a directory is on the disk of the longest mount point that it is in", () => {
    const mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/deep xfs ro 0 0\n";
    expect(mountOf("/tmp/x", mounts).type).toBe("tmpfs");
    expect(mountOf("/tmp/deep/y", mounts).device).toBe("/dev/b");
    expect(mountOf("/tmpother", mounts).type).toBe("ext4");
  });
});
