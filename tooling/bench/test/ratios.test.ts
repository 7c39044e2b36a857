import { describe, expect, test } from "vitest";
import { isSaturated, ratioOf, worthOf } from "../src/report/ratios.ts";
import { judge, verdictOf } from "../src/report/targets.ts";
import { ratioText } from "../src/report/tables.ts";
import { emptyResults, row } from "./fakes.ts";

const BULK = [32, 64] as const;
const LONE = [1, 1] as const;
const LONE_ON_ONE_CORE = [1, 1, "one core"] as const;

/** Corral against ZooKeeper in three rounds. */
function against(own: object, other: object) {
  const rows = [1, 2, 3].flatMap((round) => [
    row({ system: "corral", variant: "wire", round, perSecond: [600, 500, 900][round - 1]!, ...own }),
    row({ system: "zookeeper", variant: "zookeeper", round, perSecond: [100, 100, 100][round - 1]!, ...other }),
  ]);
  return emptyResults({ throughput: rows });
}

describe("whether the generator was the limit", () => {
  const measured = (serverCpu: number, generatorCpu: number) => ({
    operations: 1,
    seconds: 1.9,
    sampledSeconds: 2,
    serverCpu,
    generatorCpu,
    machineCpu: 0,
  });

  test("one thread: when it had no time left", () => {
    expect(isSaturated(measured(1, 1.9), 1, 2)).toBe(true);
    expect(isSaturated(measured(1, 1.88), 1, 2)).toBe(false);
  });

  test("many threads: when the machine was full and the generator had the greater part of it", () => {
    expect(isSaturated(measured(1.8, 2.1), null, 2)).toBe(true);
    expect(isSaturated(measured(2.1, 1.8), null, 2)).toBe(false);
    expect(isSaturated(measured(1, 2.5), null, 2)).toBe(false);
  });
});

describe("ratios", () => {
  test("are made in each round, then their median and spread", () => {
    const ratio = ratioOf(against({}, {}), "throughput", "wire", "zookeeper", "get", BULK);
    expect(ratio).toEqual({ median: 6, min: 5, max: 9, worth: "exact" });
    expect(ratioText(ratio)).toBe("6.00 × (5.00–9.00)");
  });

  test("of rounds that one of the two has not, say nothing", () => {
    const results = against({}, {});
    results.throughput = results.throughput.filter(({ system, round }) => system === "corral" || round === 2);
    expect(ratioOf(results, "throughput", "wire", "zookeeper", "get", BULK)).toMatchObject({
      median: 5,
      min: 5,
      max: 5,
    });
    expect(ratioOf(results, "throughput", "wire", "etcd", "get", BULK)).toBeUndefined();
    expect(ratioText(undefined)).toBe("–");
  });

  test("are at least that when Corral's own generator was the limit", () => {
    const ratio = ratioOf(against({ generator: 1 }, {}), "throughput", "wire", "zookeeper", "get", BULK);
    expect(ratio?.worth).toBe("at least");
    expect(ratioText(ratio)).toBe("≥ 6.00 × (5.00–9.00)");
  });

  test("are no claim when the other's generator was the limit, also if both were", () => {
    const other = { server: 0.8, generator: 1.2 };
    const ratio = ratioOf(against({ generator: 1 }, other), "throughput", "wire", "zookeeper", "get", BULK);
    expect(ratio?.worth).toBe("no claim");
    expect(ratioText(ratio)).toBe("(6.00 × (5.00–9.00))†");
  });

  test("of latency are at most that when Corral's own generator was the limit", () => {
    const ratio = ratioOf(against({ generator: 1, p50: 50 }, {}), "p50", "wire", "zookeeper", "get", BULK);
    expect(ratio).toMatchObject({ median: 0.5, worth: "at most" });
    expect(worthOf(true, true, false)).toBe("no claim");
  });

  test("on one core and on all are never mixed", () => {
    const free = against({ p50: 90, shape: LONE }, { p50: 100, shape: LONE });
    const shared = against({ p50: 20, shape: LONE_ON_ONE_CORE }, { p50: 80, shape: LONE_ON_ONE_CORE });
    const results = emptyResults({ throughput: [...free.throughput, ...shared.throughput] });
    expect(ratioOf(results, "p50", "wire", "zookeeper", "get", LONE)?.median).toBe(0.9);
    expect(ratioOf(results, "p50", "wire", "zookeeper", "get", LONE_ON_ONE_CORE)?.median).toBe(0.25);
    expect(ratioOf(free, "p50", "wire", "zookeeper", "get", LONE_ON_ONE_CORE)).toBeUndefined();
    expect(ratioOf(shared, "p50", "wire", "zookeeper", "get", LONE)).toBeUndefined();
  });

  test("to two clients of one system are of that client's rows alone", () => {
    const results = emptyResults({
      throughput: [
        row({ system: "corral", variant: "wire", round: 1, perSecond: 600 }),
        row({ system: "etcd", variant: "etcd", round: 1, perSecond: 10 }),
        row({ system: "etcd", variant: "etcd-serializable", round: 1, perSecond: 20 }),
      ],
    });
    expect(ratioOf(results, "throughput", "wire", "etcd", "get", BULK)?.median).toBe(60);
    expect(ratioOf(results, "throughput", "wire", "etcd-serializable", "get", BULK)?.median).toBe(30);
    const judged = judge(results).filter(({ ratio }) => ratio !== undefined);
    expect(judged.map(({ other, bound, verdict }) => [other, bound, verdict])).toEqual([
      ["etcd", 30, "reached"],
      ["etcd-serializable", 30, "reached"],
    ]);
  });

  test("of the server's CPU for an operation need no mark", () => {
    const results = against({ server: 0.6, generator: 1 }, { server: 0.8, generator: 1.2 });
    const ratio = ratioOf(results, "server CPU", "wire", "zookeeper", "get", BULK);
    expect(ratio?.worth).toBe("exact");
    expect(ratio?.median).toBeCloseTo(0.6 / 600 / (0.8 / 100));
  });
});

