/** Who is in sync is so in one life of its broker: what it had before that ended, it may have lost with it. */
import { describe, expect, test } from "vitest";
import { drain } from "../src/controller/duties/drain.ts";
import { elections } from "../src/controller/duties/elections.ts";
import type { PartitionState } from "../src/partition/state.ts";
import { partitionCodec } from "../src/records.ts";
import { administered } from "./administering.ts";
import { fresh, startCluster, type TestCluster } from "./cluster.ts";
import { stand } from "./controllers.ts";
import { leaderWorld } from "./leaders.ts";

const LAG_MS = 30_000;

describe("the high watermark", () => {
  test("does not count what an in-sync follower had in an earlier life of its broker", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    part.appended(10);
    world.fetch(2, 10);
    world.fetch(3, 5);
    expect(part.highWatermark).toBe(5);
    await world.cluster.bounce(2);
    await world.idle();
    world.fetch(3, 10);
    expect(part.highWatermark).toBe(5);
    world.fetch(2, 7);
    expect(part.highWatermark).toBe(7);
    world.fetch(2, 10);
    expect(part.highWatermark).toBe(10);
  });

  test("goes on when the controller has taken a follower out that is not registered any more", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    part.appended(10);
    world.fetch(2, 10);
    await world.cluster.kill(2);
    await world.idle();
    world.fetch(3, 10);
    expect(part.highWatermark).toBe(0);
    await world.write(fresh([1, 2, 3], { isr: [1, 3] }));
    expect(part.highWatermark).toBe(10);
  });
});

describe("a follower in sync that bounced", () => {
  test("is not kept in sync by a leader that knows of it, whatever else that writes", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    part.appended(1);
    world.fetch(2, 1);
    await world.cluster.bounce(2);
    await world.advance(LAG_MS);
    world.fetch(2, 1);
    await world.advance(LAG_MS / 2);
    expect([world.stored().isr, part.state.isr]).toEqual([[1], [1]]);
    // In its new life it comes in as any other.
    world.fetch(2, 1);
    await world.idle();
    expect(world.stored().isr).toEqual([1, 2]);
  });

  test("is not kept in sync by a leader that does not know: its write is refused, and made anew without it", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const epoch = world.cluster.broker(3).registration.epoch as number;
    const deaf = world.cluster.server.faults.partition(world.started.client, { oneWay: "from-server" });
    await world.cluster.bounce(2);
    world.part().fetched(3, 0, epoch);
    await world.idle();
    expect([world.isrWrites, world.stored()]).toEqual([1, { isr: [1, 2], version: 0 }]);
    deaf.end();
    await world.advance(100);
    world.fetch(3, 0);
    await world.idle();
    expect(world.stored()).toEqual({ isr: [1, 3], version: 1 });
  });

  test("does not hold up what the leader writes of other partitions in the same transaction", async () => {
    await using world = await leaderWorld();
    const states = [fresh([1, 2, 3], { isr: [1, 2] }), fresh([1, 3], { isr: [1] }), fresh([1, 2, 3], { isr: [1, 2] })];
    await world.lead(states);
    const epoch = world.cluster.broker(3).registration.epoch as number;
    const deaf = world.cluster.server.faults.partition(world.started.client, { oneWay: "from-server" });
    await world.cluster.bounce(2);
    for (const at of states.keys()) world.part(at).fetched(3, 0, epoch);
    await world.idle();
    deaf.end();
    await world.advance(100);
    expect([0, 1, 2].map((at) => world.stored(at).isr)).toEqual([
      [1, 2],
      [1, 3],
      [1, 2],
    ]);
  });

  /** All that anybody ever wrote of a partition. */
  async function writesOf(cluster: TestCluster, topicId: string): Promise<PartitionState[]> {
    const seen: PartitionState[] = [];
    const client = await cluster.server.connect();
    const events = await client.subscribe(cluster.paths.partition(topicId, 0), { codec: partitionCodec });
    void (async () => {
      for await (const event of events) if (event.kind === "changed") seen.push(event.value);
    })().catch(() => undefined);
    return seen;
  }

  test("is not kept in sync by a controller that does not know, whatever that writes", async () => {
    await using cluster = await startCluster({ brokers: 4 });
    const id = await cluster.topic("orders", { replicas: [[3, 2, 4]] });
    await stand(cluster, 1, [elections, drain]);
    const seen = await writesOf(cluster, id);
    await cluster.change(4, { status: "draining" });
    // The controller decides, and what it sends is held up.
    const delayed = cluster.server.faults.partition(cluster.broker(1).client, { oneWay: "to-server" });
    await cluster.server.clock.runUntilIdle();
    await cluster.bounce(2);
    delayed.end();
    await cluster.settle(1_000);
    expect(cluster.partition(id, 0)).toEqual(fresh([3, 2, 4], { isr: [3] }));
    expect(seen.filter(({ isr }) => isr.includes(2))).toEqual([]);
  });

  test("is not kept in sync by what an administrator asked for", async () => {
    await using world = await administered({ brokers: 4 });
    const { admin, cluster } = world;
    const id = await cluster.topic("orders", { replicas: [[3, 2]] });
    const seen = await writesOf(cluster, id);
    await admin.refresh();
    const delayed = cluster.server.faults.partition(cluster.broker(1).client, { oneWay: "to-server" });
    const asked = admin.reassign([{ topic: "orders", partition: 0, replicas: [3, 2, 4] }]);
    await cluster.server.clock.runUntilIdle();
    await cluster.bounce(2);
    delayed.end();
    await cluster.settle(1_000);
    expect(await asked).toEqual([{ topic: "orders", partition: 0, error: undefined }]);
    expect(cluster.partition(id, 0)).toEqual(fresh([3, 2, 4], { adding: [4], isr: [3] }));
    expect(seen.filter(({ isr }) => isr.includes(2))).toEqual([]);
  });
});
