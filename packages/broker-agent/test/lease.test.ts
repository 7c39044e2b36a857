import { describe, expect, test } from "vitest";
import { fresh } from "./cluster.ts";
import { SESSION_MS } from "./hosts.ts";
import { leaderWorld, type LeaderWorld } from "./leaders.ts";

/** A leader with records that only one other has. */
async function leading(): Promise<LeaderWorld> {
  const world = await leaderWorld();
  await world.lead([fresh([1, 2])]);
  world.part().appended(1);
  world.host.taken();
  return world;
}

describe("a broker that hears nothing from the server", () => {
  test("doubts when two thirds of the session have passed, and is confirmed when it hears again", async () => {
    await using world = await leading();
    const cut = world.cluster.server.faults.partition(world.started.client);
    let waited = 0;
    for (; world.host.lines.length === 0 && waited < SESSION_MS; waited += 100) await world.advance(100);
    expect(world.host.taken()).toEqual(["doubt"]);
    expect(world.agent.leaseRemainingMs).toBeLessThanOrEqual(SESSION_MS / 3);
    expect(world.agent.leaseRemainingMs).toBeGreaterThan(SESSION_MS / 3 - 300);
    expect(world.part().canAppend).toBe(true);
    cut.end();
    await world.advance(SESSION_MS / 3);
    expect(world.host.taken()).toEqual(["confirmed"]);
    expect(world.agent.leaseRemainingMs).toBeGreaterThan(SESSION_MS / 3);
  });

  test("loses everything no later than the server can give its session up, and is told once", async () => {
    await using world = await leading();
    const part = world.part();
    const lostAt: number[] = [];
    part.signal.addEventListener("abort", () => {
      // All that is over is over before the host is told.
      expect([part.isValid, world.agent.isValid, world.host.lines]).toEqual([false, false, ["doubt"]]);
      lostAt.push(world.cluster.server.clock.now);
    });
    world.cluster.server.faults.partition(world.started.client);
    const began = world.cluster.server.clock.now;
    await world.advance(4 * SESSION_MS);
    expect(world.host.taken()).toEqual(["doubt", "lost SESSION_EXPIRED"]);
    expect(lostAt).toHaveLength(1);
    expect((lostAt[0] as number) - began).toBeLessThanOrEqual(SESSION_MS);
  });

  test("doubts and is confirmed as often as it happens", async () => {
    await using world = await leading();
    for (let i = 0; i < 3; i += 1) {
      const cut = world.cluster.server.faults.partition(world.started.client);
      await world.advance(SESSION_MS * 0.8);
      cut.end();
      await world.advance(SESSION_MS * 0.5);
    }
    expect(world.host.taken()).toEqual(["doubt", "confirmed", "doubt", "confirmed", "doubt", "confirmed"]);
    expect(world.part().isValid).toBe(true);
  });

  test("keeps its epoch and what it leads over a restart of the server", async () => {
    await using world = await leading();
    const { epoch } = world.agent;
    await world.cluster.server.faults.restart({ downMs: SESSION_MS / 2 });
    await world.advance(SESSION_MS);
    expect([world.agent.epoch, world.part().isValid]).toEqual([epoch, true]);
    world.fetch(2, 1);
    expect(await world.part().committed(1)).toBe("committed");
  });
});

describe("a broker that stood still knows at its first look", () => {
  const kinds: [string, (world: LeaderWorld, ms: number) => void][] = [
    ["a stall", ({ cluster, started }, ms) => cluster.server.faults.stallClient(started.client, ms)],
    ["a sleep of the machine", ({ cluster, started }, ms) => cluster.server.faults.sleepClient(started.client, ms)],
  ];

  test.each(kinds)("that it leads no more, after %s longer than its session", async (_, stop) => {
    await using world = await leading();
    const part = world.part();
    const waiting = part.committed(1);
    stop(world, 3 * SESSION_MS);
    await world.advance(3 * SESSION_MS - 1);
    // No timer has run yet, and nothing has come in.
    expect([part.signal.aborted, world.host.lines]).toEqual([false, []]);
    expect([part.isValid, part.canAppend, world.agent.isValid, world.agent.leaseRemainingMs]).toEqual([
      false,
      "NOT_LEADER",
      false,
      0,
    ]);
    // A fetch that has been waiting in the socket cannot commit anything any more.
    world.fetch(2, 1);
    expect([part.highWatermark, await part.committed(1)]).toEqual([0, "NOT_LEADER"]);
    await world.advance(SESSION_MS);
    expect([await waiting, part.signal.aborted]).toEqual(["NOT_LEADER", true]);
    expect(world.host.lines.filter((line) => line.startsWith("lost"))).toHaveLength(1);
  });

  test.each(kinds)("that it leads still, after %s shorter than its session", async (_, stop) => {
    await using world = await leading();
    stop(world, SESSION_MS * 0.5);
    await world.advance(SESSION_MS);
    expect([world.part().isValid, world.part().canAppend]).toEqual([true, true]);
    world.fetch(2, 1);
    expect(await world.part().committed(1)).toBe("committed");
  });
});

describe("a wall clock that is set", () => {
  test("forward by more than the session ends it here; set back it brings nothing back", async () => {
    await using world = await leading();
    const part = world.part();
    const { client } = world.started;
    world.cluster.server.faults.jumpClock(client, 10 * SESSION_MS);
    expect([part.isValid, part.canAppend]).toEqual([false, "NOT_LEADER"]);
    world.cluster.server.faults.jumpClock(client, -10 * SESSION_MS);
    expect(part.isValid).toBe(false);
    await world.advance(1_000);
    expect(part.signal.aborted).toBe(true);
    expect(world.host.taken()).toEqual(["lost SESSION_EXPIRED", "follow t-0 nobody@0"]);
  });

  test("back changes nothing", async () => {
    await using world = await leading();
    world.cluster.server.faults.jumpClock(world.started.client, -10 * SESSION_MS);
    await world.advance(5 * SESSION_MS);
    expect([world.part().isValid, world.host.lines]).toEqual([true, []]);
  });
});
