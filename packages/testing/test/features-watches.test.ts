/** Watches and subscriptions, as a user meets them: docs/features.md, rows 41 to 52. */
import { text, type WatchEvent } from "@corral/client";
import { describe, expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";
import { bytes, failure, lineOf, put, take, untilSynced } from "./feature-words.ts";

const shown = ({ kind, path }: WatchEvent): string => `${kind} ${path}`;

describe("a one-shot watch", () => {
  test("on data tells of the next change, once", async () => {
    await using server = await startTestServer();
    const [watcher, writer] = [await server.connect(), await server.connect()];
    await writer.create("/a");
    const events: string[] = [];
    await watcher.get("/a", { watch: (event) => events.push(shown(event)) });
    await writer.set("/a", bytes("1"));
    await writer.set("/a", bytes("2"));
    await watcher.sync();
    expect(events).toEqual(["changed /a"]);
  });

  test("on a znode that does not exist yet tells of its creation", async () => {
    await using server = await startTestServer();
    const [watcher, writer] = [await server.connect(), await server.connect()];
    const events: string[] = [];
    expect(await watcher.exists("/a", { watch: (event) => events.push(shown(event)) })).toBe(false);
    await writer.create("/a");
    await watcher.sync();
    expect(events).toEqual(["created /a"]);
  });

  test("on children tells of the next that comes or goes, not of changes of their data", async () => {
    await using server = await startTestServer();
    const [watcher, writer] = [await server.connect(), await server.connect()];
    await writer.create("/p");
    await writer.create("/p/a");
    const events: string[] = [];
    await watcher.children("/p", { watch: (event) => events.push(shown(event)) });
    await writer.set("/p/a", bytes("1"));
    await writer.set("/p", bytes("1"));
    await watcher.sync();
    expect(events).toEqual([]);
    await writer.delete("/p/a");
    await writer.create("/p/b");
    await watcher.sync();
    expect(events).toEqual(["children /p"]);
  });
});

describe("a persistent watch", () => {
  test("tells of every change of its znode and of its set of children", async () => {
    await using server = await startTestServer();
    const [watcher, writer] = [await server.connect(), await server.connect()];
    const watch = await watcher.addWatch("/a");
    await writer.create("/a");
    await writer.set("/a", bytes("1"));
    await writer.create("/a/x");
    await writer.set("/a/x", bytes("1"));
    await writer.delete("/a/x");
    await writer.delete("/a");
    expect((await take(watch, 5)).map(shown)).toEqual([
      "created /a",
      "changed /a",
      "children /a",
      "children /a",
      "deleted /a",
    ]);
  });

  test("that is recursive tells of everything below as well", async () => {
    await using server = await startTestServer();
    const [watcher, writer] = [await server.connect(), await server.connect()];
    const watch = await watcher.addWatch("/a", { recursive: true });
    await writer.create("/a/b/c", null, { parents: true });
    await writer.set("/a/b/c", bytes("1"));
    await writer.create("/other");
    await writer.delete("/a", { recursive: true });
    expect((await take(watch, 7)).map(shown)).toEqual([
      "created /a",
      "created /a/b",
      "created /a/b/c",
      "changed /a/b/c",
      "deleted /a/b/c",
      "deleted /a/b",
      "deleted /a",
    ]);
  });

  test("and others are removed by type, each for itself", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await client.create("/a");
    await client.get("/a", { watch: () => {} });
    await client.children("/a", { watch: () => {} });
    const watches = [await client.addWatch("/a"), await client.addWatch("/a", { recursive: true })];
    const types = ["data", "children", "persistent", "recursive"] as const;
    const set = (): Promise<boolean[]> => Promise.all(types.map((type) => client.hasWatch("/a", { type })));
    expect(await set()).toEqual([true, true, true, true]);
    const left = [true, true, true, true];
    for (const [i, type] of types.entries()) {
      await client.removeWatches("/a", { type });
      left[i] = false;
      expect(await set()).toEqual(left);
    }
    for (const watch of watches) expect(await failure(watch.next())).toMatchObject({ code: "NO_WATCHER" });
    expect(await failure(client.removeWatches("/a"))).toMatchObject({ code: "NO_WATCHER" });
  });

  test("goes on after a reconnect, and tells what was missed; one-shot watches too", async () => {
    await using server = await startTestServer();
    const [watcher, writer] = [await server.connect(), await server.connect()];
    await writer.create("/a");
    const once: string[] = [];
    await watcher.get("/a", { watch: (event) => once.push(shown(event)) });
    await watcher.exists("/late", { watch: (event) => once.push(shown(event)) });
    const watch = await watcher.addWatch("/a", { recursive: true });
    const partition = server.faults.partition(watcher);
    server.faults.cut(watcher);
    await writer.create("/a/x");
    await writer.delete("/a/x");
    await writer.set("/a", bytes("1"));
    await writer.create("/late");
    partition.end();
    await server.clock.advance(10_000);
    expect((await take(watch, 3)).map(shown)).toEqual(["created /a/x", "deleted /a/x", "changed /a"]);
    expect(once.toSorted()).toEqual(["changed /a", "created /late"]);
    await writer.set("/a", bytes("2"));
    expect((await take(watch, 1)).map(shown)).toEqual(["changed /a"]);
    expect(watcher.stats()).toMatchObject({ sessions: 1, reconnects: 1 });
  });
});

