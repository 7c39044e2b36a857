import { isCorralError } from "@corral/client";
import { describe, expect, test } from "vitest";
import { topic } from "./groups.ts";
import {
  groupIn,
  groupWorld,
  joined,
  membersIn,
  PATHS,
  refusalOf,
  SESSION_MS,
  sizesIn,
  soon,
  targetsIn,
  targetsShown,
} from "./membership.ts";

describe("a member", () => {
  test("loses its life with its session before another begins, and lives anew under the same name", async () => {
    await using world = await groupWorld([topic("x", 2)]);
    const { server } = world;
    const { client, member, lost, targets } = await world.join();
    const [name, guard] = [member.member, member.guard!];
    await world.settle();
    const steps: string[] = [];
    member.onLifeLost(() => steps.push(`lost, has a guard ${member.guard !== undefined}, valid ${member.isValid}`));
    await server.faults.expire(client);
    await world.settle();
    expect(steps).toEqual(["lost, has a guard false, valid false"]);
    expect(lost).toEqual(["SESSION_EXPIRED"]);
    expect(member.member).toBe(name);
    expect(member.isValid).toBe(true);
    expect(member.guard).not.toEqual(guard);
    // What the life before has begun is refused.
    expect(await refusalOf(server, client.create("/late", null, { guard }))).toBe("GUARD_FAILED");
    expect(targetsShown(server)).toEqual({ [name]: "x0 x1" });
    expect(targets.map((target) => target && [...target.partitions.keys()])).toEqual([["x"], undefined, ["x"]]);
  });

  test("is not valid in a life that is not settled yet", async () => {
    await using world = await groupWorld([topic("x", 2)]);
    const { server } = world;
    const { member } = await world.join({ instance: "i1" });
    const other = await world.client();
    const seen: string[] = [];
    const isThere = (): boolean => server.dump().some(({ path }) => path === PATHS.member("i1"));
    // It looks whether there is room, when it is registered again.
    const looking = server.faults.at({ op: "exists", path: PATHS.members }, () =>
      seen.push(`there ${isThere()}, valid ${member.isValid}, has a guard ${member.guard !== undefined}`),
    );
    await soon(server, other.delete(PATHS.member("i1")), 500);
    expect(looking.hits).toBe(1);
    expect(seen).toEqual(["there true, valid false, has a guard false"]);
    expect(member.isValid).toBe(true);
  });

  test("is not valid after a stall, from the first look on", async () => {
    await using world = await groupWorld([topic("x", 2)]);
    const { server } = world;
    const { client, member } = await world.join();
    expect(member.validForMs).toBeGreaterThan(SESSION_MS / 2);
    expect(member.validForMs).toBeLessThanOrEqual(SESSION_MS);
    server.faults.stallClient(client, SESSION_MS * 2);
    await server.clock.advance(SESSION_MS * 1.5);
    expect(member.isValid).toBe(false);
    expect(member.validForMs).toBe(0);
    await world.settle(SESSION_MS * 2);
    expect(member.isValid).toBe(true);
  });

  test("begins anew under another name when its znode is deleted", async () => {
    await using world = await groupWorld([topic("x", 2)]);
    const { server } = world;
    const { member, lost } = await world.join();
    const other = await world.client();
    const name = member.member;
    await soon(server, other.delete(PATHS.member(name)));
    await world.settle();
    expect(lost).toEqual(["GUARD_FAILED"]);
    expect(member.member).not.toBe(name);
    expect(member.signal.aborted).toBe(false);
    expect(targetsShown(server)).toEqual({ [member.member]: "x0 x1" });
    expect([...membersIn(server).keys()]).toEqual([member.member]);
  });

  test("is over when its client is closed, and says so", async () => {
    await using world = await groupWorld([topic("x", 2)]);
    const { client, member, lost } = await world.join();
    const closing = client.close();
    await world.settle();
    await closing;
    expect(member.cause?.code).toBe("CLOSED");
    expect(lost).toEqual(["CLOSED"]);
    expect(member.guard).toBe(undefined);
    const leaving = member.leave();
    await world.settle(6_000);
    await leaving;
  });

  test("tells how far it has come, and has come nowhere in its next life", async () => {
    await using world = await groupWorld([topic("x", 2)]);
    const { server } = world;
    const { client, member } = await world.join();
    await world.settle();
    await soon(server, member.reached(1));
    expect(membersIn(server).get(member.member)?.memberEpoch).toBe(1);
    const writes = server.requests({ op: "multiEach" }).length;
    await server.faults.expire(client);
    await world.settle();
    expect(membersIn(server).get(member.member)?.memberEpoch).toBe(0);
    // The leader has not divided anew because of that.
    expect(server.requests({ op: "multiEach" }).length).toBeLessThanOrEqual(writes + 1);
  });

  test("has no target any more when that is deleted, until there is another", async () => {
    await using world = await groupWorld([topic("x", 2)]);
    const { server } = world;
    const { member, targets } = await world.join();
    await world.settle();
    const other = await world.client();
    await soon(server, other.delete(PATHS.target(member.member)));
    await world.settle();
    expect(targets.map((target) => target?.partitions.size)).toEqual([1, 0, 1]);
    expect(targets.map((target) => target?.epoch)).toEqual([1, 1, 2]);
    // The guard of each holds as long as it stands.
    const [first, none, present] = targets.map((target) => target!.guard);
    expect(
      await refusalOf(
        server,
        other.sync().then(() => other.create("/1", null, { guard: first })),
      ),
    ).toBe("GUARD_FAILED");
    expect(await refusalOf(server, other.create("/2", null, { guard: none }))).toBe("GUARD_FAILED");
    expect(await refusalOf(server, other.create("/3", null, { guard: present }))).toBe("none");
  });

  test("leaves at every moment of joining without leaving anything behind", async () => {
    for (let afterMs = 0; afterMs < 14; afterMs++) {
      await using world = await groupWorld([topic("x", 2)]);
      const { server, topics } = world;
      const client = await world.client();
      const abort = new AbortController();
      const joining = joined(client, topics, { signal: abort.signal });
      joining.catch(() => undefined);
      await server.clock.advance(afterMs);
      abort.abort();
      await world.settle();
      const came = await joining.catch((error: unknown) => error);
      if (isCorralError(came)) expect(came.code).toBe("ABORTED");
      else await soon(server, (came as Awaited<typeof joining>).member.leave(), 500);
      expect(membersIn(server).size, `after ${afterMs} ms`).toBe(0);
      expect(targetsIn(server).size, `after ${afterMs} ms`).toBe(0);
      expect(server.leaks(), `after ${afterMs} ms`).toMatchObject({
        ephemerals: 0,
        watches: 0,
        subscriptions: 0,
        waiting: 0,
      });
    }
  });

  test("joins whatever reply is lost, once", async () => {
    let hits = 0;
    for (const op of ["create", "multiEach", "subscribe", "exists"]) {
      for (let nth = 1; nth <= 3; nth++) {
        await using world = await groupWorld([topic("x", 2)]);
        const { server, topics } = world;
        const client = await world.client();
        const drop = server.faults.dropReply({ op, nth });
        const joining = joined(client, topics);
        await world.settle(4_000);
        const { member } = await joining;
        expect(member.isValid, `${op} ${nth}`).toBe(true);
        expect(targetsShown(server), `${op} ${nth}`).toEqual({ [member.member]: "x0 x1" });
        expect(groupIn(server), `${op} ${nth}`).toMatchObject({ epoch: 1, assignmentEpoch: 1 });
        hits += drop.hits;
      }
    }
    expect(hits).toBeGreaterThanOrEqual(10);
  });

  test("joins whenever its session ends on the way", async () => {
    for (let afterMs = 0; afterMs < 14; afterMs++) {
      await using world = await groupWorld([topic("x", 2)]);
      const { server, topics } = world;
      const client = await world.client();
      const joining = joined(client, topics);
      await server.clock.advance(afterMs);
      void server.faults.expire(client);
      await world.settle(4_000);
      const { member } = await joining;
      expect(member.isValid, `after ${afterMs} ms`).toBe(true);
      expect(sizesIn(server), `after ${afterMs} ms`).toEqual([2]);
      expect(membersIn(server).size).toBe(1);
    }
  });

  test("gives up joining in time, and leaves nothing behind once the server is back", async () => {
    await using world = await groupWorld([topic("x", 2)]);
    const { server, topics } = world;
    const client = await world.client();
    const partition = server.faults.partition(client);
    const joining = joined(client, topics, { timeoutMs: 2_000 });
    expect(await refusalOf(server, joining, 8_000)).toBe("TIMEOUT");
    partition.end();
    await world.settle(SESSION_MS);
    expect(membersIn(server).size).toBe(0);
    expect(server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0 });
  });
});
