/** What is kept and how, and the server in one's own process: docs/features.md, rows 105 to 135 and the wishes about them. */
import { connect, text } from "@corral/client";
import { type Batch, type CommittedBatch, MemoryLog, MemoryLogStore } from "@corral/log";
import { startServer } from "@corral/server";
import { describe, expect, test } from "vitest";
import { startTestServer } from "../src/index.ts";
import { bytes, failure, put, take, textAt, untilSynced } from "./feature-words.ts";

const MIB = 2 ** 20;

describe("the log", () => {
  test("is synced before the answer: a write whose sync fails is not acknowledged, one that was is there after a power cut", async () => {
    const fatal: Error[] = [];
    await using server = await startTestServer({ log: "file", onFatal: (error) => fatal.push(error) });
    const client = await server.connect();
    for (let i = 0; i < 20; i++) {
      await client.create(`/${i}`);
      if (i % 5 !== 0) continue;
      await server.faults.restart({ crash: true });
      await server.clock.advance(5_000);
      expect(server.dump().filter(({ path }) => /^\/\d+$/.test(path))).toHaveLength(i + 1);
    }
    server.faults.disk.failNext("sync");
    let isAnswered = false;
    const writing = client.create("/late").then(() => void (isAnswered = true));
    await server.clock.advance(1_000);
    expect([fatal.length, isAnswered]).toEqual([1, false]);
    await server.faults.restart({ crash: true });
    await server.clock.advance(5_000);
    await writing;
    expect(await client.exists("/late")).toBe(true);
  });

  test(
    "and its snapshots do not grow with what was written: what is not needed goes by itself, while all is served",
    { timeout: 30_000 },
    async () => {
      await using server = await startTestServer({
        log: "file",
        limits: { snapshotBytes: MIB / 8, batchBytes: MIB / 16 },
        fileLimits: { segmentBytes: MIB / 4, maxRecordBytes: MIB / 8 },
        seed: 3,
      });
      const client = await server.connect();
      await client.create("/a");
      const write = async (): Promise<number> => {
        for (let i = 0; i < 30; i++) await client.set("/a", new Uint8Array(16 * 1024).fill(i));
        await server.clock.advance(1_000);
        return server.faults.disk.files().length;
      };
      // Two snapshots are kept, and the segments after the older one: with the second there is as much as there will ever be.
      for (let round = 0; round < 2; round++) await write();
      const early = await write();
      let files = 0;
      for (let round = 0; round < 7; round++) files = await write();
      expect(files).toBeLessThanOrEqual(early + 1);
      await server.faults.restart({ crash: true });
      await server.clock.advance(5_000);
      expect((await client.get("/a")).stat.version).toBe(300);
    },
  );

  test("is not read to serve: after the start everything is answered from memory", async () => {
    await using server = await startTestServer({ log: "file" });
    const client = await server.connect();
    for (let i = 0; i < 50; i++) await put(client, `/${i}`, `${i}`);
    await server.faults.restart();
    await server.clock.advance(5_000);
    using read = server.faults.disk.failNext("read");
    for (let i = 0; i < 50; i++) expect(await textAt(client, `/${i}`)).toBe(`${i}`);
    expect((await client.readTree("/")).entries.size).toBeGreaterThan(50);
    expect(read.hits).toBe(0);
  });

  test("begins its next epoch when the zxid's counter is full: no pause, no lost session", async () => {
    const store = new NearlyFull();
    const server = await startServer({ log: new MemoryLog({ store }), port: 0 });
    const client = await connect({ servers: [server.urls[0]!] });
    try {
      const changes = await client.subscribe("/", { codec: text });
      await untilSynced(changes);
      store.skip(2 ** 32 - 30);
      const zxids: number[] = [];
      for (let i = 0; i < 50; i++) zxids.push((await client.create("/n-", null, { sequential: true })).stat.czxid);
      expect(zxids.toSorted((a, b) => a - b)).toEqual(zxids);
      expect(new Set(zxids.map((zxid) => Math.floor(zxid / 2 ** 32))).size).toBe(2);
      expect((await take(changes, 50)).map(({ zxid }) => zxid)).toEqual(zxids);
      expect(client.stats()).toMatchObject({ sessions: 1, reconnects: 0 });
    } finally {
      await client.close();
      await server.close();
    }
  });
});

/** A log's store whose counter can be moved on, as years of writing would. */
class NearlyFull extends MemoryLogStore {
  #isSilent = false;

  override subscribe(subscriber: (batch: CommittedBatch, own: Batch) => void): () => void {
    return super.subscribe((batch, own) => {
      if (!this.#isSilent) subscriber(batch, own);
    });
  }

  skip(count: number): void {
    this.#isSilent = true;
    this.append({ level: 1, count, timeMs: this.lastTimeMs, body: new Uint8Array(0) });
    this.batches.pop();
    this.#isSilent = false;
  }
}

test("a full disk refuses writes with a reason, ends neither the process nor a session, and is well again when there is room", async () => {
  const fatal: Error[] = [];
  await using server = await startTestServer({
    log: "file",
    fileLimits: { softMarkBytes: MIB, reserveBytes: 4 * MIB },
    onFatal: (error) => fatal.push(error),
  });
  const client = await server.connect();
  await client.create("/e", null, { lifetime: "ephemeral" });
  await server.clock.advance(2_000);
  server.faults.disk.leave(100_000);
  await server.clock.advance(60_000);
  const refused = failure(client.create("/b", null, { timeoutMs: 3_000 }));
  await server.clock.advance(4_000);
  expect(await refused).toMatchObject({ code: "OVERLOADED", limitName: "disk", outcome: "no" });
  expect(await client.exists("/e")).toBe(true);
  server.faults.disk.leave(Number.POSITIVE_INFINITY);
  await server.clock.advance(10_000);
  await client.set("/e", bytes("1"));
  expect(client.stats()).toMatchObject({ sessions: 1, reconnects: 0 });
  expect(fatal).toEqual([]);
});

test("a server can live in one's own process: a log, a port, a client, and an end", async () => {
  const server = await startServer({ log: new MemoryLog(), port: 0 });
  const client = await connect({ servers: [server.urls[0]!] });
  await put(client, "/a", "embedded");
  expect(await textAt(client, "/a")).toBe("embedded");
  await client.close();
  await server.close();
  expect(await failure(connect({ servers: [server.urls[0]!], timeoutMs: 200 }))).toMatchObject({ code: "TIMEOUT" });
});
