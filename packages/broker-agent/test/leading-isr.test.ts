import { describe, expect, test } from "vitest";
import { fresh } from "./cluster.ts";
import { LEADER, leaderWorld, type LeaderWorld } from "./leaders.ts";

const LAG_MS = 30_000;

/** Followers that fetch all the time, from the end. */
async function fetching(world: LeaderWorld, followers: readonly number[], ms: number, offset: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    for (const follower of followers) world.fetch(follower, offset);
    await world.advance(1_000);
  }
}

describe("a follower that falls behind", () => {
  test("leaves the in-sync replicas after replica.lag.time.max.ms, and is not waited for any more", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    part.appended(5);
    await fetching(world, [2], LAG_MS - 1_000, 5);
    expect([world.stored().isr, part.highWatermark]).toEqual([[1, 2, 3], 0]);
    await fetching(world, [2], LAG_MS, 5);
    expect([world.stored(), part.highWatermark]).toEqual([{ isr: [1, 2], version: 1 }, 5]);
    expect(part.token.version).toBe(1);
  });

  test("stays if it is as fast as the leader, though it never reaches the end", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2])]);
    const part = world.part();
    for (let second = 1; second <= 100; second += 1) {
      part.appended(second * 10);
      world.fetch(2, (second - 1) * 10);
      await world.advance(1_000);
    }
    expect(world.stored().isr).toEqual([1, 2]);
  });

  test("by another setting is found sooner, from the moment it is set", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2])]);
    world.part().appended(1);
    await world.advance(5_000);
    await world.cluster.configureAll({ "replica.lag.time.max.ms": "2000" });
    await world.advance(3_000);
    expect(world.stored().isr).toEqual([1]);
  });

  test("is not one that could not be heard because the leader stood still", async () => {
    await using world = await leaderWorld();
    await world.cluster.configureAll({ "replica.lag.time.max.ms": "1000" });
    await world.lead([fresh([1, 2])]);
    world.part().appended(1);
    world.fetch(2, 1);
    world.cluster.server.faults.stallClient(world.started.client, 3_000);
    world.part().appended(2);
    await world.advance(3_001);
    // Its fetches have been waiting all the while.
    world.fetch(2, 2);
    await world.advance(2_000);
    expect([world.stored().isr, world.isrWrites]).toEqual([[1, 2], 0]);
  });
});

describe("a follower that catches up", () => {
  test("comes in when it has all that is committed, and the beginning of the leader's epoch", async () => {
    await using world = await leaderWorld();
    world.topicId = await world.cluster.topic("t", { states: [fresh([1, 2, 3], { isr: [1, 2] })] });
    await world.idle();
    const part = world.part();
    part.appended(10);
    world.fetch(3, 9);
    await world.idle();
    expect(world.stored().isr).toEqual([1, 2]);
    part.appended(20);
    world.fetch(2, 15);
    world.fetch(3, 14);
    await world.idle();
    expect([part.highWatermark, world.stored().isr]).toEqual([15, [1, 2]]);
    world.fetch(3, 15);
    await world.idle();
    expect(world.stored()).toEqual({ isr: [1, 2, 3], version: 1 });
    expect(part.state.isr).toEqual([1, 2, 3]);
  });

  test.each<[string, (world: LeaderWorld) => Promise<unknown>]>([
    ["is fenced", (world) => world.cluster.change(3, { status: "fenced" })],
    ["drains", (world) => world.cluster.change(3, { status: "draining" })],
    ["is not registered", (world) => world.cluster.kill(3)],
    ["has lost that replica", (world) => world.cluster.change(3, { failedReplicas: [`${world.topicId}/0`] })],
  ])("does not come in while its broker %s", async (_, make) => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const epoch = world.cluster.broker(3).registration.epoch as number;
    await make(world);
    await world.idle();
    world.part().fetched(3, 0, epoch);
    await world.idle();
    expect([world.stored().isr, world.isrWrites]).toEqual([[1, 2], 0]);
  });

  test("does not come in by a fetch of an earlier life, and does by one of its present life", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const early = world.cluster.broker(3).registration.epoch as number;
    await world.cluster.bounce(3);
    await world.idle();
    world.part().fetched(3, 0, early);
    await world.idle();
    expect(world.stored().isr).toEqual([1, 2]);
    world.fetch(3, 0);
    await world.idle();
    expect(world.stored().isr).toEqual([1, 2, 3]);
  });

  test.each<[string, (world: LeaderWorld) => Promise<unknown>]>([
    ["began to drain", (world) => world.cluster.change(3, { status: "draining" })],
    ["was fenced", (world) => world.cluster.change(3, { status: "fenced" })],
    ["died", (world) => world.cluster.kill(3)],
    ["bounced", (world) => world.cluster.bounce(3)],
  ])("is refused by the server if its broker %s and the leader could not know yet", async (_, make) => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const epoch = world.cluster.broker(3).registration.epoch as number;
    // Nothing reaches the leader, and what it asks reaches the server.
    const deaf = world.cluster.server.faults.partition(world.started.client, { oneWay: "from-server" });
    await make(world);
    world.part().fetched(3, 0, epoch);
    await world.idle();
    expect([world.isrWrites, world.stored()]).toEqual([1, { isr: [1, 2], version: 0 }]);
    deaf.end();
    await world.advance(100);
    expect([world.part().state.isr, world.part().isValid]).toEqual([[1, 2], true]);
  });

  test("that was refused comes in when what was in the way has passed", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const deaf = world.cluster.server.faults.partition(world.started.client, { oneWay: "from-server" });
    await world.cluster.change(3, { seenZxid: 7 });
    world.fetch(3, 0);
    await world.idle();
    deaf.end();
    await world.advance(100);
    expect(world.stored().isr).toEqual([1, 2]);
    world.fetch(3, 0);
    await world.idle();
    expect(world.stored().isr).toEqual([1, 2, 3]);
  });
});

