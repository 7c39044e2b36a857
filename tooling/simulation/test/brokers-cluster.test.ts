/** The law of clusters: who may write what, one controller at a time, topics that come and go whole. */
import { describe, expect, test } from "vitest";
import { judgeBrokers } from "../src/check/brokers/judge.ts";
import { ClusterLog, KEY, partition, sessionOf, topic, TOPIC } from "./brokers-made.ts";

const faultsOf = (log: ClusterLog): string =>
  judgeBrokers(log.transactions, [])
    .map(({ what }) => what)
    .join("\n");
const REQUEST = { op: "createTopics", args: {}, key: "k", by: "somebody" };

describe("takes", () => {
  test.each<[what: string, log: () => ClusterLog]>([
    [
      "a broker that comes back with a greater epoch, by another session",
      () => new ClusterLog().expire(sessionOf(3)).register(3, 203),
    ],
    [
      "the next controller, which writes when the first is gone",
      () => new ClusterLog().expire(sessionOf(1)).become(2, partition({ leader: 2, leaderEpoch: 1, isr: [2, 3] })),
    ],
    [
      "a controller that stood again, and comes last then",
      () =>
        new ClusterLog()
          .write(sessionOf(1), { "controller/_c_x-lock-0000000001": undefined })
          .stand(1, 3)
          .write(sessionOf(2), { "config/brokers/<default>": { values: {} } }),
    ],
    [
      "a topic that is made in steps by two controllers",
      () =>
        new ClusterLog()
          .write(sessionOf(1), {
            "topics/two": topic({ id: "u", state: "creating", partitions: 0 }),
            "partitions/u": null,
          })
          .expire(sessionOf(1))
          .write(sessionOf(2), {
            "partitions/u/0": partition({ leader: 2, isr: [2, 3] }),
            "topics/two": topic({ id: "u" }),
          }),
    ],
    [
      "a topic that goes in steps, its name last",
      () =>
        new ClusterLog()
          .write(sessionOf(1), { "topics/orders": topic({ state: "deleting" }) })
          .write(sessionOf(1), { [`partitions/${KEY}`]: undefined })
          .write(sessionOf(1), { [`partitions/${TOPIC}`]: undefined, "topics/orders": undefined }),
    ],
    [
      "another topic of a name that is free again",
      () =>
        new ClusterLog()
          .write(sessionOf(1), { "topics/orders": topic({ state: "deleting" }) })
          .write(sessionOf(1), {
            [`partitions/${KEY}`]: undefined,
            [`partitions/${TOPIC}`]: undefined,
            "topics/orders": undefined,
          })
          .write(sessionOf(1), { "topics/orders": topic({ id: "new", partitions: 0 }), "partitions/new": null }),
    ],
    [
      "a request that is answered, and one that is taken back by who asked",
      () =>
        new ClusterLog()
          .write(900, { "requests/r-1": REQUEST })
          .write(900, { "requests/r-2": { ...REQUEST, key: "other" } })
          .write(sessionOf(1), { "requests/r-1": undefined, "results/k": { ok: true } })
          .write(900, { "requests/r-2": undefined }),
    ],
    [
      "the same request twice, of which one is answered",
      () =>
        new ClusterLog()
          .write(900, { "requests/r-1": REQUEST })
          .write(900, { "requests/r-2": REQUEST })
          .write(sessionOf(1), { "requests/r-1": undefined, "results/k": { ok: true } })
          .write(sessionOf(1), { "requests/r-2": undefined }),
    ],
  ])("%s", (_, log) => {
    expect(faultsOf(log())).toBe("");
  });
});

describe("refuses", () => {
  test.each<[what: string, fault: RegExp, log: () => ClusterLog]>([
    [
      "a write of a controller whose place is gone",
      /no controller/,
      () =>
        new ClusterLog()
          .write(sessionOf(1), { "controller/_c_x-lock-0000000001": undefined })
          .write(sessionOf(1), { "config/brokers/<default>": { values: {} } }),
    ],
    [
      "a write of a candidate who is not the first",
      /no controller/,
      () => new ClusterLog().write(sessionOf(2), { "topics/orders": topic({ state: "deleting" }) }),
    ],
    [
      "a write of a controller that is registered no more",
      /no controller/,
      () =>
        new ClusterLog()
          .write(sessionOf(1), { "brokers/1": undefined })
          .write(sessionOf(1), { "config/brokers/<default>": { values: {} } }),
    ],
    [
      "a controller's epoch that falls",
      /controller's epoch is/,
      () => {
        const log = new ClusterLog().stand(3, 0).write(sessionOf(3), { "controller/_c_x-lock-0000000000": undefined });
        return log;
      },
    ],
    [
      "a registration that is written by another session",
      /and 103 wrote it/,
      () => new ClusterLog().write(sessionOf(3), { "brokers/2": { id: 2, status: "draining", failedReplicas: [] } }),
    ],
    [
      "a registration that another takes away",
      /was taken away by 103/,
      () => new ClusterLog().write(sessionOf(3), { "brokers/2": undefined }),
    ],
    ["a broker that calls itself another", /calls itself 9/, () => new ClusterLog().register(4, 104, { id: 9 })],
    [
      "a topic that is live without one of its partitions",
      /live without partition 1/,
      () => new ClusterLog().write(sessionOf(1), { "topics/orders": topic({ partitions: 2 }) }),
    ],
    [
      "a topic that goes without being deleted first",
      /was live, and is none/,
      () => new ClusterLog().write(sessionOf(1), { "topics/orders": undefined }),
    ],
    [
      "a topic that is gone while a partition is there",
      /is gone, and partitions/,
      () =>
        new ClusterLog()
          .write(sessionOf(1), { "topics/orders": topic({ state: "deleting" }) })
          .write(sessionOf(1), { "topics/orders": undefined }),
    ],
    [
      "an id that is given again",
      /which another had/,
      () => new ClusterLog().write(sessionOf(1), { "topics/other": topic({ partitions: 0 }) }),
    ],
    [
      "a topic that comes to life again",
      /was deleting, and is live/,
      () =>
        new ClusterLog()
          .write(sessionOf(1), { "topics/orders": topic({ state: "deleting" }) })
          .write(sessionOf(1), { "topics/orders": topic() }),
    ],
    [
      "an answer that leaves the request standing",
      /the request stayed/,
      () => new ClusterLog().write(900, { "requests/r-1": REQUEST }).write(sessionOf(1), { "results/k": { ok: true } }),
    ],
    [
      "a request that is answered twice",
      /answered twice/,
      () =>
        new ClusterLog()
          .write(900, { "requests/r-1": REQUEST })
          .write(900, { "requests/r-2": REQUEST })
          .write(sessionOf(1), { "requests/r-1": undefined, "results/k": { ok: true } })
          .write(sessionOf(1), { "requests/r-2": undefined, "results/k": { ok: true } }),
    ],
  ])("%s", (_, fault, log) => {
    expect(faultsOf(log())).toMatch(fault);
  });
});
