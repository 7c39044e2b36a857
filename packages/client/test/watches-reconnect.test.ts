/** Watches over lost connections, new sessions and new histories. */
import { EventType, Op, WatchKind } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { Watch } from "../src/watch/watch.ts";
import { agreeable, connectHarness, gather, rejection, standing } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

const { changed } = EventType;

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
