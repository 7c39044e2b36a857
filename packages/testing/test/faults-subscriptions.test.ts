/** A subscription over faults of the connection, of the server, and of its history. */
import { type Client, isCorralError, type SubscriptionEvent } from "@corral/client";
import { expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";

async function follow(client: Client, path: string): Promise<SubscriptionEvent<Uint8Array | null>["kind"][]> {
  const kinds: SubscriptionEvent<Uint8Array | null>["kind"][] = [];
  const subscription = await client.subscribe(path);
  void (async () => {
    for await (const event of subscription) kinds.push(event.kind);
  })().catch((error: unknown) => {
    if (!isCorralError(error, "CLOSED")) throw error;
  });
  return kinds;
}

for (const crash of [false, true]) {
  test(`a subscription goes on over a ${crash ? "crash" : "restart"} without a resync`, async () => {
    await using server = await startTestServer({ log: "file" });
    const [client, other] = [await server.connect(), await server.connect()];
    await client.create("/s");
    const kinds = await follow(client, "/s");
    await server.clock.runUntilIdle();
    const partition = server.faults.partition(client);
    await other.create("/s/a");
    await server.faults.restart({ crash });
    partition.end();
    await server.clock.advance(10_000);
    await other.create("/s/b");
    await server.clock.runUntilIdle();
    expect(kinds).toEqual(["entry", "synced", "created", "synced", "created"]);
  });
}

test("a subscription of a quiet subtree goes on after a cut without being sent anew, whatever was written elsewhere", async () => {
  await using server = await startTestServer({ history: { historyEntries: 5_000, historyBytes: 10_000_000 } });
  const [client, other] = [await server.connect(), await server.connect()];
  await other.create("/app");
  for (let i = 0; i < 500; i++) await other.create(`/app/${i}`);
  const kinds = await follow(client, "/app");
  await server.clock.runUntilIdle();
  expect(kinds).toHaveLength(502);
  const received: number[] = [];
  await other.create("/busy");
  for (const writes of [500, 5_000]) {
    for (let i = 0; i < writes; i++) await other.create(`/busy/${writes}-${i}`);
    const before = client.stats().bytesIn;
    server.faults.cut(client);
    await server.clock.advance(10_000);
    received.push(client.stats().bytesIn - before);
  }
  expect(kinds.filter((kind) => kind === "resync" || kind === "entry")).toHaveLength(501);
  for (const bytes of received) expect(bytes).toBeLessThan(200);
});

test("with a forgotten history a subscription says resync and begins anew", async () => {
  await using server = await startTestServer();
  const [client, other] = [await server.connect(), await server.connect()];
  await client.create("/s");
  const kinds = await follow(client, "/s");
  await server.clock.runUntilIdle();
  const partition = server.faults.partition(client);
  server.faults.cut(client);
  await other.create("/s/a");
  server.faults.forgetHistory();
  partition.end();
  await server.clock.advance(10_000);
  expect(kinds).toEqual(["entry", "synced", "resync", "entry", "entry", "synced"]);
});
