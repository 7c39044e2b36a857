/** Calls that are given up while they are on their way: they reject, and leave no watch behind. */
import type { CallOptions, Client } from "@corral/client";
import { expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";
import { bytes, failure } from "./feature-words.ts";

test.each<[string, "get" | "exists" | "children", (client: Client, options: CallOptions) => Promise<unknown>]>([
  ["nextEvent", "exists", (client, options) => client.nextEvent("/a", options)],
  ["nextEvent of an absent znode", "exists", (client, options) => client.nextEvent("/absent", options)],
  [
    "nextEvent of an existing znode",
    "get",
    (client, options) => client.nextEvent("/a", { ...options, existing: true }),
  ],
  ["nextEvent of children", "children", (client, options) => client.nextEvent("/a", { ...options, of: "children" })],
  ["get", "get", (client, options) => client.get("/a", { ...options, watch: () => expect.unreachable() })],
  ["find", "exists", (client, options) => client.find("/a", { ...options, watch: () => expect.unreachable() })],
  [
    "children",
    "children",
    (client, options) => client.children("/a", { ...options, watch: () => expect.unreachable() }),
  ],
])("%s that is given up before it is answered leaves no watch at the server", async (_, op, read) => {
  await using server = await startTestServer({ latencyMs: 5 });
  const client = await server.connect();
  await client.create("/a");
  const abort = new AbortController();
  server.faults.at({ op }, () => {
    abort.abort();
  });
  const aborted = failure(read(client, { signal: abort.signal }));
  const late = failure(read(client, { timeoutMs: 1 }));
  await server.clock.advance(100);
  expect([(await aborted).code, (await late).code]).toEqual(["ABORTED", "TIMEOUT"]);
  expect([client.stats().watches, server.leaks().watches]).toEqual([0, 0]);
});

test("a list of children that is given up at its second page drops the watch that its first page has set", async () => {
  await using server = await startTestServer({ limits: { pageBytes: 1_024 } });
  const client = await server.connect();
  for (let i = 0; i < 200; i++) await client.create(`/child-${i}`);
  const abort = new AbortController();
  server.faults.at({ op: "children", nth: 2 }, () => {
    expect(client.stats().watches).toBe(1);
    abort.abort();
  });
  const listing = client.children("/", { signal: abort.signal, watch: () => expect.unreachable() });
  expect((await failure(listing)).code).toBe("ABORTED");
  await server.clock.advance(100);
  expect([client.stats().watches, server.leaks().watches]).toEqual([0, 0]);
});

test("a watch that somebody else waits for stays when another read of it is given up", async () => {
  await using server = await startTestServer({ latencyMs: 5 });
  const client = await server.connect();
  await client.create("/a");
  const event = client.nextEvent("/a");
  await server.clock.advance(100);
  const late = failure(client.nextEvent("/a", { timeoutMs: 1 }));
  await server.clock.advance(1);
  const next = client.get("/a", { watch: () => void told++ });
  let told = 0;
  await server.clock.advance(100);
  await next;
  await late;
  expect(server.requests({ op: "removeWatches" })).toHaveLength(0);
  await client.set("/a", bytes("1"));
  expect((await event).kind).toBe("changed");
  expect([told, client.stats().watches, server.leaks().watches]).toEqual([1, 0, 0]);
});

test("a call whose own making ends the session, by whose end its signal is aborted, rejects", async () => {
  await using server = await startTestServer();
  const client = await server.connect({ session: { timeoutMs: 6_000 } });
  const over = new AbortController();
  client.session!.signal.addEventListener("abort", () => over.abort());
  server.faults.partition(client);
  server.faults.jumpClock(client, 60_000);
  const error = failure(client.get("/", { signal: over.signal, timeoutMs: Infinity }));
  expect(over.signal.aborted).toBe(true);
  expect((await error).code).toBe("ABORTED");
});
