/** Offline elections: whoever leads lives, whoever counts as in sync lives, and who may not lead does not. */
import { describe, expect, test } from "vitest";
import { drain } from "../src/controller/duties/drain.ts";
import { elections } from "../src/controller/duties/elections.ts";
import { encodeName } from "../src/layout.ts";
import type { PartitionState } from "../src/partition/state.ts";
import { fresh, startCluster, type TestCluster } from "./cluster.ts";
import { stand, standAll } from "./controllers.ts";

const UNCLEAN = { "unclean.leader.election.enable": "true" };

/** The controller, broker 1, hears of all of it at once: nobody remembers what happened when. */
async function unnoticed(cluster: TestCluster, act: () => Promise<void>): Promise<void> {
  const { faults } = cluster.server;
  const { client } = cluster.broker(1);
  const cutOff = faults.partition(client);
  await act();
  faults.forgetHistory();
  faults.cut(client);
  cutOff.end();
  await cluster.settle(1_000);
}

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

  test("all in-sync replicas that die together stay as the last known, and the first that is back leads", async () => {
    await using cluster = await startCluster({ brokers: 4 });
    const id = await cluster.topic("orders", { states: [fresh([2, 3, 4], { isr: [2, 3] })] });
    const { server } = cluster;
    server.faults.partition(cluster.broker(2).client);
    server.faults.partition(cluster.broker(3).client);
    await cluster.settle();
    await stand(cluster, 1, [elections]);
    await cluster.settle(1_000);
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3, 4], { leader: null, leaderEpoch: 1, isr: [2, 3] }));
    await cluster.start(3);
    await cluster.settle(1_000);
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3, 4], { leader: 3, leaderEpoch: 2, isr: [3] }));
  });

  test("only its partitions are looked at: the writes are as many as they are", async () => {
    await using cluster = await startCluster({ brokers: 6 });
    const replicas = Array.from({ length: 60 }, (_, at) => [1 + (at % 3), 4 + (at % 3)]);
    const id = await cluster.topic("orders", { replicas });
    await stand(cluster, 1, [elections]);
    const before = cluster.server.requests({ op: "multiEach" }).length;
    await cluster.kill(6);
    await cluster.settle();
    const versions = [...cluster.storedAll(id).values()].map(({ version }) => version);
    expect(versions.filter((version) => version > 0)).toHaveLength(20);
    expect(cluster.server.requests({ op: "multiEach" }).length - before).toBe(1);
  });
});

describe("a broker that is back before anybody has acted", () => {
  test("is no leader of before: another in sync leads, and it has to catch up anew", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", {
      replicas: [
        [2, 3],
        [3, 2],
      ],
    });
    await stand(cluster, 1, [elections]);
    await unnoticed(cluster, () => cluster.bounce(2));
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3], { leader: 3, leaderEpoch: 1, isr: [3] }));
    expect(cluster.partition(id, 1)).toEqual(fresh([3, 2], { isr: [3] }));
  });

  test("leads again where nobody else is in sync, in a leader epoch of its new life", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", { states: [fresh([2, 3], { isr: [2] })] });
    await stand(cluster, 1, [elections]);
    await unnoticed(cluster, () => cluster.bounce(2));
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3], { leaderEpoch: 1, isr: [2] }));
    expect(cluster.stored(id, 0).mzxid).toBeGreaterThan(cluster.broker(2).registration.epoch ?? Infinity);
  });

  test("leads alone where all in sync were away: what the others have, who knows", async () => {
    await using cluster = await startCluster({ brokers: 4 });
    const id = await cluster.topic("orders", { states: [fresh([2, 3, 4], { isr: [2, 3] })] });
    await stand(cluster, 1, [elections]);
    await unnoticed(cluster, async () => {
      await cluster.bounce(2);
      await cluster.bounce(3);
    });
    await cluster.settle();
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3, 4], { leader: 2, leaderEpoch: 1, isr: [2] }));
  });

  test("leads alone where nobody led, though the state is younger than its registration", async () => {
    await using cluster = await startCluster();
    const states = [fresh([3, 2, 1], { leader: null, leaderEpoch: 4, isr: [3, 2] })];
    const id = await cluster.topic("orders", { states });
    await cluster.write(id, 0, states[0] as PartitionState);
    await stand(cluster, 1, [elections]);
    await cluster.settle();
    expect(cluster.partition(id, 0)).toEqual(fresh([3, 2, 1], { leader: 3, leaderEpoch: 5, isr: [3] }));
  });

  test("is found by a controller that was none yet when that happened", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", {
      replicas: [
        [2, 3],
        [3, 2],
        [1, 3],
      ],
    });
    await cluster.bounce(2);
    await stand(cluster, 1, [elections]);
    await cluster.settle(1_000);
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3], { leader: 3, leaderEpoch: 1, isr: [3] }));
    expect(cluster.partition(id, 1)).toEqual(fresh([3, 2], { isr: [3] }));
    expect(cluster.stored(id, 2).version).toBe(0);
  });
});

