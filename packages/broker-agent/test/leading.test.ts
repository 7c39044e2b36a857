import { describe, expect, test } from "vitest";
import { LISTENERS_MAX, WAITERS_MAX } from "../src/host/limits.ts";
import { fresh } from "./cluster.ts";
import { leaderWorld } from "./leaders.ts";

const MIN_IN_SYNC = { "min.insync.replicas": "2" };

describe("the high watermark", () => {
  test("is where all that are in sync have come to, and never falls", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    const told: number[] = [];
    const stop = part.onHighWatermark((offset) => told.push(offset));
    part.appended(10);
    world.fetch(2, 10);
    expect(part.highWatermark).toBe(0);
    world.fetch(3, 7);
    expect(part.highWatermark).toBe(7);
    // A follower that was truncated fetches from before.
    world.fetch(3, 4);
    expect(part.highWatermark).toBe(7);
    world.fetch(3, 10);
    stop();
    part.appended(11);
    world.fetch(2, 11);
    world.fetch(3, 11);
    expect([told, part.highWatermark]).toEqual([[7, 10], 11]);
  });

  test("is 0 before the host has said where its log ends, and no fetch before that counts", async () => {
    await using world = await leaderWorld();
    world.topicId = await world.cluster.topic("t", { states: [fresh([1, 2])] });
    await world.idle();
    const part = world.part();
    world.fetch(2, 100);
    expect(part.highWatermark).toBe(0);
    part.appended(50);
    expect(part.highWatermark).toBe(0);
    world.fetch(2, 50);
    expect(part.highWatermark).toBe(50);
  });

  test("does not count who is no replica, an earlier life of a follower, nor what is beyond the log", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2])]);
    const part = world.part();
    const early = world.cluster.broker(2).registration.epoch as number;
    await world.cluster.bounce(2);
    await world.idle();
    part.appended(5);
    world.fetch(2, 1);
    world.fetch(3, 5);
    part.fetched(9, 5, 1);
    part.fetched(2, 5, early);
    world.fetch(2, 6);
    expect(part.highWatermark).toBe(1);
  });

  test("stands still while fewer are in sync than are required, and goes on when the setting changes", async () => {
    await using world = await leaderWorld();
    await world.cluster.configureAll(MIN_IN_SYNC);
    await world.lead([fresh([1, 2, 3], { isr: [1] })]);
    const part = world.part();
    part.appended(3);
    expect([part.highWatermark, part.canAppend]).toEqual([0, "NOT_ENOUGH_REPLICAS"]);
    await world.cluster.configure("topics", "t", { "min.insync.replicas": "1" });
    await world.idle();
    expect([part.highWatermark, part.canAppend]).toEqual([3, true]);
  });

  test("waits for a follower that is caught up and may come in at any moment", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2, 3], { isr: [1, 2] })]);
    const part = world.part();
    const cut = world.cluster.server.faults.partition(world.started.client);
    world.fetch(3, 0);
    part.appended(4);
    world.fetch(2, 4);
    expect(part.highWatermark).toBe(0);
    world.fetch(3, 4);
    expect(part.highWatermark).toBe(4);
    cut.end();
  });

  test("has listeners up to a bound, each of which may throw without harm to the others", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1])]);
    const part = world.part();
    const told: number[] = [];
    part.onHighWatermark(() => {
      throw new Error("listener");
    });
    for (let i = 1; i < LISTENERS_MAX; i += 1) part.onHighWatermark((offset) => told.push(offset));
    expect(() => part.onHighWatermark(() => {})).toThrow(/LIMIT_EXCEEDED/);
    part.appended(1);
    expect(told).toHaveLength(LISTENERS_MAX - 1);
    expect(world.host.errors.map(({ where }) => where)).toEqual(["onHighWatermark"]);
  });

  test("a log that ends before where it ended is refused", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1])]);
    world.part().appended(5);
    expect(() => world.part().appended(4)).toThrow(RangeError);
  });
});

