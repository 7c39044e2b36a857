import { EventType, Op, WatchKind } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { WatchEvent } from "../src/watch/event.ts";
import type { Watch } from "../src/watch/watch.ts";
import { statFields } from "./fake-server.ts";
import { agreeable, connectHarness, errorOf, rejection, standing } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

const { created, deleted, changed, children } = EventType;

/** What a watch tells, gathered while the test does other things. */
function gather(watch: AsyncIterable<WatchEvent>): string[] {
  const seen: string[] = [];
  void (async () => {
    try {
      for await (const { kind, path } of watch) seen.push(`${kind} ${path}`);
      seen.push("end");
    } catch (error) {
      seen.push((error as { code: string }).code);
    }
  })();
  return seen;
}

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

describe("after a reconnect", () => {
  test("all watches are set again, each with the zxid up to which it has seen everything", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    await client.get("/d", { watch: () => {} });
    await client.children("/c", { watch: () => {} });
    await client.addWatch("/p");
    await client.addWatch("/r", { recursive: true });
    server.zxid += 10;
    await client.sync();
    const seen = server.zxid;
    server.zxid += 10;
    server.last.cut();
    await clock.advance(1_000);
    const restored = server.last.requests[0];
    expect(restored).toMatchObject({ op: Op.setWatches });
    expect("watches" in restored! && restored.watches).toEqual([
      { path: "/d", kind: WatchKind.data, zxid: seen },
      { path: "/c", kind: WatchKind.child, zxid: seen },
      { path: "/p", kind: WatchKind.persistent, zxid: seen },
      { path: "/r", kind: WatchKind.recursive, zxid: seen },
    ]);
  });

  test("events of a zxid that was cut in the middle come once", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const seen = gather(await client.addWatch("/r", { recursive: true }));
    const zxid = ++server.zxid;
    server.last.event(changed, "/r/1", zxid);
    server.last.event(changed, "/r/2", zxid);
    await settled();
    server.last.cut();
    server.answer = (request, connection) => {
      if (request.op !== Op.setWatches) return agreeable(request);
      expect(request.watches[0]?.zxid).toBe(zxid - 1);
      for (const path of ["/r/1", "/r/2", "/r/3"]) connection.event(changed, path, zxid);
      return [[]];
    };
    await clock.advance(1_000);
    expect(seen).toEqual(["changed /r/1", "changed /r/2", "changed /r/3"]);
    server.last.event(changed, "/r/1");
    await settled();
    expect(seen.at(-1)).toBe("changed /r/1");
    expect(seen).toHaveLength(4);
  });

  test("the caught-up events are seen before the promises of requests sent again, whose replies come first", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const order: string[] = [];
    const watch = await client.addWatch("/a");
    void (async () => {
      for await (const { kind } of watch) order.push(kind);
    })();
    server.answer = () => undefined;
    const reading = client.get("/a").then(() => order.push("reply"));
    await settled();
    server.last.cut();
    server.answer = (request, connection) => {
      if (request.op !== Op.setWatches) return agreeable(request);
      connection.event(changed, "/a");
      return [[]];
    };
    await clock.advance(1_000);
    await reading;
    expect(order).toEqual(["changed", "reply"]);
    expect(server.last.requests.map(({ op }) => op)).toEqual([Op.get, Op.setWatches]);
  });

  test("what the server cannot continue is told by resync, and the watch goes on", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const seen = gather(await client.addWatch("/a"));
    server.last.cut();
    server.answer = (request) => (request.op === Op.setWatches ? [[0]] : agreeable(request));
    await clock.advance(1_000);
    server.last.event(changed, "/a");
    await settled();
    expect(seen).toEqual(["resync /a", "changed /a"]);
  });

  test("many watches go in requests of at most half the server's limit", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    server.limits = { ...server.limits, requestBytes: 8_192 };
    await Promise.all(
      Array.from({ length: 900 }, (_, i) => client.stat(`/some/path/that/is/not/short/${i}`, { watch: () => {} })),
    );
    server.last.cut();
    await clock.advance(1_000);
    const requests = server.last.requests.filter(({ op }) => op === Op.setWatches);
    expect(requests.length).toBeGreaterThan(5);
    expect(requests.flatMap((request) => ("watches" in request ? request.watches : []))).toHaveLength(900);
    expect(Math.max(...server.last.bytes.map(({ length }) => length))).toBeLessThanOrEqual(4_096);
    expect(server.connections.length).toBe(2);
  });

  test("a cut in the middle of the restoring restores all again, on the next connection", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const seen = gather(await client.addWatch("/a"));
    server.last.cut();
    server.answer = (_request, connection) => {
      if (connection === server.connections[1]) connection.cut();
      return undefined;
    };
    await clock.advance(1_000);
    server.answer = agreeable;
    expect(server.connections.length).toBe(3);
    expect(server.last.requests.map(({ op }) => op)).toEqual([Op.setWatches]);
    server.last.reply(server.last.requests[0]!.xid, []);
    server.last.event(changed, "/a");
    await settled();
    expect(seen).toEqual(["changed /a"]);
  });

  test("events that come before older ones of the restoring are told in their order", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const zxids: number[] = [];
    const watch = await client.addWatch("/a");
    void (async () => {
      for await (const { zxid } of watch) zxids.push(zxid);
    })();
    server.answer = () => undefined;
    void client.addWatch("/a");
    await settled();
    server.last.cut();
    const missed = server.zxid + 1;
    server.zxid += 10;
    server.answer = (request, connection) => {
      // The addWatch sent again has set the watch: what happens is told at once, what was missed later.
      if (request.op === Op.addWatch) connection.event(changed, "/a");
      if (request.op === Op.setWatches) connection.event(changed, "/a", missed);
      return request.op === Op.setWatches ? [[]] : agreeable(request);
    };
    await clock.advance(1_000);
    expect(zxids).toHaveLength(2);
    expect(zxids).toEqual([...zxids].sort((a, b) => a - b));
    expect(zxids[0]).toBe(missed);
  });

  test("a read sent again that sets the same watch does not make an older one forget what it missed", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const seen: string[] = [];
    await client.get("/a", { watch: () => seen.push("older") });
    const from = server.zxid;
    server.answer = () => undefined;
    void client.get("/a", { watch: () => seen.push("newer") });
    await settled();
    server.last.cut();
    server.zxid += 10;
    // The read is answered again; the connection breaks before the watches are restored.
    server.answer = (request) => (request.op === Op.setWatches ? undefined : agreeable(request));
    await clock.advance(1_000);
    expect(server.last.requests.map(({ op }) => op)).toEqual([Op.get, Op.setWatches]);
    server.answer = agreeable;
    server.last.cut();
    await clock.advance(1_000);
    const restored = server.last.requests.find(({ op }) => op === Op.setWatches);
    const watches = restored !== undefined && "watches" in restored ? restored.watches : [];
    expect(watches.map(({ path }) => path)).toEqual(["/a", "/a"]);
    expect(watches[0]!.zxid).toBeLessThan(from + 10);
    expect(watches[1]!.zxid).toBeGreaterThanOrEqual(from + 10);
  });

  test("a read whose session ends before the missed events could be told is refused: it would show their changes", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    await client.get("/a", { watch: () => {} });
    server.answer = () => undefined;
    const reading = client.get("/a");
    await settled();
    server.last.cut();
    server.answer = (request) => (request.op === Op.setWatches ? undefined : agreeable(request));
    await clock.advance(1_000);
    expect(await standing(reading)).toBe("pending");
    server.sessions.clear();
    server.last.goodbye("SESSION_EXPIRED");
    await expect(reading).rejects.toMatchObject({ code: "SESSION_EXPIRED", outcome: "no" });
  });

  test("a new session has them too; a new history tells resync and fires the one-shot ones", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const seen = gather(await client.addWatch("/a"));
    const fired = client.nextEvent("/b");
    await settled();
    server.sessions.clear();
    server.last.goodbye("SESSION_EXPIRED");
    await clock.advance(1_000);
    expect(client.session?.ordinal).toBe(2);
    server.last.event(changed, "/a");
    await settled();
    expect(seen).toEqual(["changed /a"]);
    expect(await standing(fired)).toBe("pending");
    server.sessions.clear();
    server.clusterId = "other";
    server.last.goodbye("SESSION_EXPIRED");
    await clock.advance(1_000);
    expect(await fired).toMatchObject({ kind: "resync", path: "/b" });
    expect(seen).toEqual(["changed /a", "resync /a"]);
  });

  test("an addWatch that was not answered is sent again as it was", async () => {
    const { client, clock, server } = await connectHarness();
    const adding: Promise<Watch> = client.addWatch("/a");
    await settled();
    server.last.cut();
    server.answer = agreeable;
    await clock.advance(1_000);
    const seen = gather(await adding);
    expect(server.last.requests.map(({ op }) => op)).toEqual([Op.addWatch]);
    server.last.event(changed, "/a");
    await settled();
    expect(seen).toEqual(["changed /a"]);
    await client.close();
    expect(await rejection(client.addWatch("/a"))).toMatchObject({ code: "CLOSED" });
  });
});