describe("who may not lead", () => {
  test("is a fenced broker: it leads nothing, and is in sync nowhere but as the last known", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", { states: [fresh([2, 3]), fresh([2, 3], { isr: [2] }), fresh([3, 2])] });
    await stand(cluster, 1, [elections]);
    await cluster.change(2, { status: "fenced" });
    await cluster.settle(1_000);
    expect(cluster.partition(id, 0)).toMatchObject({ leader: 3, isr: [3] });
    expect(cluster.partition(id, 1)).toMatchObject({ leader: null, isr: [2] });
    expect(cluster.partition(id, 2)).toMatchObject({ leader: 3, leaderEpoch: 0, isr: [3] });
    await cluster.change(2, { status: "active" });
    await cluster.settle(1_000);
    expect(cluster.partition(id, 1)).toMatchObject({ leader: 2, leaderEpoch: 2 });
  });

  test("is a broker whose replica has failed, for that partition and no other", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", {
      replicas: [
        [2, 3],
        [2, 3],
        [3, 2],
      ],
    });
    await stand(cluster, 1, [elections]);
    await cluster.change(2, { failedReplicas: [`${id}/0`, `${id}/2`] });
    await cluster.settle(1_000);
    expect(cluster.partition(id, 0)).toMatchObject({ leader: 3, isr: [3] });
    expect(cluster.stored(id, 1).version).toBe(0);
    expect(cluster.partition(id, 2)).toMatchObject({ leader: 3, isr: [3] });
  });
});

describe("an unclean election", () => {
  const lost = async () => {
    const cluster = await startCluster();
    const [mine, other] = [
      await cluster.topic("my.orders", { states: [fresh([2, 3], { isr: [2] })] }),
      await cluster.topic("payments", { states: [fresh([2, 3], { isr: [2] })] }),
    ];
    await stand(cluster, 1, [elections]);
    await cluster.kill(2);
    await cluster.settle();
    expect([mine, other].map((id) => cluster.partition(id, 0).leader)).toEqual([null, null]);
    return { cluster, mine, other };
  };
  const uncleanly = fresh([2, 3], { leader: 3, leaderEpoch: 2, isr: [3], recovering: true });

  test("takes place at once when it is allowed for a topic, and for that topic only", async () => {
    const { cluster, mine, other } = await lost();
    await using _ = cluster;
    await cluster.configure("topics", encodeName("my.orders"), UNCLEAN);
    await cluster.settle(1_000);
    expect(cluster.partition(mine, 0)).toEqual(uncleanly);
    expect(cluster.partition(other, 0).leader).toBe(null);
  });

  test("takes place at once when it is allowed for all, but not where a topic forbids it", async () => {
    const { cluster, mine, other } = await lost();
    await using _ = cluster;
    await cluster.configure("topics", encodeName("my.orders"), { "unclean.leader.election.enable": "false" });
    await cluster.configureAll(UNCLEAN);
    await cluster.settle(1_000);
    expect(cluster.partition(mine, 0).leader).toBe(null);
    expect(cluster.partition(other, 0)).toEqual(uncleanly);
  });

  test("is never one while a replica in sync lives that drains: that one leads until another has caught up", async () => {
    await using cluster = await startCluster({ brokers: 4 });
    const id = await cluster.topic("orders", { states: [fresh([2, 3, 4], { isr: [2, 3] })] });
    await cluster.configureAll(UNCLEAN);
    // The leader dies, and the other one begins to drain, before anybody is controller.
    await cluster.kill(2);
    await cluster.change(3, { status: "draining" });
    await stand(cluster, 1, [elections, drain]);
    await cluster.settle(1_000);
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3, 4], { leader: 3, leaderEpoch: 1, isr: [3] }));
    await cluster.write(id, 0, { ...cluster.partition(id, 0), isr: [3, 4] });
    await cluster.settle(1_000);
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 3, 4], { leader: 4, leaderEpoch: 2, isr: [4] }));
  });

  test("is never one while a replica in sync lives, though it is allowed", async () => {
    await using cluster = await startCluster();
    const id = await cluster.topic("orders", { states: [fresh([2, 1, 3], { isr: [2, 3] })] });
    await cluster.configureAll(UNCLEAN);
    await stand(cluster, 1, [elections]);
    await cluster.kill(2);
    await cluster.settle();
    expect(cluster.partition(id, 0)).toEqual(fresh([2, 1, 3], { leader: 3, leaderEpoch: 1, isr: [3] }));
  });
});

test("a change of the in-sync replicas by the leader, at the same time, is kept", async () => {
  await using cluster = await startCluster({ brokers: 4 });
  const id = await cluster.topic("orders", { states: [fresh([3, 2, 4], { isr: [3, 2] }), fresh([3, 2, 4])] });
  await stand(cluster, 1, [elections]);
  // The controller decides, and what it sends is held up.
  const delayed = cluster.server.faults.partition(cluster.broker(1).client, { oneWay: "to-server" });
  await cluster.kill(2);
  await cluster.server.clock.runUntilIdle();
  await cluster.write(id, 0, fresh([3, 2, 4], { isr: [3, 2, 4] }));
  delayed.end();
  await cluster.settle(1_000);
  expect(cluster.partition(id, 0)).toEqual(fresh([3, 2, 4], { isr: [3, 4] }));
  expect(cluster.partition(id, 1)).toEqual(fresh([3, 2, 4], { isr: [3, 4] }));
  expect(cluster.stored(id, 0).version).toBe(2);
});

test("partitions of topics that are being deleted, or of none, are left alone", async () => {
  await using cluster = await startCluster();
  const deleting = await cluster.topic("old", { replicas: [[2, 3]], state: "deleting" });
  const orphan = await cluster.topic("gone", { replicas: [[2, 3]] });
  await cluster.client.delete(cluster.paths.topic("gone"));
  const creating = await cluster.topic("new", { replicas: [[2, 3]], state: "creating" });
  await stand(cluster, 1, [elections]);
  await cluster.kill(2);
  await cluster.settle();
  expect([deleting, orphan].map((id) => cluster.stored(id, 0).version)).toEqual([0, 0]);
  expect(cluster.partition(creating, 0).leader).toBe(3);
});
