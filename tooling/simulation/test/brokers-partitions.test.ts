/** The law of partitions refuses changes that must not be, and takes those that may look odd. */
import { describe, expect, test } from "vitest";
import { judgeBrokers } from "../src/check/brokers/judge.ts";
import { ClusterLog, KEY, partition, sessionOf } from "./brokers-made.ts";

const UNCLEAN = { values: { "unclean.leader.election.enable": "true" } };

const faultsOf = (log: ClusterLog): string =>
  judgeBrokers(log.transactions, [])
    .map(({ what }) => what)
    .join("\n");

describe("takes", () => {
  test.each<[what: string, log: () => ClusterLog]>([
    [
      "a leader that takes out who lags, and takes him in again",
      () => new ClusterLog().become(1, partition({ isr: [1, 3] })).become(1, partition({ isr: [1, 3, 2] })),
    ],
    [
      "an election of who was in sync, when the leader is gone",
      () => new ClusterLog().expire(sessionOf(1)).become(2, partition({ leader: 2, leaderEpoch: 1, isr: [2, 3] })),
    ],
    [
      "a partition that nobody leads, with the last one known in sync, though he is gone",
      () =>
        new ClusterLog(partition({ isr: [1] }))
          .expire(sessionOf(1))
          .become(2, partition({ leader: null, leaderEpoch: 1, isr: [1] })),
    ],
    [
      "the same broker as leader in another epoch, when it was away and nobody else was in sync",
      () =>
        new ClusterLog(partition({ leader: 3, isr: [3] }))
          .expire(sessionOf(3))
          .register(3, 203)
          .become(1, partition({ leader: 3, leaderEpoch: 1, isr: [3] })),
    ],
    [
      "a stranger that is made leader where that is allowed, and a log that is repaired then",
      () =>
        new ClusterLog(partition({ isr: [3], leader: 3 }))
          .write(sessionOf(1), { "config/topics/orders": UNCLEAN })
          .expire(sessionOf(3))
          .become(1, partition({ leader: 2, leaderEpoch: 1, isr: [2], recovering: true }))
          .become(2, partition({ leader: 2, leaderEpoch: 1, isr: [2] })),
    ],
    [
      "a stranger that somebody asked for, in the transaction that answers",
      () =>
        new ClusterLog(partition({ isr: [3], leader: 3 }))
          .write(900, { "requests/r-1": { op: "electLeaders", args: { kind: "unclean" }, key: "k", by: "x" } })
          .expire(sessionOf(3))
          .write(sessionOf(1), {
            "requests/r-1": undefined,
            "results/k": { ok: true },
            [`partitions/${KEY}`]: partition({ leader: 2, leaderEpoch: 1, isr: [2], recovering: true }),
          }),
    ],
    [
      "an election of who said only afterwards that its disk had failed",
      () =>
        new ClusterLog()
          .expire(sessionOf(1))
          .write(sessionOf(3), { "brokers/3": { id: 3, status: "active", failedReplicas: [KEY] } })
          .become(2, partition({ leader: 3, leaderEpoch: 1, isr: [3, 2] })),
    ],
    [
      "a reassignment that takes its leader away: another epoch, and another leader",
      () =>
        new ClusterLog()
          .become(1, partition({ replicas: [2, 3, 1], removing: [1] }))
          .become(1, partition({ replicas: [2, 3], leader: 2, leaderEpoch: 1, isr: [2, 3] })),
    ],
  ])("%s", (_, log) => {
    expect(faultsOf(log())).toBe("");
  });
});

describe("refuses", () => {
  test.each<[what: string, fault: RegExp, log: () => ClusterLog]>([
    ["another leader in the same epoch", /rises by 0/, () => new ClusterLog().become(1, partition({ leader: 2 }))],
    [
      "an epoch that falls",
      /epoch falls/,
      () =>
        new ClusterLog(partition())
          .become(1, partition({ leader: 2, leaderEpoch: 1 }))
          .become(1, partition({ leader: 2 })),
    ],
    [
      "an epoch that is left out",
      /rises by 2/,
      () => new ClusterLog().become(1, partition({ leader: 2, leaderEpoch: 2 })),
    ],
    [
      "a leader that was not in sync",
      /was not in sync before, and nobody allowed/,
      () => new ClusterLog(partition({ isr: [1, 2] })).become(1, partition({ leader: 3, leaderEpoch: 1, isr: [3, 2] })),
    ],
    [
      "a stranger that leads where that is allowed, and nothing says so",
      /nothing says so/,
      () =>
        new ClusterLog(partition({ isr: [1, 2] }))
          .write(sessionOf(1), { "config/topics/orders": UNCLEAN })
          .become(1, partition({ leader: 3, leaderEpoch: 1, isr: [3] })),
    ],
    [
      "a leader that is not in sync by the state itself",
      /is not in sync/,
      () => new ClusterLog().become(1, partition({ isr: [2, 3] })),
    ],
    [
      "a leader that has been gone for a while",
      /not there|not registered/,
      () => new ClusterLog().expire(sessionOf(3)).become(1, partition({ leader: 3, leaderEpoch: 1 })),
    ],
    [
      "who was away as leader, where another was there all the time",
      /was there all the time/,
      () =>
        new ClusterLog(partition({ leader: 3 }))
          .expire(sessionOf(3))
          .register(3, 203)
          .become(1, partition({ leader: 3, leaderEpoch: 1, isr: [3, 1, 2] })),
    ],
    [
      "a change by one who neither leads nor is controller",
      /neither the controller/,
      () => new ClusterLog().become(2, partition({ isr: [1, 2] })),
    ],
    [
      "a leader that elects another",
      /neither the controller/,
      () => new ClusterLog(partition({ leader: 2 })).become(2, partition({ leader: 3, leaderEpoch: 1 })),
    ],
    [
      "a leader of an earlier life that changes who is in sync",
      /neither the controller/,
      () =>
        new ClusterLog(partition({ leader: 2 }))
          .expire(sessionOf(2))
          .register(2, 202)
          .write(202, { [`partitions/${KEY}`]: partition({ leader: 2, isr: [2, 1] }) }),
    ],
    [
      "a leader that takes in who is fenced",
      /takes in 3, which is fenced/,
      () =>
        new ClusterLog(partition({ leader: 2, isr: [2] }))
          .write(sessionOf(3), { "brokers/3": { id: 3, status: "fenced", failedReplicas: [] } })
          .become(2, partition({ leader: 2, isr: [2, 3] })),
    ],
    [
      "a leader that keeps in sync who has another life",
      /keeps 3, which has another life/,
      () =>
        new ClusterLog(partition({ leader: 2 }))
          .expire(sessionOf(3))
          .register(3, 203)
          .become(2, partition({ leader: 2, isr: [2, 3] })),
    ],
    [
      "nobody in sync",
      /nobody is in sync/,
      () => new ClusterLog().become(1, partition({ leader: null, leaderEpoch: 1, isr: [] })),
    ],
  ])("%s", (_, fault, log) => {
    expect(faultsOf(log())).toMatch(fault);
  });
});