describe("a change under way", () => {
  test("is the only one of its partition, and the larger set counts until its outcome is known", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1] })]);
    const part = world.part();
    const silent = world.cluster.server.faults.partition(world.started.client, { oneWay: "from-server" });
    world.fetch(2, 0);
    await world.idle();
    world.fetch(3, 0);
    part.appended(3);
    await world.idle();
    expect([world.isrWrites, world.stored().isr]).toEqual([1, [1, 2]]);
    world.fetch(3, 3);
    expect([part.state.isr, part.highWatermark]).toEqual([[1], 0]);
    world.fetch(2, 2);
    expect(part.highWatermark).toBe(2);
    silent.end();
    await world.advance(100);
    expect(part.state.isr).toEqual([1, 2]);
    world.fetch(3, 3);
    await world.idle();
    expect([world.isrWrites, world.stored().isr]).toEqual([2, [1, 2, 3]]);
  });

  test("counts though the follower that it brings falls behind meanwhile: it may be in sync already", async () => {
    await using world = await leaderWorld();
    await world.cluster.configureAll({ "replica.lag.time.max.ms": "1000" });
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const part = world.part();
    const deaf = world.cluster.server.faults.partition(world.started.client, { oneWay: "from-server" });
    part.appended(1);
    world.fetch(2, 1);
    world.fetch(3, 1);
    await world.idle();
    expect([world.stored().isr, part.state.isr]).toEqual([
      [1, 2, 3],
      [1, 2],
    ]);
    for (let i = 0; i < 20; i += 1) {
      part.appended(2 + i);
      world.fetch(2, 2 + i);
      await world.advance(100);
    }
    expect([part.isValid, part.highWatermark]).toEqual([true, 1]);
    deaf.end();
  });

  test.each(["dropReply", "dropRequest"] as const)("is made once, whatever is lost on its way: %s", async (fault) => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const part = world.part();
    part.appended(4);
    world.fetch(2, 4);
    const dropping = world.cluster.server.faults[fault]({ op: "multiEach" });
    world.fetch(3, 4);
    await world.advance(5_000);
    expect([dropping.hits, world.stored(), part.token.version]).toEqual([1, { isr: [1, 2, 3], version: 1 }, 1]);
    part.appended(5);
    world.fetch(2, 5);
    expect(part.highWatermark).toBe(4);
  });

  test("that was overtaken counts on until the image shows what stands there instead", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const part = world.part();
    const deaf = world.cluster.server.faults.partition(world.started.client, { oneWay: "from-server" });
    // The controller takes the second one out; the leader does not know, and asks for the third one.
    await world.cluster.write(world.topicId, 0, fresh([1, 2, 3], { isr: [1] }));
    part.appended(1);
    world.fetch(3, 1);
    world.fetch(2, 1);
    await world.idle();
    expect(world.stored()).toEqual({ isr: [1], version: 1 });
    part.appended(2);
    world.fetch(2, 2);
    expect(part.highWatermark).toBe(1);
    deaf.end();
    await world.advance(100);
    expect([part.state.isr, part.token.version]).toEqual([[1], 1]);
    expect(part.isValid).toBe(true);
  });

  test("that the server refuses for other reasons is told, and tried again with pauses", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const path = world.cluster.paths.partition(world.topicId, 0);
    const { acl } = await world.cluster.client.getAcl(path);
    await world.cluster.client.setAcl(path, [{ ...acl[0]!, permissions: 17 }]);
    for (let i = 0; i < 50; i += 1) {
      world.fetch(3, 0);
      await world.advance(10);
    }
    expect(world.host.errors.map(({ where }) => where)).toContain("writing in-sync replicas");
    expect(world.isrWrites).toBeLessThan(40);
    await world.cluster.client.setAcl(path, acl);
    await world.advance(2_000);
    world.fetch(3, 0);
    await world.advance(2_000);
    expect(world.stored().isr).toEqual([1, 2, 3]);
  });
});

