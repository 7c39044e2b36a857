import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ACL_CHANGED } from "../src/index.ts";
import { Life, steps } from "./steps.ts";
import { World, create, del, multi, printHistory, set, setAcl, text } from "./world.ts";

interface Printed {
  readonly zxid: number;
  readonly type: number;
  readonly path: string;
}

describe("the history", () => {
  test("has every change once, in order, with what the znode was then", () => {
    const world = new World();
    const session = world.open();
    world.do(session, create("/a", 0, { data: text("1") }));
    world.do(session, set("/a", text("22")));
    const open = [{ permissions: 31, scheme: "world", id: "anyone" }];
    const readable = [{ permissions: 1, scheme: "world", id: "anyone" }];
    world.do(session, setAcl("/a", readable));
    world.do(session, multi(create("/b"), del("/a")));
    const zxids = [world.zxid - 3, world.zxid - 2, world.zxid - 1, world.zxid, world.zxid];
    expect(printHistory(world.state)).toMatchObject([
      { zxid: zxids[0], type: 1, path: "/a", data: "c40131", acl: open },
      { zxid: zxids[1], type: 3, path: "/a", data: "c4023232", acl: open },
      { zxid: zxids[2], type: ACL_CHANGED, path: "/a", data: "c4023232", acl: readable, otherAcl: open },
      { zxid: zxids[3], type: 1, path: "/b", acl: open },
      { zxid: zxids[4], type: 2, path: "/a", data: undefined, stat: undefined, acl: readable },
    ]);
    expect((printHistory(world.state)[1] as { stat: number[] }).stat.slice(0, 2)).toEqual([zxids[0], zxids[1]]);
  });

  test("after any zxid is the list of all changes above it; nothing of a refused write is in it", () => {
    fc.assert(
      fc.property(steps(50), (sequence) => {
        const life = new Life();
        const all: Printed[] = [];
        for (const step of sequence) {
          const answer = life.live(step);
          if (answer !== undefined && answer.code !== "OK") expect(answer.changes).toEqual([]);
          for (const { type, path } of answer?.changes ?? []) all.push({ zxid: 0, type, path });
        }
        const { history, zxid } = life.world.state;
        const everything = printHistory(life.world.state, 0) as Printed[];
        expect(history.entries).toBe(everything.length);
        // Those of expiries and reaping are not in `all`; what is must stand in the history in the same order.
        const left = everything.filter(({ type }) => type !== ACL_CHANGED).map(({ type, path }) => `${type} ${path}`);
        let at = 0;
        for (const { type, path } of all) {
          at = left.indexOf(`${type} ${path}`, at) + 1;
          expect(at).toBeGreaterThan(0);
        }
        for (let z = zxid; z >= zxid - 12; z--) {
          expect(printHistory(life.world.state, z)).toEqual(everything.filter((entry) => entry.zxid > z));
        }
        for (const most of [0, 1, 3, 1000]) {
          const back = history.zxidBack(most);
          expect(printHistory(life.world.state, back).length).toBeLessThanOrEqual(most);
          if (everything.length > most) expect(back).toBe(everything.at(-1 - most)!.zxid);
        }
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["entries", { historyEntries: 3000, historyBytes: 2 ** 30 }],
    ["bytes", { historyEntries: 1e6, historyBytes: 400_000 }],
  ])("forgets the oldest beyond its bound in %s, and says from where it is whole", (_, limits) => {
    const world = World.withHistory(limits);
    const session = world.open();
    world.do(session, create("/a"));
    const all: number[] = [world.zxid];
    let since = 0;
    for (let i = 0; i < 9000; i++) {
      world.send(session, i + 2, i % 50 === 0 ? multi(set("/a"), set("/a"), set("/a")) : set("/a"), { acked: i + 1 });
      all.push(...(i % 50 === 0 ? [world.zxid, world.zxid, world.zxid] : [world.zxid]));
      const { history } = world.state;
      expect(history.since).toBeGreaterThanOrEqual(since);
      since = history.since;
      if (i % 500 !== 499) continue;
      expect(history.entries).toBeLessThanOrEqual(limits.historyEntries);
      expect(history.bytes).toBeLessThanOrEqual(limits.historyBytes);
      for (const z of [since, since + 1, world.zxid - 1500, world.zxid - 3, world.zxid]) {
        if (z < since) continue;
        expect((printHistory(world.state, z) as Printed[]).map(({ zxid }) => zxid)).toEqual(
          all.filter((zxid) => zxid > z),
        );
      }
      for (const most of [0, 10, 1024, 2000]) {
        const back = history.zxidBack(most);
        expect(printHistory(world.state, Math.max(back, since)).length).toBeLessThanOrEqual(most);
      }
    }
    expect(since).toBeGreaterThan(all[1000]!);
  });

  test.each([1, 10, 100, 1_000])(
    "of %i entries never forgets the newest, and is seldom less than full",
    (historyEntries) => {
      const world = World.withHistory({ historyEntries, historyBytes: 2 ** 30 });
      const session = world.open();
      world.do(session, create("/a"));
      for (let i = 0; i < 3_000; i++) {
        world.send(session, i + 2, set("/a"), { acked: i + 1 });
        const { history } = world.state;
        expect(history.since).toBeLessThan(world.zxid);
        expect(history.entries).toBeLessThanOrEqual(historyEntries + Math.ceil(historyEntries / 16));
        if (i > historyEntries) expect(history.entries).toBeGreaterThanOrEqual(Math.floor((historyEntries * 15) / 16));
      }
    },
  );

  test("keeps a transaction larger than a chunk together", () => {
    const world = World.withHistory({ historyEntries: 10_000, historyBytes: 2 ** 30 });
    const session = world.open();
    world.do(session, multi(...Array.from({ length: 3000 }, (_, i) => create(`/n${i}`))));
    world.do(session, multi(...Array.from({ length: 3000 }, (_, i) => set(`/n${i}`)), del("/none")));
    const created = printHistory(world.state) as Printed[];
    expect(created.map(({ path }) => path)).toEqual(Array.from({ length: 3000 }, (_, i) => `/n${i}`));
    expect(new Set(created.map(({ zxid }) => zxid)).size).toBe(1);
  });
});
