import { EventType, Op, WatchKind, Writer } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { CATCH_UP_EVENTS_MAX } from "../src/limits.ts";
import { writeValue } from "./fake-server.ts";
import { agreeable, rejection } from "./harness.ts";
import { settled } from "./virtual-clock.ts";
import { askAndCut, follow, holdSetWatches, restored, setWatchesXids, start } from "./watching.ts";

const { changed } = EventType;

describe("what cannot be told", () => {
  test("more missed events than are kept are a resync for every watch, which goes on", async () => {
    const harness = await start();
    const { client, clock, server, base, told, listener } = harness;
    await follow(harness, "watch", "/a");
    await client.get("/b", { watch: listener("one-shot") });
    server.last.cut();
    server.answer = (request, connection) => {
      if (request.op !== Op.setWatches) return agreeable(request);
      for (let frame = 0; frame < 11; frame++) {
        const w = new Writer();
        for (let i = 0; i < 10_000; i++) writeValue(w, [-1, ++server.zxid, changed, "/a"]);
        connection.push(w.take());
      }
      return [[]];
    };
    await clock.advance(1_000);
    const missed = server.zxid - base;
    expect(missed).toBeGreaterThan(CATCH_UP_EVENTS_MAX);
    expect([...told].sort()).toEqual([`one-shot resync ${missed}`, `watch resync ${missed}`]);
    server.last.event(changed, "/a");
    await settled();
    expect(told.at(-1)).toBe(`watch changed ${missed + 1}`);
  });

  test("a watch that the server no longer keeps throws; a function that waits for one event is told resync", async () => {
    const harness = await start();
    const { client, clock, server, told, listener } = harness;
    await follow(harness, "watch", "/a");
    await client.get("/b", { watch: listener("one-shot") });
    server.last.cut();
    server.answer = (request) =>
      request.op === Op.setWatches
        ? { code: "LIMIT_EXCEEDED", detail: { name: "watches", limit: 1 } }
        : agreeable(request);
    await clock.advance(1_000);
    expect([...told].sort()).toEqual(["one-shot resync 0", "watch LIMIT_EXCEEDED"]);
    expect(client.stats().watches).toBe(0);
  });

  test("what came with a resync is not told beside it", async () => {
    const harness = await start();
    const { clock, server, base, told } = harness;
    await follow(harness, "watch", "/a");
    server.last.cut();
    server.zxid = base + 20;
    server.answer = (request, connection) => {
      if (request.op !== Op.setWatches) return agreeable(request);
      connection.event(changed, "/a", base + 20);
      return [[0]];
    };
    await clock.advance(1_000);
    expect(told).toEqual(["watch resync 20"]);
  });
});

describe("removal", () => {
  test("a read that was on its way when the last owner left has its watch set again", async () => {
    const harness = await start();
    const { client, server, base, told, listener } = harness;
    const abort = new AbortController();
    const leaving = rejection(client.nextEvent("/a", { signal: abort.signal }));
    await settled();
    server.answer = () => undefined;
    const reading = client.get("/a", { watch: listener("new") });
    await settled();
    abort.abort();
    expect(await leaving).toMatchObject({ code: "ABORTED" });
    await settled();
    const [get, remove] = server.last.requests.slice(-2);
    expect([get?.op, remove?.op]).toEqual([Op.get, Op.removeWatches]);
    server.zxid = base + 5;
    server.last.reply(get!.xid, ...(agreeable(get!) as []));
    await reading;
    server.last.reply(remove!.xid);
    await settled();
    expect(restored(server.last)).toEqual([[{ path: "/a", kind: WatchKind.data, zxid: base + 5 }]]);
    server.last.event(changed, "/a", base + 6);
    server.last.reply(setWatchesXids(server.last)[0]!, []);
    await settled();
    expect(told).toEqual(["new changed 6"]);
  });

  test("ends the watches that were set before it, not one that is asked for after it", async () => {
    const harness = await start();
    const { client, server, told } = harness;
    await follow(harness, "before", "/a");
    const removing = client.removeWatches("/a");
    await Promise.all([removing, follow(harness, "after", "/a")]);
    server.last.event(changed, "/a");
    await settled();
    expect(told).toEqual(["before NO_WATCHER", "after changed 1"]);
  });

  test("of a watch that is being restored reaches the server after its setWatches", async () => {
    const harness = await start();
    const { client, clock, server } = harness;
    const watch = await client.addWatch("/a");
    await client.addWatch("/b");
    server.last.cut();
    holdSetWatches(server);
    await clock.advance(1_000);
    await watch.close();
    await settled();
    expect(server.last.requests.map(({ op }) => op)).toEqual([Op.setWatches, Op.removeWatches]);
    server.last.reply(setWatchesXids(server.last)[0]!, []);
    await settled();
    expect(client.stats().watches).toBe(1);
  });

  test("by request, sent again before the watches are restored, is repeated after them", async () => {
    const harness = await start();
    const { client, clock, server, told } = harness;
    await follow(harness, "watch", "/a");
    void (await askAndCut(harness, () => client.removeWatches("/a")));
    server.answer = agreeable;
    await clock.advance(1_000);
    expect(server.last.requests.map(({ op }) => op)).toEqual([Op.removeWatches, Op.setWatches, Op.removeWatches]);
    expect(told).toEqual(["watch NO_WATCHER"]);
  });
});
