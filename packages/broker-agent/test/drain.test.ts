/** Controlled shutdown: a broker that drains gives away what it leads, and nothing waits for it. */
import { expect, test } from "vitest";
import { drain } from "../src/controller/duties/drain.ts";
import { elections } from "../src/controller/duties/elections.ts";
import { fresh, startCluster } from "./cluster.ts";
import { stand } from "./controllers.ts";

const DUTIES = [elections, drain];

test("a broker that drains leads nothing that another in sync can lead, and is in sync nowhere else", async () => {
  await using cluster = await startCluster();
  const id = await cluster.topic("orders", {
    states: [fresh([2, 3, 1]), fresh([3, 2, 1]), fresh([2, 3], { isr: [2] }), fresh([1, 3])],
  });
  await stand(cluster, 1, DUTIES);
  await cluster.change(2, { status: "draining" });
  await cluster.settle(1_000);
  expect(cluster.partition(id, 0)).toEqual(fresh([2, 3, 1], { leader: 3, leaderEpoch: 1, isr: [3, 1] }));
  expect(cluster.partition(id, 1)).toEqual(fresh([3, 2, 1], { isr: [3, 1] }));
  // Nobody else has everything: it goes with its leader.
  expect(cluster.partition(id, 2)).toEqual(fresh([2, 3], { isr: [2] }));
  expect(cluster.stored(id, 3).version).toBe(0);
});

test("what a draining broker still leads goes as soon as another one is in sync, or back", async () => {
  await using cluster = await startCluster();
  const id = await cluster.topic("orders", { states: [fresh([2, 3], { isr: [2] }), fresh([2, 3])] });
  await cluster.change(3, { status: "fenced" });
  await stand(cluster, 1, DUTIES);
  await cluster.settle(1_000);
  expect(cluster.partition(id, 1)).toEqual(fresh([2, 3], { isr: [2] }));
  await cluster.change(2, { status: "draining" });
  await cluster.settle(1_000);
  expect([0, 1].map((at) => cluster.partition(id, at).leader)).toEqual([2, 2]);
  await cluster.change(3, { status: "active" });
  // The leader takes it in, as it does with whoever has caught up.
  await cluster.write(id, 0, fresh([2, 3], { isr: [2, 3] }));
  await cluster.settle(1_000);
  expect(cluster.partition(id, 0)).toEqual(fresh([2, 3], { leader: 3, leaderEpoch: 1, isr: [3] }));
});

test("brokers that drain together do not hand their partitions to each other", async () => {
  await using cluster = await startCluster({ brokers: 4 });
  const id = await cluster.topic("orders", {
    replicas: [
      [2, 3, 4],
      [3, 2, 4],
      [2, 3],
    ],
  });
  await stand(cluster, 1, DUTIES);
  await Promise.all([cluster.change(2, { status: "draining" }), cluster.change(3, { status: "draining" })]);
  await cluster.settle(1_000);
  expect(cluster.partition(id, 0)).toMatchObject({ leader: 4, isr: [4] });
  expect(cluster.partition(id, 1)).toMatchObject({ leader: 4, isr: [4] });
  expect(cluster.partition(id, 2).leader).toBeOneOf([2, 3]);
});

test("a broker that drains when a new controller takes over is drained by that one", async () => {
  await using cluster = await startCluster();
  const id = await cluster.topic("orders", { replicas: [[2, 3]] });
  await cluster.change(2, { status: "draining" });
  await stand(cluster, 1, DUTIES);
  await cluster.settle(1_000);
  expect(cluster.partition(id, 0)).toMatchObject({ leader: 3, isr: [3] });
});

test("a broker that stops draining keeps what it is asked to keep, and takes part in elections again", async () => {
  await using cluster = await startCluster();
  const id = await cluster.topic("orders", { states: [fresh([2, 3])] });
  await stand(cluster, 1, DUTIES);
  await cluster.change(2, { status: "draining" });
  await cluster.settle(1_000);
  await cluster.change(2, { status: "active" });
  await cluster.write(id, 0, { ...cluster.partition(id, 0), isr: [3, 2] });
  await cluster.kill(3);
  await cluster.settle();
  expect(cluster.partition(id, 0)).toMatchObject({ leader: 2, leaderEpoch: 2, isr: [2] });
});

test("topics that are being deleted are left alone", async () => {
  await using cluster = await startCluster();
  const id = await cluster.topic("orders", { replicas: [[2, 3]], state: "deleting" });
  await stand(cluster, 1, DUTIES);
  await cluster.change(2, { status: "draining" });
  await cluster.settle(1_000);
  await cluster.kill(2);
  await cluster.settle();
  expect(cluster.stored(id, 0).version).toBe(0);
});