describe("a leader that is none any more", () => {
  test("cut off for longer than its session, it writes nothing, and knows that it is over at its first look", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    part.appended(1);
    const waiting = part.committed(1);
    const { client } = world.started;
    world.cluster.server.faults.stallClient(client, 20_000);
    await world.cluster.server.faults.expire(client);
    await world.cluster.write(world.topicId, 0, fresh([1, 2, 3], { leader: 2, leaderEpoch: 1, isr: [2, 3] }));
    await world.advance(19_000);
    // It wakes up in the middle of a fetch: nothing has told it anything yet.
    expect([part.signal.aborted, part.isValid, part.canAppend]).toEqual([false, false, "NOT_LEADER"]);
    world.fetch(2, 1);
    world.fetch(3, 1);
    expect(part.highWatermark).toBe(0);
    expect(await part.committed(1)).toBe("NOT_LEADER");
    await world.advance(5_000);
    expect(await waiting).toBe("NOT_LEADER");
    expect(world.stored()).toEqual({ isr: [2, 3], version: 1 });
  });

  test("deposed by the deletion of its znode, it learns that from the first write that is refused", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const part = world.part();
    const deaf = world.cluster.server.faults.partition(world.started.client, { oneWay: "from-server" });
    await world.cluster.client.delete(world.cluster.paths.broker(LEADER));
    world.fetch(3, 0);
    await world.idle();
    expect(world.stored()).toEqual({ isr: [1, 2], version: 0 });
    deaf.end();
    await world.advance(1_000);
    expect([part.isValid, part.signal.aborted]).toEqual([false, true]);
    // Back in a new life, it leads nothing of what the earlier one led.
    expect(world.agent.leading(world.topicId, 0)).toBeUndefined();
    expect(world.host.lines.at(-1)).toBe("follow t-0 nobody@0");
  });
});

describe("many partitions", () => {
  test("whose follower died are written together: some dozens of requests for thousands of them, each once", async () => {
    await using world = await leaderWorld();
    const partitions = 2_000;
    await world.lead(Array.from({ length: partitions }, () => fresh([1, 2, 3])));
    for (let at = 0; at < partitions; at += 1) {
      world.part(at).appended(1);
      world.fetch(2, 1, at);
    }
    await world.advance(LAG_MS - 1_000);
    for (let at = 0; at < partitions; at += 1) world.fetch(2, 1, at);
    await world.advance(LAG_MS / 2 + 2_000);
    expect(world.isrWrites).toBe(4);
    const stored = [...world.cluster.storedAll(world.topicId).values()];
    expect(new Set(stored.map(({ state, version }) => `${state.isr} ${version}`))).toEqual(new Set(["1,2 1"]));

    // It is back, and comes in everywhere.
    for (let at = 0; at < partitions; at += 1) world.fetch(3, 1, at);
    await world.advance(100);
    expect(world.isrWrites).toBe(8);
    expect(world.part(partitions - 1).state.isr).toEqual([1, 2, 3]);
  });
});

describe("after an unclean election", () => {
  test("nobody comes in before the host says that the log is repaired, and then they do", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1], recovering: true })]);
    const part = world.part();
    world.fetch(2, 0);
    await world.idle();
    expect(world.isrWrites).toBe(0);
    const both = [part.recovered(), part.recovered()];
    await Promise.all(both);
    expect([part.state.recovering, world.isrWrites]).toEqual([false, 1]);
    world.fetch(2, 0);
    await world.idle();
    expect(world.stored().isr).toEqual([1, 2]);
    await part.recovered();
    expect(world.isrWrites).toBe(2);
  });

  test("the repair is written though somebody else writes at the same moment", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1], recovering: true })]);
    const other = fresh([1, 2, 3], { isr: [1], recovering: true, adding: [3] });
    const writing = world.cluster.write(world.topicId, 0, other);
    const repaired = world.part().recovered();
    await Promise.all([writing, repaired]);
    const { state } = world.cluster.stored(world.topicId, 0);
    expect([state.recovering, state.adding]).toEqual([false, [3]]);
  });

  test("who leads no more cannot say so", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1], recovering: true })]);
    const part = world.part();
    const cut = world.cluster.server.faults.partition(world.started.client);
    const repaired = part.recovered();
    repaired.catch(() => undefined);
    await world.advance(20_000);
    await expect(repaired).rejects.toMatchObject({ code: "SESSION_EXPIRED" });
    await expect(part.recovered()).rejects.toMatchObject({ code: "SESSION_EXPIRED" });
    cut.end();
    await world.advance(5_000);
    const { state } = world.cluster.stored(world.topicId, 0);
    expect(state).toEqual(fresh([1, 2, 3], { isr: [1], recovering: true }));
  });
});
