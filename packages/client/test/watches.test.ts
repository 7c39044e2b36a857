import { EventType, Op } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { WatchEvent } from "../src/watch/event.ts";
import { statFields } from "./fake-server.ts";
import { agreeable, connectHarness, errorOf, gather, standing } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

const { created, deleted, changed, children } = EventType;

describe("order", () => {
  test("an event is seen before the reply that shows its change, also within one frame", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    const watch = await client.addWatch("/a");
    const seen: string[] = [];
    await client.exists("/a", { watch: ({ kind }) => seen.push(`callback ${kind}`) });
    const next = (async () => {
      for await (const { kind } of watch) seen.push(`watch ${kind}`);
    })();
    server.answer = () => undefined;
    const reading = client.get("/a").then(() => seen.push("reply"));
    await settled();
    const xid = server.last.requests.at(-1)!.xid;
    server.last.together(() => {
      server.last.event(changed, "/a");
      server.last.reply(xid, null, statFields(5));
    });
    await reading;
    expect(seen).toEqual(["callback changed", "watch changed", "reply"]);
    await watch.close();
    await next;
  });
});

describe("a loop over a watch", () => {
  test("has had every event of a frame before the promise of a later reply is resolved", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    const told = gather(await client.addWatch("/a", { recursive: true }));
    server.answer = () => undefined;
    const replies = [
      client.set("/a", null).then(() => told.push("set")),
      client.get("/b").catch(() => told.push("refused")),
      client.delete("/a/1").then(() => told.push("deleted")),
    ];
    await settled();
    server.last.together(() => {
      const xid = server.last.requests.at(-3)!.xid;
      for (let i = 1; i <= 5; i++) server.last.event(created, `/a/${i}`);
      server.last.reply(xid, statFields(5));
      server.last.event(changed, "/a");
      server.last.refuse(xid + 1, "NO_NODE");
      server.last.reply(xid + 2);
    });
    await Promise.all(replies);
    const events = [1, 2, 3, 4, 5].map((i) => `created /a/${i}`);
    expect(told).toEqual([...events, "changed /a", "set", "refused", "deleted"]);
  });
});

describe("one-shot watches", () => {
  test("fire once, for the events of their kind, and a callback that throws harms nothing", async () => {
    const { client, server, log } = await connectHarness();
    server.answer = agreeable;
    const seen: string[] = [];
    await client.get("/a", { watch: ({ kind }) => seen.push(`data ${kind}`) });
    await client.children("/a", { watch: ({ kind }) => seen.push(`child ${kind}`) });
    await client.get("/a", {
      watch: () => {
        throw new Error("mine");
      },
    });
    server.last.event(children, "/a");
    server.last.event(changed, "/a");
    server.last.event(changed, "/a");
    await settled();
    expect(seen).toEqual(["child children", "data changed"]);
    expect(log.filter(({ level }) => level === "error")).toHaveLength(1);
    expect(client.stats().watches).toBe(0);
  });

  test("stat of an absent znode waits for its creation", async () => {
    const { client, server } = await connectHarness();
    server.answer = () => ({ code: "NO_NODE" });
    const seen: WatchEvent[] = [];
    await client.stat("/a", { watch: (event) => seen.push(event) });
    server.last.event(created, "/a");
    await settled();
    expect(seen).toMatchObject([{ kind: "created", path: "/a", zxid: server.zxid }]);
  });

  test("nextEvent is the same as a promise; aborting it removes the watch at the server", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    const event = client.nextEvent("/a");
    await settled();
    server.last.event(deleted, "/a");
    expect(await event).toMatchObject({ kind: "deleted" });
    const abort = new AbortController();
    const aborted = client.nextEvent("/a", { of: "children", signal: abort.signal });
    await settled();
    abort.abort();
    expect(await errorOf(aborted)).toMatchObject({ code: "ABORTED" });
    expect(server.last.requests.at(-1)).toMatchObject({ op: Op.removeWatches, path: "/a" });
    expect(client.stats().watches).toBe(0);
  });
});

describe("nextEvent of a znode that must exist", () => {
  test("rejects where there is none, and leaves no watch", async () => {
    const { client, server } = await connectHarness();
    server.answer = () => ({ code: "NO_NODE" });
    expect(await errorOf(client.nextEvent("/a", { existing: true }))).toMatchObject({ code: "NO_NODE", path: "/a" });
    expect(server.last.requests.at(-1)).toMatchObject({ op: Op.get, path: "/a", watch: true });
    expect(client.stats().watches).toBe(0);
  });

  test("tells of its deletion", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    const event = client.nextEvent("/a", { existing: true });
    await settled();
    server.last.event(deleted, "/a");
    expect(await event).toMatchObject({ kind: "deleted", path: "/a" });
  });
});

describe("persistent watches", () => {
  test("tell of their znode, recursive ones of everything below but of no children events", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    const one = gather(await client.addWatch("/a"));
    const all = gather(await client.addWatch("/a", { recursive: true }));
    const root = gather(await client.addWatch("/", { recursive: true }));
    server.last.event(created, "/a/b");
    server.last.event(children, "/a");
    server.last.event(changed, "/ab");
    await settled();
    expect(one).toEqual(["children /a"]);
    expect(all).toEqual(["created /a/b"]);
    expect(root).toEqual(["created /a/b", "changed /ab"]);
  });

  test("leaving the loop removes it at the server when nobody else here has it", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    const first = await client.addWatch("/a");
    const second = await client.addWatch("/a");
    await first.close();
    await settled();
    expect(server.last.requests.map(({ op }) => op)).not.toContain(Op.removeWatches);
    await second.close();
    await second.close();
    await settled();
    expect(server.last.requests.filter(({ op }) => op === Op.removeWatches)).toHaveLength(1);
    expect(await second.next()).toEqual({ done: true, value: undefined });
  });

  test("a reader that never reads keeps at most so many events, and is told that it missed some", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    const watch = await client.addWatch("/a");
    for (let i = 0; i < 10_001; i++) server.last.event(changed, "/a");
    await settled();
    expect((await watch.next()).value).toMatchObject({ kind: "resync", path: "/a" });
    expect(await standing(watch.next())).toBe("pending");
  });

  test("the loop throws when the client is closed, and when the watch is removed", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    const closed = gather(await client.addWatch("/a"));
    const removed = gather(await client.addWatch("/b"));
    await client.removeWatches("/b");
    await client.close();
    await settled();
    expect(closed).toEqual(["CLOSED"]);
    expect(removed).toEqual(["NO_WATCHER"]);
  });

  test("a refused addWatch leaves nothing behind", async () => {
    const { client, server } = await connectHarness();
    server.answer = () => ({ code: "LIMIT_EXCEEDED", detail: { name: "watches", limit: 1 } });
    expect(await errorOf(client.addWatch("/a"))).toMatchObject({ code: "LIMIT_EXCEEDED", limitName: "watches" });
    expect(client.stats().watches).toBe(0);
  });
});
