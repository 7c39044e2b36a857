/** Limits, quotas and overload, as a user meets them: docs/features.md, rows 97 to 102 and the wishes about them. */
import { type Client, text } from "@corral/client";
import { describe, expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";
import { bytes, failure, put, textAt } from "./feature-words.ts";

async function limit(client: Client, path: string, limits: string): Promise<() => Promise<string>> {
  const at = `/zookeeper/quota${path}`;
  await client.create(`${at}/zookeeper_limits`, limits, { codec: text, parents: true });
  await client.create(`${at}/zookeeper_stats`);
  return () => textAt(client, `${at}/zookeeper_stats`);
}

describe("a quota", () => {
  test("that is soft counts the znodes and bytes of a subtree, and refuses nothing", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await put(client, "/a", "12345");
    const used = await limit(client, "/a", "count=1,bytes=5");
    expect(await used()).toBe("count=1,bytes=5");
    await put(client, "/a/b", "678");
    await put(client, "/other", "not counted");
    expect(await used()).toBe("count=2,bytes=8");
    await client.delete("/a/b");
    expect(await used()).toBe("count=1,bytes=5");
  });

  test("that is hard refuses what exceeds it, and names itself", async () => {
    await using server = await startTestServer();
    const client = await server.connect();
    await put(client, "/a", "");
    await limit(client, "/a", "count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3");
    await put(client, "/a/1", "12345");
    expect(await failure(client.set("/a/1", "12345678901", { codec: text }))).toMatchObject({
      code: "QUOTA_EXCEEDED",
      path: "/a",
      limitName: "byteHardLimit",
      limit: 10,
      actual: 11,
    });
    await put(client, "/a/2", "");
    expect(await failure(put(client, "/a/3", ""))).toMatchObject({
      code: "QUOTA_EXCEEDED",
      path: "/a",
      limitName: "countHardLimit",
      limit: 3,
      actual: 4,
    });
    expect(await client.children("/a")).toEqual(["1", "2"]);
  });
});

test("connections are limited in total: one more is refused, until one goes", async () => {
  await using server = await startTestServer({ limits: { connections: 2 } });
  const [first] = [await server.connect(), await server.connect()];
  const third = failure(server.connect({ timeoutMs: 2_000 }));
  await server.clock.advance(2_500);
  expect(await third).toMatchObject({
    code: "TIMEOUT",
    cause: { code: "OVERLOADED", limitName: "connections", limit: 2 },
  });
  await first.close();
  expect((await server.connect()).state.name).toBe("connected");
});

test("requests that are not answered are limited, by waiting: none is refused and the order stays", async () => {
  await using server = await startTestServer({ limits: { inFlight: 5 }, latencyMs: 10 });
  const client = await server.connect();
  await client.create("/q");
  const creating = Promise.all(Array.from({ length: 50 }, (_, i) => client.create(`/q/${i}`)));
  expect(client.stats().inFlight).toBeLessThanOrEqual(5);
  expect(client.stats().queued).toBeGreaterThanOrEqual(45);
  await creating;
  expect(await client.children("/q")).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`));
  const times = server
    .requests({ op: "create" })
    .slice(1)
    .map(({ at }) => at);
  for (const at of new Set(times)) expect(times.filter((other) => other === at).length).toBeLessThanOrEqual(5);
});

test("a request that is too large is refused for itself, by a limit that can be configured; service goes on for all", async () => {
  await using server = await startTestServer({ limits: { requestBytes: 20_000 } });
  const [client, other] = [await server.connect(), await server.connect()];
  const small = put(client, "/small", "1");
  const large = failure(client.create("/large", new Uint8Array(30_000)));
  const after = put(client, "/after", "2");
  expect(await large).toMatchObject({
    code: "LIMIT_EXCEEDED",
    path: "/large",
    limitName: "requestBytes",
    limit: 20_000,
    outcome: "no",
  });
  expect(await Promise.all([small, after])).toEqual(["/small", "/after"]);
  expect(await other.children("/")).toEqual(["zookeeper", "small", "after"]);
  expect(client.stats()).toMatchObject({ reconnects: 0, sessions: 1 });
});

test("a transaction that is too large changes nothing and stops nobody, not even a restart", async () => {
  await using server = await startTestServer({ log: "file", options: { deleteTreeNodes: 50 } });
  const [client, other] = [await server.connect(), await server.connect()];
  await client.create("/t");
  await Promise.all(Array.from({ length: 100 }, (_, i) => client.create(`/t/${i}`, bytes("x".repeat(1_000)))));
  expect(await failure(client.delete("/t", { recursive: true }))).toMatchObject({
    code: "LIMIT_EXCEEDED",
    limitName: "deleteTreeNodes",
    limit: 50,
  });
  expect(await other.countDescendants("/t")).toBe(100);
  await server.faults.restart({ crash: true });
  await server.clock.advance(5_000);
  expect(await other.countDescendants("/t")).toBe(100);
  await put(client, "/after", "goes on");
});