describe("acknowledging", () => {
  test("a record is committed when all that are in sync have it, whoever asked first", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    part.appended(3);
    const seen: string[] = [];
    for (const offset of [3, 1, 2, 1]) void part.committed(offset).then((what) => seen.push(`${offset} ${what}`));
    world.fetch(2, 3);
    world.fetch(3, 2);
    await world.idle();
    expect(seen).toEqual(["1 committed", "1 committed", "2 committed"]);
    world.fetch(3, 3);
    await world.idle();
    expect(seen.at(-1)).toBe("3 committed");
    expect(await part.committed(3)).toBe("committed");
  });

  test("no more may be appended when fewer are in sync than are required, of the topic or of all", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    expect(part.canAppend).toBe(true);
    await world.cluster.configureAll(MIN_IN_SYNC);
    await world.write(fresh([1, 2, 3], { isr: [1, 2] }));
    expect(part.canAppend).toBe(true);
    await world.write(fresh([1, 2, 3], { isr: [1] }));
    expect(part.canAppend).toBe("NOT_ENOUGH_REPLICAS");
    await world.cluster.configure("topics", "t", { "min.insync.replicas": "1" });
    await world.idle();
    expect(part.canAppend).toBe(true);
  });

  test("what was appended and is then on too few is said to be so, and nobody waits", async () => {
    await using world = await leaderWorld();
    await world.cluster.configureAll(MIN_IN_SYNC);
    await world.lead();
    const part = world.part();
    part.appended(2);
    const waiting = [part.committed(1), part.committed(2)];
    world.fetch(2, 1);
    world.fetch(3, 1);
    await world.write(fresh([1, 2, 3], { isr: [1] }));
    expect(await Promise.all(waiting)).toEqual(["committed", "NOT_ENOUGH_REPLICAS_AFTER_APPEND"]);
    expect(await part.committed(1)).toBe("NOT_ENOUGH_REPLICAS_AFTER_APPEND");
  });

  test("who leads no more says so to all that wait, and to all that ask", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    part.appended(2);
    const waiting = part.committed(2);
    await world.write(fresh([1, 2, 3], { leader: 2, leaderEpoch: 1 }));
    expect(await waiting).toBe("NOT_LEADER");
    expect(await part.committed(0)).toBe("NOT_LEADER");
    expect(part.signal.reason).toMatchObject({ code: "GUARD_FAILED" });
  });

  test("waiting ends by the signal", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    part.appended(2);
    const stop = new AbortController();
    const [one, other] = [part.committed(2, stop.signal), part.committed(2)];
    stop.abort();
    await expect(one).rejects.toMatchObject({ code: "ABORTED" });
    await expect(part.committed(2, stop.signal)).rejects.toMatchObject({ code: "ABORTED" });
    world.fetch(2, 2);
    world.fetch(3, 2);
    expect(await other).toBe("committed");
  });

  test("so many wait for one partition, and no more", async () => {
    await using world = await leaderWorld();
    await world.lead();
    const part = world.part();
    part.appended(1);
    const waiting = Array.from({ length: WAITERS_MAX }, () => part.committed(1));
    await expect(part.committed(1)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", limitName: "waitersMax" });
    world.fetch(2, 1);
    world.fetch(3, 1);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["committed"]));
  });
});

describe("fencing", () => {
  test("the token is the leader epoch and the version of the state: a change of in-sync replicas moves the version only", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2], { leaderEpoch: 6 })]);
    const before = world.part().token;
    await world.write(fresh([1, 2], { leaderEpoch: 6, isr: [1] }));
    expect([before, world.part().token]).toEqual([
      { leaderEpoch: 6, version: 0 },
      { leaderEpoch: 6, version: 1 },
    ]);
  });

  test("the guards of a leader refuse its writes to the tree once another leads, or its session is over", async () => {
    await using world = await leaderWorld();
    await world.lead([fresh([1, 2])]);
    const { client } = world.cluster;
    const { guards } = world.part();
    await client.create("/first", null, { guard: guards });
    await world.cluster.write(world.topicId, 0, fresh([1, 2], { leader: 2, leaderEpoch: 1 }));
    await expect(client.create("/second", null, { guard: guards })).rejects.toMatchObject({ code: "GUARD_FAILED" });
    await world.write(fresh([1, 2], { leaderEpoch: 2 }));
    const later = world.part().guards;
    await client.create("/third", null, { guard: later });
    await world.cluster.server.faults.expire(world.started.client);
    await expect(client.create("/fourth", null, { guard: later })).rejects.toMatchObject({ code: "GUARD_FAILED" });
  });
});
