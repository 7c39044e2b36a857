import { Op } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { SubscriptionEvent } from "../src/subscription/event.ts";
import type { Subscription } from "../src/subscription/subscription.ts";
import { json, text } from "../src/node/index.ts";
import { statFields } from "./fake-server.ts";
import { agreeable, connectHarness, errorOf, openHarness, rejection, standing } from "./harness.ts";
import {
  bytes,
  change,
  changes,
  changesPart,
  credits,
  describeEvent,
  entry,
  gather,
  lastId,
  page,
  resync,
  subscribed,
  subscribes,
  synced,
} from "./subscribing.ts";
import { settled } from "./virtual-clock.ts";

describe("a subscription", () => {
  test("asks for the whole subtree, or for what followed a zxid, with its credits", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    await client.subscribe("/t");
    await client.subscribe("/t", { since: 42, scope: "children", values: false, window: 5 });
    expect(subscribes(server.last.requests)).toMatchObject([
      { path: "/t", since: -1, scope: 0, flags: 0, credits: 64 },
      { path: "/t", since: 42, scope: 2, flags: 2, credits: 5 },
    ]);
    expect(await errorOf(client.subscribe("/t", { since: -2 }))).toMatchObject({ code: "BAD_ARGUMENTS" });
  });

  test("tells entries, changes and synced, decoded", async () => {
    const { server, subscription, id } = await subscribed({ codec: text });
    server.last.subscription(id, page, [entry("/t", "root"), entry("/t/a", "one")]);
    server.last.subscription(id, changes, [change(2, "/t/a")], 70);
    server.last.subscription(id, synced, undefined, 71);
    const events: SubscriptionEvent<unknown>[] = [];
    for (let i = 0; i < 4; i++) events.push((await subscription.next()).value as SubscriptionEvent<unknown>);
    expect(events.map(describeEvent)).toEqual(["entry /t", "entry /t/a", "deleted /t/a", "synced"]);
    expect(events[0]).toMatchObject({ value: "root", stat: { czxid: 5 } });
    expect(events[2]).toEqual({ kind: "deleted", path: "/t/a", zxid: 70 });
  });

  test("data that the codec refuses is an event, not the end", async () => {
    const { server, subscription, id } = await subscribed({ codec: json() });
    server.last.subscription(id, page, [entry("/t", "{")]);
    expect((await subscription.next()).value).toMatchObject({
      kind: "undecodable",
      change: "entry",
      path: "/t",
      error: { code: "CODEC" },
      data: bytes("{"),
    });
  });

  test("all changes of one zxid come together: parts are joined, and take one credit together", async () => {
    const { server, subscription, id } = await subscribed({ since: 1, window: 1 });
    server.last.subscription(id, changesPart, [change(1, "/t/a")], 80);
    server.last.subscription(id, changesPart, [change(1, "/t/b")], 80);
    await settled();
    const first = subscription.next();
    expect(await standing(first)).toBe("pending");
    server.last.subscription(id, changes, [change(1, "/t/c")], 80);
    expect(describeEvent((await first).value as never)).toBe("created /t/a");
    expect(describeEvent((await subscription.next()).value as never)).toBe("created /t/b");
    expect(subscription.cursor).toBe(1);
    expect(describeEvent((await subscription.next()).value as never)).toBe("created /t/c");
    expect(subscription.cursor).toBe(1);
    expect(credits(server)).toEqual([]);
    void subscription.next();
    expect(subscription.cursor).toBe(80);
    await settled();
    expect(credits(server)).toEqual([1]);
  });

  test("grants credits only as its reader deals with messages: a reader that never reads bounds what is sent", async () => {
    const { server, subscription, id } = await subscribed({ since: 1, window: 4 });
    for (let i = 0; i < 4; i++) server.last.subscription(id, changes, [change(3, "/t/a"), change(3, "/t/b")], 90 + i);
    await settled();
    expect(credits(server)).toEqual([]);
    for (let i = 0; i < 5; i++) await subscription.next();
    await settled();
    expect(credits(server)).toEqual([2]);
  });

  test("has no cursor while the subtree is being sent, one after synced", async () => {
    const { server, subscription, id } = await subscribed();
    server.last.subscription(id, page, [entry("/t")], 50);
    server.last.subscription(id, changes, [change(3, "/t")], 51);
    server.last.subscription(id, synced, undefined, 51);
    await subscription.next();
    await subscription.next();
    await subscription.next();
    expect(subscription.cursor).toBeUndefined();
    void subscription.next();
    expect(subscription.cursor).toBe(51);
  });

  test("coalescing keeps the last event of each path, takes messages without the reader, and moves its cursor when all is read", async () => {
    const { server, subscription, id } = await subscribed({ since: 1, window: 4, coalesce: true });
    for (let i = 0; i < 4; i++)
      server.last.subscription(id, changes, [change(3, i % 2 === 0 ? "/t/a" : "/t/b", `${i}`)], 90 + i);
    await settled();
    expect(credits(server).reduce((sum, n) => sum + n, 0)).toBe(4);
    const two = [
      (await subscription.next()).value,
      (await subscription.next()).value,
    ] as SubscriptionEvent<Uint8Array>[];
    expect(two).toMatchObject([
      { path: "/t/a", value: bytes("2"), zxid: 92 },
      { path: "/t/b", value: bytes("3"), zxid: 93 },
    ]);
    expect(subscription.cursor).toBe(1);
    void subscription.next();
    expect(subscription.cursor).toBe(93);
  });

  test("an event is seen before the reply that shows it, within one frame", async () => {
    const { client, server, subscription, id } = await subscribed({ since: 1 });
    const order: string[] = [];
    void (async () => {
      for await (const event of subscription) order.push(describeEvent(event));
    })();
    server.answer = () => undefined;
    const reading = client.get("/t").then(() => order.push("reply"));
    await settled();
    server.last.together(() => {
      server.last.subscription(id, changes, [change(3, "/t")], 99);
      server.last.reply(server.last.requests.at(-1)!.xid, null, statFields(99));
    });
    await reading;
    expect(order).toEqual(["changed /t", "reply"]);
  });

  test("leaving the loop or aborting ends it at the server", async () => {
    const { client, server, subscription, id } = await subscribed({ since: 1 });
    server.last.subscription(id, changes, [change(3, "/t")], 99);
    for await (const event of subscription) {
      expect(event.kind).toBe("changed");
      break;
    }
    const abort = new AbortController();
    const other = await client.subscribe("/t", { signal: abort.signal });
    const seen = gather(other);
    abort.abort();
    await settled();
    expect(seen).toEqual(["end"]);
    expect(server.last.requests.filter(({ op }) => op === Op.unsubscribe)).toHaveLength(2);
    expect(client.stats().subscriptions).toBe(0);
  });

  test("a refusal rejects, and leaves nothing behind", async () => {
    const { client, server } = await connectHarness();
    server.answer = () => ({ code: "NO_AUTH", detail: { path: "/t" } });
    expect(await errorOf(client.subscribe("/t"))).toMatchObject({ code: "NO_AUTH", path: "/t" });
    expect(client.stats().subscriptions).toBe(0);
  });

  test("what the server says is void is dropped, told by resync, and its credits come back", async () => {
    const { server, subscription, id } = await subscribed({ since: 1, window: 4 });
    server.last.subscription(id, changes, [change(3, "/t/old")], 90);
    server.last.subscription(id, changes, [change(3, "/t/old")], 91);
    server.last.subscription(id, resync, undefined, 95);
    server.last.subscription(id, page, [entry("/t/new")], 95);
    await settled();
    expect(credits(server)).toEqual([2]);
    expect(describeEvent((await subscription.next()).value as never)).toBe("resync");
    expect(describeEvent((await subscription.next()).value as never)).toBe("entry /t/new");
    expect(subscription.cursor).toBeUndefined();
  });
});

