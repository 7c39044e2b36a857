import { EventType, Op, WatchKind } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { agreeable, errorOf, rejection, standing } from "./harness.ts";
import { settled } from "./virtual-clock.ts";
import { askAndCut, follow, holdSetWatches, restored, setWatchesXids, start } from "./watching.ts";

const { changed, children, created } = EventType;

describe("owners of one path who began at different times", () => {
  test("are told what happened after each began, and nothing else, over two breaks in a row", async () => {
    const harness = await start();
    const { client, clock, server, base, told, listener } = harness;
    await client.get("/a", { watch: listener("old") });
    void (await askAndCut(harness, () => client.get("/a", { watch: listener("new") })));
    server.zxid = base + 20;
    holdSetWatches(server);
    await clock.advance(1_000);
    expect(server.last.requests.map(({ op }) => op)).toEqual([Op.get, Op.setWatches]);
    server.last.cut();
    server.zxid = base + 40;
    await clock.advance(1_000);
    const data = { path: "/a", kind: WatchKind.data };
    expect(restored(server.last)).toEqual([
      [
        { ...data, zxid: base },
        { ...data, zxid: base + 20 },
      ],
    ]);
    server.last.event(changed, "/a", base + 10);
    server.last.event(changed, "/a", base + 30);
    await settled();
    expect(told).toEqual([]);
    server.last.reply(setWatchesXids(server.last)[0]!, []);
    await settled();
    expect(told).toEqual(["old changed 10", "new changed 30"]);
    expect(client.stats().watches).toBe(0);
  });

  test("a live event that comes before the missed ones waits for them; the newer owner hears of it alone", async () => {
    const harness = await start();
    const { client, clock, server, base, told, listener } = harness;
    await client.get("/a", { watch: listener("old") });
    await follow(harness, "persistent", "/a");
    void (await askAndCut(harness, () => client.get("/a", { watch: listener("new") })));
    server.zxid = base + 20;
    server.answer = (request, connection) => {
      // Happens while the read has set its watch and the others are not restored.
      if (request.op === Op.setWatches) {
        connection.event(changed, "/a", base + 30);
        for (const zxid of [10, 20, 30]) connection.event(changed, "/a", base + zxid);
        return [[]];
      }
      return agreeable(request);
    };
    await clock.advance(1_000);
    // The callbacks are told at once, the loop when its turn comes: in each, the order is that of the zxids.
    expect(told.filter((line) => line.startsWith("persistent"))).toEqual([
      "persistent changed 10",
      "persistent changed 20",
      "persistent changed 30",
    ]);
    expect(told.filter((line) => !line.startsWith("persistent"))).toEqual(["old changed 10", "new changed 30"]);
  });

  test("a one-shot and a persistent watch on one path are told of one event once each", async () => {
    const harness = await start();
    const { client, clock, server, base, told, listener } = harness;
    await client.children("/a", { watch: listener("children") });
    await client.stat("/a", { watch: listener("data") });
    await follow(harness, "persistent", "/a");
    await follow(harness, "recursive", "/", true);
    server.last.cut();
    server.zxid = base + 9;
    server.answer = (request, connection) => {
      if (request.op !== Op.setWatches) return agreeable(request);
      connection.event(changed, "/a", base + 5);
      connection.event(children, "/a", base + 6);
      connection.event(created, "/a/b", base + 6);
      connection.event(changed, "/a", base + 7);
      return [[]];
    };
    await clock.advance(1_000);
    expect([...told].sort()).toEqual([
      "children children 6",
      "data changed 5",
      "persistent changed 5",
      "persistent changed 7",
      "persistent children 6",
      "recursive changed 5",
      "recursive changed 7",
      "recursive created 6",
    ]);
    server.last.event(changed, "/a", base + 10);
    await settled();
    expect(told.slice(8).sort()).toEqual(["persistent changed 10", "recursive changed 10"]);
  });
});