describe("an event", () => {
  test("comes before any reply that shows its change, the writer's own included", async () => {
    await using server = await startTestServer({ latencyMs: 5 });
    const [watcher, writer] = [await server.connect(), await server.connect()];
    await writer.create("/a", bytes("0"));
    const seen: string[] = [];
    for (const [name, client] of Object.entries({ watcher, writer }))
      await client.get("/a", { watch: () => seen.push(`${name}: event`) });
    const reading = (async () => {
      for (;;) {
        const { stat } = await watcher.get("/a");
        if (stat.version === 1) return void seen.push("watcher: reply");
      }
    })();
    await writer.set("/a", bytes("1"));
    seen.push("writer: reply");
    await reading;
    for (const name of ["watcher", "writer"])
      expect(seen.filter((line) => line.startsWith(name))).toEqual([`${name}: event`, `${name}: reply`]);
  });

  test("is not sent to those who may not read its znode", async () => {
    await using server = await startTestServer();
    const [stranger, owner] = [
      await server.connect(),
      await server.connect({ auth: [{ scheme: "digest", credential: "ann:secret" }] }),
    ];
    const acl = [{ permissions: 31, scheme: "auth", id: "" }];
    const watch = await stranger.addWatch("/", { recursive: true });
    const changes = await stranger.subscribe("/", { codec: text });
    await untilSynced(changes);
    await owner.create("/secret", bytes("1"), { acl });
    await owner.set("/secret", bytes("2"));
    await owner.create("/secret/open");
    await owner.delete("/secret/open");
    await owner.delete("/secret");
    await owner.create("/open");
    expect((await take(watch, 3)).map(shown)).toEqual([
      "created /secret/open",
      "deleted /secret/open",
      "created /open",
    ]);
    expect((await take(changes, 3)).map(lineOf)).toEqual([
      "created /secret/open",
      "deleted /secret/open",
      "created /open",
    ]);
  });

  test("of a subscription has the new value", async () => {
    await using server = await startTestServer();
    const [watcher, writer] = [await server.connect(), await server.connect()];
    await put(writer, "/a", "1");
    const changes = await watcher.subscribe("/a", { codec: text });
    expect(await untilSynced(changes)).toEqual(["entry /a=1", "synced"]);
    await writer.set("/a", "2", { codec: text });
    await put(writer, "/a/x", "new");
    await writer.set("/a", "3", { codec: text });
    expect((await take(changes, 3)).map(lineOf)).toEqual(["changed /a=2", "created /a/x=new", "changed /a=3"]);
  });

  test("has the zxid of its change", async () => {
    await using server = await startTestServer();
    const [watcher, writer] = [await server.connect(), await server.connect()];
    const watch = await watcher.addWatch("/a");
    const once = watcher.nextEvent("/a");
    const { stat } = await writer.create("/a");
    const { mzxid } = await writer.set("/a", bytes("1"));
    expect((await take(watch, 2)).map(({ zxid }) => zxid)).toEqual([stat.czxid, mzxid]);
    expect((await once).zxid).toBe(stat.czxid);
  });
});

test("no change is lost to a subscription over reconnects and a crash: all come once, in order, with data and version", async () => {
  await using server = await startTestServer({ log: "file" });
  const [watcher, writer] = [await server.connect(), await server.connect()];
  await writer.create("/a", bytes("0"));
  const changes = await watcher.subscribe("/a", { codec: text });
  await untilSynced(changes);
  for (let i = 1; i <= 30; i++) {
    if (i % 10 === 1) server.faults.cut(watcher);
    if (i === 15) await server.faults.restart({ crash: true });
    const writing = writer.set("/a", `${i}`, { codec: text });
    await server.clock.advance(i % 5 === 0 ? 5_000 : 0);
    await Promise.all([writing, server.clock.advance(2_000)]);
  }
  const events = [];
  while (events.length < 30) {
    const [event] = await take(changes, 1);
    if (event!.kind !== "synced") events.push(event!);
  }
  expect(events.map((event) => event.kind === "changed" && `${event.value} ${event.stat.version}`)).toEqual(
    Array.from({ length: 30 }, (_, i) => `${i + 1} ${i + 1}`),
  );
});

test(
  "a hundred thousand watches cost a change of one znode nothing: one event, to the one who watches it",
  { timeout: 30_000 },
  async () => {
    await using server = await startTestServer();
    const [watcher, other, writer] = [await server.connect(), await server.connect(), await server.connect()];
    const events: string[] = [];
    const watch = (event: WatchEvent): void => void events.push(shown(event));
    for (let from = 0; from < 100_000; from += 10_000) {
      const paths = Array.from({ length: 10_000 }, (_, i) => `/watched/${from + i}`);
      await Promise.all(paths.map((path, i) => (i % 2 === 0 ? watcher : other).exists(path, { watch })));
    }
    expect(server.leaks().watches).toBe(100_000);
    const { bytesIn } = other.stats();
    await writer.create("/watched/4242", null, { parents: true });
    await watcher.sync();
    expect(events).toEqual(["created /watched/4242"]);
    expect(other.stats().bytesIn).toBe(bytesIn);
    expect(server.leaks().watches).toBe(99_999);
  },
);