describe("after a reconnect", () => {
  test("it goes on after the last whole unit that came, under a new number, with the credits not in use", async () => {
    const { clock, server, subscription, id } = await subscribed({ since: 1, window: 10 });
    server.last.subscription(id, changes, [change(3, "/t/a")], 90);
    server.last.subscription(id, changes, [change(3, "/t/b")], 91);
    server.last.subscription(id, changesPart, [change(3, "/t/half")], 92);
    await settled();
    server.last.cut();
    await clock.advance(1_000);
    const again = subscribes(server.last.requests);
    expect(again).toMatchObject([{ since: 91, credits: 8 }]);
    expect(again[0]!.id).not.toBe(id);
    server.last.subscription(again[0]!.id, changes, [change(3, "/t/half"), change(3, "/t/whole")], 92);
    const seen: string[] = [];
    for (let i = 0; i < 4; i++) seen.push(describeEvent((await subscription.next()).value as never));
    expect(seen).toEqual(["changed /t/a", "changed /t/b", "changed /t/half", "changed /t/whole"]);
  });

  test("a subtree that was half sent begins anew, after a resync", async () => {
    const { clock, server, subscription, id } = await subscribed();
    server.last.subscription(id, page, [entry("/t/a")]);
    await settled();
    const seen = gather(subscription);
    await settled();
    server.last.cut();
    await clock.advance(1_000);
    expect(subscribes(server.last.requests)).toMatchObject([{ since: -1 }]);
    server.last.subscription(lastId(server), page, [entry("/t/b")]);
    server.last.subscription(lastId(server), synced);
    await settled();
    expect(seen).toEqual(["entry /t/a", "resync", "entry /t/b", "synced"]);
  });

  test("it goes on in a new session of the same history, and begins anew in another history", async () => {
    const { client, clock, server, subscription, id } = await subscribed();
    server.last.subscription(id, synced, undefined, 77);
    const seen = gather(subscription);
    await settled();
    server.sessions.clear();
    server.last.goodbye("SESSION_EXPIRED");
    await clock.advance(1_000);
    expect(client.session?.ordinal).toBe(2);
    expect(subscribes(server.last.requests)).toMatchObject([{ since: 77 }]);
    server.clusterId = "other";
    server.sessions.clear();
    server.last.goodbye("SESSION_EXPIRED");
    await clock.advance(1_000);
    expect(subscribes(server.last.requests)).toMatchObject([{ since: -1 }]);
    expect(seen).toEqual(["synced", "resync"]);
  });

  test("a subscribe that waits to be sent while the server's history becomes another begins anew", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const opening: Promise<Subscription<Uint8Array | null>>[] = [];
    client.on("state", ({ name }) => {
      if (name === "expired") opening.push(client.subscribe("/t", { since: 77 }), client.subscribe("/u"));
    });
    server.clusterId = "other";
    server.sessions.clear();
    server.last.goodbye("SESSION_EXPIRED");
    await clock.advance(1_000);
    expect(subscribes(server.last.requests)).toMatchObject([
      { path: "/t", since: -1 },
      { path: "/u", since: -1 },
    ]);
    const id = subscribes(server.last.requests)[0]!.id;
    const subscriptions = await Promise.all(opening);
    const [seen, other] = subscriptions.map(gather);
    server.last.subscription(id, page, [entry("/t/a")]);
    server.last.subscription(id, synced, undefined, 5);
    await settled();
    expect(seen).toEqual(["resync", "entry /t/a", "synced"]);
    expect(other).toEqual([]);
  });

  test("a subscribe that waits to be sent keeps its zxid when a session of the same history follows, or the first", async () => {
    const first = openHarness();
    first.server.answer = agreeable;
    const early = first.client.subscribe("/t", { since: 77 });
    await first.client.ready();
    await early;
    expect(subscribes(first.server.last.requests)).toMatchObject([{ since: 77 }]);
    const { client, clock, server } = first;
    client.on("state", ({ name }) => {
      if (name === "expired") void client.subscribe("/u", { since: 78 });
    });
    server.sessions.clear();
    server.last.goodbye("SESSION_EXPIRED");
    await clock.advance(1_000);
    expect(subscribes(server.last.requests)).toContainEqual(expect.objectContaining({ path: "/u", since: 78 }));
  });

  test("one that began anew before it was sent does so again when its connection breaks before the answer", async () => {
    const { client, clock, server } = await connectHarness();
    client.on("state", ({ name }) => {
      if (name === "expired")
        void client.subscribe("/t", { since: 77 }).then((opened) => void seen.push(gather(opened)));
    });
    const seen: string[][] = [];
    server.clusterId = "other";
    server.sessions.clear();
    server.last.goodbye("SESSION_EXPIRED");
    await clock.advance(1_000);
    server.last.subscription(lastId(server), page, [entry("/t/a")]);
    server.last.subscription(lastId(server), synced, undefined, 5);
    await settled();
    server.last.cut();
    server.answer = agreeable;
    await clock.advance(1_000);
    expect(subscribes(server.last.requests)).toMatchObject([{ since: -1 }]);
    server.last.subscription(lastId(server), page, [entry("/t/b")]);
    await settled();
    expect(seen).toEqual([["resync", "entry /t/b"]]);
  });

  test("a subscribe that was not answered is sent as it was; changes that came before do not come twice", async () => {
    const { client, clock, server } = await connectHarness();
    const opening = client.subscribe("/t", { since: 10 });
    await settled();
    const id = lastId(server);
    server.last.subscription(id, changes, [change(3, "/t/a")], 11);
    await settled();
    server.last.cut();
    server.answer = agreeable;
    await clock.advance(1_000);
    expect(server.last.bytes[0]).toEqual(server.connections[0]!.bytes[0]);
    const seen = gather(await opening);
    server.last.subscription(id, changes, [change(3, "/t/a")], 11);
    server.last.subscription(id, changes, [change(3, "/t/b")], 12);
    await settled();
    expect(seen).toEqual(["changed /t/a", "changed /t/b"]);
  });

  test("a server that refuses to go on ends the loop with its error", async () => {
    const { clock, server, subscription } = await subscribed();
    const seen = gather(subscription);
    server.last.cut();
    server.answer = () => ({ code: "NO_AUTH" });
    await clock.advance(1_000);
    expect(seen).toEqual(["NO_AUTH"]);
  });

  test("closing the client ends the loop with CLOSED", async () => {
    const { client, clock, subscription } = await subscribed();
    const seen = gather(subscription);
    await client.close();
    await settled();
    expect(seen).toEqual(["CLOSED"]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("messages of a subscription that was given up are answered by unsubscribing", async () => {
    const { client, clock, server } = await connectHarness();
    const opening = rejection(client.subscribe("/t", { timeoutMs: 100 }));
    await clock.advance(100);
    expect(await opening).toMatchObject({ code: "TIMEOUT" });
    await settled();
    const unsubscribes = (): number => server.last.requests.filter(({ op }) => op === Op.unsubscribe).length;
    expect(unsubscribes()).toBe(1);
    server.last.subscription(lastId(server), page, [entry("/t")]);
    await settled();
    expect(unsubscribes()).toBe(2);
  });
});