describe("a connection that breaks while watches are restored", () => {
  test("has told nothing: what it brought comes once, on the next, before the promises", async () => {
    const harness = await start();
    const { client, clock, server, base, told } = harness;
    await follow(harness, "watch", "/a");
    const [reading] = await askAndCut(harness, () =>
      client.get("/a", { timeoutMs: 60_000 }).then(() => told.push("reply")),
    );
    server.zxid = base + 20;
    holdSetWatches(server);
    for (let round = 1; round <= 3; round++) {
      await clock.advance(6_000);
      expect(restored(server.last)).toEqual([[{ path: "/a", kind: WatchKind.persistent, zxid: base }]]);
      server.last.event(changed, "/a", base + 10);
      await settled();
      expect(told).toEqual([]);
      server.last.cut();
    }
    await clock.advance(6_000);
    expect(await standing(reading!)).toBe("pending");
    server.last.event(changed, "/a", base + 10);
    server.last.event(changed, "/a", base + 15);
    server.last.reply(setWatchesXids(server.last)[0]!, []);
    await settled();
    expect(told).toEqual(["watch changed 10", "watch changed 15", "reply"]);
  });

  test("between two setWatches leaves the places of both as they were", async () => {
    const harness = await start();
    const { clock, server, base, told } = harness;
    server.limits = { ...server.limits, requestBytes: 60 };
    server.last.cut();
    await clock.advance(1_000);
    await follow(harness, "a", "/a");
    await follow(harness, "b", "/b");
    const from = server.zxid;
    server.last.cut();
    server.zxid = base + 20;
    holdSetWatches(server);
    await clock.advance(1_000);
    expect(restored(server.last)).toHaveLength(2);
    server.last.event(changed, "/a", base + 10);
    server.last.reply(setWatchesXids(server.last)[0]!, []);
    await settled();
    server.last.cut();
    await clock.advance(6_000);
    expect(
      restored(server.last)
        .flat()
        .map(({ zxid }) => zxid),
    ).toEqual([from, from]);
    const [first, second] = setWatchesXids(server.last);
    server.last.event(changed, "/a", base + 10);
    server.last.reply(first!, []);
    // Live for /a, which stands already, before what /b has missed.
    server.last.event(changed, "/a", base + 30);
    server.last.event(changed, "/b", base + 15);
    server.last.reply(second!, []);
    await settled();
    expect(told.filter((line) => line.startsWith("a"))).toEqual(["a changed 10", "a changed 30"]);
    expect(told.filter((line) => line.startsWith("b"))).toEqual(["b changed 15"]);
  });

  test("does not keep a promise beyond its time limit or its signal", async () => {
    const harness = await start();
    const { client, clock, server } = harness;
    await follow(harness, "watch", "/a");
    const abort = new AbortController();
    const [reading, writing, aborted] = (await askAndCut(
      harness,
      () => client.get("/a", { timeoutMs: 2_000 }),
      () => client.set("/a", null, { timeoutMs: 2_000 }),
      () => client.get("/a", { signal: abort.signal }),
    )) as [Promise<unknown>, Promise<unknown>, Promise<unknown>];
    holdSetWatches(server);
    await clock.advance(1_000);
    expect(await standing(writing)).toBe("pending");
    server.door = "hang";
    server.last.cut();
    abort.abort();
    expect(await errorOf(aborted)).toMatchObject({ code: "ABORTED", outcome: "no" });
    const errors = [rejection(reading), rejection(writing)];
    await clock.advance(1_500);
    expect(await Promise.all(errors)).toMatchObject([
      { code: "TIMEOUT", outcome: "no" },
      { code: "TIMEOUT", outcome: "unknown" },
    ]);
  });
});

describe("several setWatches", () => {
  test("may tell the same event, each for its own watches: it is told once to each, in order", async () => {
    const harness = await start();
    const { clock, server, base, told } = harness;
    server.limits = { ...server.limits, requestBytes: 60 };
    server.last.cut();
    await clock.advance(1_000);
    await follow(harness, "one", "/a");
    await follow(harness, "tree", "/a", true);
    server.last.cut();
    server.zxid = base + 20;
    server.answer = (request, connection) => {
      if (request.op !== Op.setWatches) return agreeable(request);
      for (const zxid of [10, 11]) connection.event(changed, "/a", base + zxid);
      return [[]];
    };
    await clock.advance(1_000);
    expect(restored(server.last)).toHaveLength(2);
    expect([...told].sort()).toEqual(["one changed 10", "one changed 11", "tree changed 10", "tree changed 11"]);
  });

  test("promises are held until the last of them is answered", async () => {
    const harness = await start();
    const { client, clock, server } = harness;
    server.limits = { ...server.limits, requestBytes: 60 };
    server.last.cut();
    await clock.advance(1_000);
    await follow(harness, "a", "/a");
    await follow(harness, "b", "/b");
    const [reading] = await askAndCut(harness, () => client.get("/a"));
    holdSetWatches(server);
    await clock.advance(1_000);
    const [first, second] = setWatchesXids(server.last);
    server.last.reply(first!, []);
    expect(await standing(reading!)).toBe("pending");
    server.last.reply(second!, []);
    expect(await standing(reading!)).toMatchObject({ value: { path: "/a" } });
  });
});
