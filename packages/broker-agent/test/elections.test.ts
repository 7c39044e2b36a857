/** Offline elections: whoever leads lives, whoever counts as in sync lives, and who may not lead does not. */
import { describe, expect, test } from "vitest";
import { elections } from "../src/controller/duties/elections.ts";
import { fresh, startCluster } from "./cluster.ts";
import { stand, standAll } from "./controllers.ts";

describe("when a broker dies", () => {
  test("each partition that it led is led by the next in-sync replica, in a new leader epoch, and it is in sync nowhere", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", {
      replicas: [
        [1, 2, 3],
        [2, 3, 1],
        [3, 1, 2],
      ],
    });
    await standAll(cluster, [elections]);
    await cluster.kill(2);
    await cluster.settle();
    expect(cluster.partition(id, 0)).toEqual(fresh([1, 2, 3], { isr: [1, 3] }));
    expect(cluster.partition(id, 1)).toEqual(fresh([2, 3, 1], { leader: 3, leaderEpoch: 1, isr: [3, 1] }));
    expect(cluster.partition(id, 2)).toEqual(fresh([3, 1, 2], { isr: [3, 1] }));
  });

  test("a partition without another in-sync replica is led by nobody until that broker is back", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", { states: [fresh([3, 2], { isr: [3] })] });
    await stand(cluster, 1, [elections]);
    await cluster.kill(3);
    await cluster.settle();
    expect(cluster.partition(id, 0)).toEqual(fresh([3, 2], { leader: null, leaderEpoch: 1, isr: [3] }));
    await cluster.start(3);
    await cluster.settle();
    expect(cluster.partition(id, 0)).toEqual(fresh([3, 2], { leader: 3, leaderEpoch: 2, isr: [3] }));
  });
});