describe("targets", () => {
  const of = (ratio: number, worth: "exact" | "at least" | "at most" | "no claim") => ({
    median: ratio,
    min: ratio,
    max: ratio,
    worth,
  });

  test("are reached, missed, no claim, or not measured", () => {
    expect(verdictOf(of(6, "exact"), true, 6)).toBe("reached");
    expect(verdictOf(of(5.9, "exact"), true, 6)).toBe("missed");
    expect(verdictOf(of(6.5, "at least"), true, 6)).toBe("reached");
    expect(verdictOf(of(5.5, "at least"), true, 6)).toBe("missed");
    expect(verdictOf(of(0.5, "exact"), false, 0.6)).toBe("reached");
    expect(verdictOf(of(0.7, "exact"), false, 0.6)).toBe("missed");
    expect(verdictOf(of(100, "no claim"), true, 6)).toBe("no claim");
    expect(verdictOf(undefined, true, 6)).toBe("not measured");
  });

  test("of throughput are judged for both clients", () => {
    const judged = judge(against({}, {})).filter(
      ({ measure, other }) => measure.startsWith("get, 32") && other === "zookeeper",
    );
    expect(judged.map(({ variant, verdict }) => [variant, verdict])).toEqual([
      ["sdk", "not measured"],
      ["wire", "reached"],
    ]);
  });

  test("of a lone operation stand on all cores and, beside it, on one", () => {
    const free = against({ p50: 90, shape: LONE }, { p50: 100, shape: LONE });
    const shared = against({ p50: 20, shape: LONE_ON_ONE_CORE }, { p50: 80, shape: LONE_ON_ONE_CORE });
    const judged = judge(emptyResults({ throughput: [...free.throughput, ...shared.throughput] }));
    const lone = judged.filter((one) => one.variant === "wire" && one.other === "zookeeper" && /p50/.test(one.measure));
    expect(lone.map(({ measure, bound, verdict }) => [measure, bound, verdict])).toEqual([
      ["get, 1 × 1, p50", 0.6, "missed"],
      ["get, 1 × 1 on one core, p50", 0.6, "reached"],
      ["set, 1 × 1, p50", 0.85, "not measured"],
      ["set, 1 × 1 on one core, p50", 0.85, "not measured"],
    ]);
  });

  test("without a claim still say what the servers' CPU for an operation is", () => {
    const loads = against({}, { server: 0.8, generator: 1.2 });
    const told = {
      operations: 100,
      seconds: 1,
      sampledSeconds: 1,
      machineCpu: 2,
      watchers: 100,
      znodes: 1,
      rounds: [1],
    };
    const results = emptyResults({
      throughput: loads.throughput,
      fanOut: [
        { system: "corral", variant: "wire", ...told, serverCpu: 0.2, generatorCpu: 0.2 },
        { system: "zookeeper", variant: "zookeeper", ...told, serverCpu: 0.8, generatorCpu: 1.2 },
      ],
    });
    const unclaimed = judge(results).filter(({ verdict }) => verdict === "no claim");
    expect(unclaimed.map(({ measure, serverCpu }) => [measure, ratioText(serverCpu)])).toEqual([
      ["get, 32 × 64, throughput", "0.10 × (0.07–0.13)"],
      ["fan-out, 100 watchers, until the last is told", "0.25 ×"],
    ]);
  });

  test("of cost are of the median load: a snapshot in one does not decide", () => {
    const of = { operations: 100, seconds: 1, sampledSeconds: 1, generatorCpu: 0.1, machineCpu: 0.2 };
    const size = (znodes: number, cpu: readonly number[]) => ({
      system: "corral" as const,
      variant: "wire",
      znodes,
      fillSeconds: 1,
      rss: 1e6,
      loads: cpu.map((serverCpu) => ({ ...of, serverCpu, workload: "set" as const })),
    });
    const results = emptyResults({ sizes: [size(10, [0.1, 0.1, 0.1]), size(100, [0.12, 0.9, 0.11])] });
    const cost = judge(results).find(({ measure }) => measure.startsWith("cost of a set"));
    expect([ratioText(cost?.ratio), cost?.verdict]).toEqual(["1.20 × (1.10–9.00)", "reached"]);
  });

  test("a quick run claims nothing", () => {
    const verdicts = judge({ ...against({}, {}), quick: true }).map(({ verdict }) => verdict);
    expect(new Set(verdicts)).toEqual(new Set(["no claim", "not measured"]));
  });

  test("of parts: fan-out, memory, restart, snapshots, cost and sessions", () => {
    const of = { operations: 100, seconds: 1, sampledSeconds: 1, serverCpu: 0.1, generatorCpu: 0.1, machineCpu: 0.2 };
    const load = (serverCpu: number) =>
      ["get", "set"].map((workload) => ({ ...of, serverCpu, workload: workload as "get" }));
    const own = { system: "corral", variant: "wire" } as const;
    const other = { system: "zookeeper", variant: "zookeeper" } as const;
    const slow = { p50: 1, p99: 300, p999: 400, max: 500 };
    const results = emptyResults({
      fanOut: [
        { ...own, ...of, watchers: 10_000, znodes: 1, rounds: [0.1, 0.2, 0.3] },
        { ...other, ...of, watchers: 10_000, znodes: 1, rounds: [0.4, 0.5, 0.6] },
      ],
      sessions: [
        { ...own, ...of, count: 100, rssBefore: 1e6, rssAfter: 2e6, idleCpu: 0.1, idleSeconds: 1 },
        { ...other, ...of, count: 100, rssBefore: 1e6, rssAfter: 2.5e6, idleCpu: 0.1, idleSeconds: 1 },
      ],
      sizes: [
        { ...own, znodes: 10, fillSeconds: 1, rss: 1e6, loads: load(0.1) },
        { ...own, znodes: 100, fillSeconds: 1, rss: 4e6, loads: load(0.125) },
        { ...other, znodes: 10, fillSeconds: 1, rss: 1e6, loads: load(0.1) },
        { ...other, znodes: 100, fillSeconds: 1, rss: 10e6, loads: load(0.3) },
      ],
      restarts: [
        { ...own, znodes: 100, seconds: [1, 2, 3], rss: 1 },
        { ...other, znodes: 100, seconds: [6, 5, 7], rss: 1 },
      ],
      snapshots: [
        { ...own, ...of, znodes: 100, pair: 1, snapshots: 0, latencies: { ...slow, p99: 100 } },
        { ...own, ...of, znodes: 100, pair: 1, snapshots: 3, latencies: slow },
      ],
    });
    const measured = judge(results).filter(({ verdict }) => verdict !== "not measured");
    expect(measured.map(({ measure, ratio, verdict }) => [measure, ratioText(ratio), verdict])).toEqual([
      ["fan-out, 10,000 watchers, until the last is told", "0.40 × (0.17–0.75)", "reached"],
      ["resident memory, 100 znodes", "0.40 ×", "reached"],
      ["resident memory, 100 znodes, after a restart", "1.00 ×", "missed"],
      ["restart until the first read, 100 znodes", "0.33 × (0.14–0.60)", "reached"],
      ["p99 during snapshots, to p99 without", "3.00 ×", "missed"],
      ["cost of a get, largest tree to smallest", "1.25 ×", "reached"],
      ["cost of a set, largest tree to smallest", "1.25 ×", "reached"],
      ["resident memory, 100 sessions", "0.80 ×", "missed"],
    ]);
  });
});
