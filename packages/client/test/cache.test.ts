import { Op, SubscriptionKind, type Value } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { text } from "../src/node/index.ts";
import { statFields } from "./fake-server.ts";
import { agreeable, connectHarness, rejection, standing } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

const { page, changes, synced, resync } = SubscriptionKind;
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
const entry = (path: string, value: string): Value => [path, bytes(value), statFields(5)];

async function cached(options: { readonly entriesMax?: number } = {}) {
  const harness = await connectHarness();
  const { client, server } = harness;
  server.answer = agreeable;
  const opening = client.cache("/t", { codec: text, ...options });
  await settled();
  const ids = (): number[] =>
    server.last.requests.filter(({ op }) => op === Op.subscribe).map((request) => ("id" in request ? request.id : 0));
  server.last.subscription(ids()[0]!, page, [entry("/t", "root"), entry("/t/a", "1"), entry("/t/b", "2")], 50);
  server.last.subscription(ids()[0]!, synced, undefined, 50);
  const cache = await opening;
  const gets = (): number =>
    server.connections.flatMap(({ requests }) => requests).filter(({ op }) => op === Op.get).length;
  return { ...harness, cache, ids, gets };
}

describe("a cache", () => {
  test("answers from memory, also that a znode does not exist, and follows the changes", async () => {
    const { cache, server, ids, gets } = await cached();
    expect((await cache.get("/t/a"))?.value).toBe("1");
    expect(await cache.get("/t/none")).toBeUndefined();
    const told: (readonly string[])[] = [];
    cache.onChange((paths) => told.push(paths));
    server.last.subscription(
      ids()[0]!,
      changes,
      [
        [3, "/t/a", bytes("11"), statFields(60)],
        [2, "/t/b", null, null],
      ],
      60,
    );
    await settled();
    expect(cache.peek("/t/a")?.value).toBe("11");
    expect(await cache.get("/t/b")).toBeUndefined();
    expect(told).toEqual([["/t/a", "/t/b"]]);
    expect(cache).toMatchObject({ zxid: 60, size: 2, isFresh: true, isComplete: true });
    expect([...cache.entries()].map(({ path }) => path).sort()).toEqual(["/t", "/t/a"]);
    expect(gets()).toBe(0);
  });

  test("is bounded: what was dropped is read again, and it does not pretend to be complete", async () => {
    const { cache, server, gets } = await cached({ entriesMax: 2 });
    expect(cache).toMatchObject({ size: 2, isComplete: false });
    server.answer = (request) => (request.op === Op.get ? [bytes("again"), statFields(5)] : agreeable(request));
    expect((await cache.get("/t"))?.value).toBe("again");
    expect((await cache.get("/t"))?.value).toBe("again");
    expect(gets()).toBe(1);
  });

  test("a change that comes while a dropped znode is read is not undone by the older answer", async () => {
    const { cache, server, ids } = await cached({ entriesMax: 2 });
    server.answer = () => undefined;
    const reading = cache.get("/t");
    await settled();
    const { xid } = server.last.requests.at(-1)!;
    server.last.together(() => {
      server.last.subscription(
        ids()[0]!,
        changes,
        [[3, "/t", bytes("new"), statFields(server.zxid + 9)]],
        server.zxid + 9,
      );
      server.last.reply(xid, bytes("old"), statFields(5));
    });
    await reading;
    expect(cache.peek("/t")?.value).toBe("new");
  });

  test("is not fresh while its connection is down, keeps its content, and catches up", async () => {
    const { cache, clock, server, ids } = await cached();
    server.last.cut();
    await settled();
    expect(cache.isFresh).toBe(false);
    expect(cache.peek("/t/a")?.value).toBe("1");
    await clock.advance(1_000);
    expect(cache.isFresh).toBe(false);
    server.last.subscription(ids()[0]!, changes, [[3, "/t/a", bytes("3"), statFields(70)]], 70);
    server.last.subscription(ids()[0]!, synced, undefined, 71);
    await settled();
    expect(cache).toMatchObject({ isFresh: true, zxid: 71 });
    expect(cache.peek("/t/a")?.value).toBe("3");
  });

  test("a resync empties it, and ready() waits for the next sync", async () => {
    const { cache, server, ids } = await cached();
    server.last.subscription(ids()[0]!, resync, undefined, 80);
    await settled();
    expect(cache).toMatchObject({ size: 0, isFresh: false, isComplete: false, zxid: undefined });
    const ready = cache.ready();
    expect(await standing(ready)).toBe("pending");
    server.last.subscription(ids()[0]!, page, [entry("/t", "r")], 81);
    server.last.subscription(ids()[0]!, synced, undefined, 81);
    await ready;
    expect(cache).toMatchObject({ size: 1, isComplete: true });
  });

  test("close ends its subscription; later calls reject", async () => {
    const { cache, client, server } = await cached();
    await cache.close();
    await cache.close();
    await settled();
    expect(server.last.requests.at(-1)?.op).toBe(Op.unsubscribe);
    expect(await rejection(cache.get("/t"))).toMatchObject({ code: "CLOSED" });
    expect(client.stats().subscriptions).toBe(0);
  });
});
