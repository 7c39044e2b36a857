/** kill -9 under load, again and again, on one data directory. CORRAL_KILL_CYCLES sets how often (50). */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Client, connect, text } from "@corral/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CorraldProcess, endAll, SMALL_LIMITS, startCorrald } from "../src/corrald-process.ts";
import { copyOf, storedStates } from "../src/stored-state.ts";
import { writeAndGiveUp, Writer } from "../src/writer.ts";

const CYCLES = Number(process.env["CORRAL_KILL_CYCLES"] ?? 50);
const WRITERS = 4;
const LOAD_MS = { least: 150, most: 500 };
/** Parents of that many cycles are kept and checked; older ones are deleted, which is load too. */
const KEPT = 2;

let data: string;
let daemon: CorraldProcess;
const clients: Client[] = [];
const servers = (): Promise<readonly string[]> => Promise.resolve([daemon.url]);
const start = (): Promise<CorraldProcess> => startCorrald({ data, limits: SMALL_LIMITS });

beforeAll(async () => {
  data = await mkdtemp(path.join(tmpdir(), "corral-kill-"));
  daemon = await start();
});
afterAll(async () => {
  for (const client of clients) void client.close({ timeoutMs: 100 });
  await endAll();
  await rm(data, { recursive: true, force: true });
});

/** Every payload below a parent, with the paths where it stands. */
async function payloadsBelow(client: Client, parent: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for await (const { path: at, value } of client.list(parent, { include: "data", codec: text })) {
    const payload = value ?? "";
    found.set(payload, [...(found.get(payload) ?? []), at]);
  }
  return found;
}

test(
  `${CYCLES} times kill -9 under load from ${WRITERS + 1} clients: every acknowledged write is there, none twice, ephemerals of living sessions live, and every snapshot leads to the same state`,
  async () => {
    const auditor = await connect({ servers, timeoutMs: 30_000 });
    clients.push(auditor);
    for (const parent of ["/log", "/counters", "/live"]) await auditor.create(parent);
    const writers = await Promise.all(
      Array.from({ length: WRITERS }, (_, index) => Writer.open({ id: `w${index}`, servers })),
    );
    clients.push(...writers.map(({ client }) => client));
    const report = { acknowledged: 0, fromOlder: 0, fromNothing: 0, slowestStartMs: 0, unanswered: 0, resumed: 0 };

    for (let cycle = 1; cycle <= CYCLES; cycle++) {
      const parent = `/log/${cycle}`;
      await auditor.create(parent);
      const before = writers.map(({ acknowledged }) => acknowledged);
      // One that had nothing under way may still pause between two attempts to connect.
      await Promise.all(writers.map(({ client }) => client.ready()));
      for (const writer of writers) writer.start(parent);
      const giveUp = new AbortController();
      await wait(LOAD_MS.least + Math.random() * (LOAD_MS.most - LOAD_MS.least));
      const givenUp = writeAndGiveUp(auditor, parent, `given-up-${cycle}`, 200, giveUp.signal);
      await wait(Math.random() * 10);
      for (const writer of writers) writer.stop();
      const killed = daemon.kill();
      // What was acknowledged before the process was gone.
      const known = writers.map((writer) => ({
        writer,
        created: new Map(writer.created.get(parent)),
        sets: writer.sets,
        multis: writer.multis,
        ephemerals: [...writer.ephemerals],
      }));
      giveUp.abort();
      await Promise.all([killed, givenUp]);
      for (const [index, { acknowledged }] of writers.entries())
        expect(acknowledged, `cycle ${cycle}: writer ${index} wrote`).toBeGreaterThan(before[index]!);

      const copy = await copyOf(data);
      daemon = await start();
      report.slowestStartMs = Math.max(report.slowestStartMs, daemon.startMs);
      const stored = await storedStates(copy, SMALL_LIMITS);
      expect(stored.oldest, `cycle ${cycle}: the older snapshot and more of the log give the same state`).toMatchObject(
        { zxid: stored.newest.zxid, digest: stored.newest.digest },
      );
      expect(stored.none ?? stored.newest, `cycle ${cycle}: the log from its beginning`).toMatchObject({
        digest: stored.newest.digest,
      });
      if (stored.oldest.snapshotZxid !== stored.newest.snapshotZxid) report.fromOlder++;
      if (stored.none !== undefined) report.fromNothing++;

      const looking = await connect({ servers });
      try {
        // At once: what was acknowledged before the end was there at the start, whatever is sent again.
        const early = await payloadsBelow(looking, parent);
        for (const { created, writer, sets, multis, ephemerals } of known) {
          for (const [payload, at] of created)
            expect(early.get(payload), `cycle ${cycle}: ${payload.slice(0, 20)} at ${at}`).toEqual([at]);
          const [counter, multiCounter] = await Promise.all([
            looking.stat(writer.counter),
            looking.stat(writer.multiCounter),
          ]);
          expect(counter!.version).toBeGreaterThanOrEqual(sets);
          expect(multiCounter!.version).toBeGreaterThanOrEqual(multis);
          // All but the one whose deletion may have been under way.
          for (const at of ephemerals)
            expect((await looking.stat(at))?.ephemeralOwner, `cycle ${cycle}: ${at}`).toBe(writer.client.session!.id);
        }
        // What was under way is answered now, each with the result of its one execution.
        for (const { writer, sets, created } of known) {
          await writer.settled();
          report.unanswered += writer.sets - sets + writer.created.get(parent)!.size - created.size;
        }
        for (let kept = Math.max(1, cycle - KEPT + 1); kept <= cycle; kept++) {
          const late = await payloadsBelow(looking, `/log/${kept}`);
          for (const [payload, at] of late)
            expect(at, `cycle ${cycle}: ${payload.slice(0, 20)} stands once`).toHaveLength(1);
          const acknowledged = new Map(writers.flatMap((writer) => [...(writer.created.get(`/log/${kept}`) ?? [])]));
          for (const [payload, at] of acknowledged)
            expect(late.get(payload), `cycle ${cycle}: ${payload.slice(0, 20)}`).toEqual([at]);
          const others = [...late.keys()].filter(
            (payload) => !acknowledged.has(payload) && !payload.startsWith("given-up-"),
          );
          expect(others, `cycle ${cycle}: nothing that nobody was told of`).toEqual([]);
        }
        for (const writer of writers) {
          expect((await looking.stat(writer.counter))!.version).toBe(writer.sets);
          expect((await looking.stat(writer.multiCounter))!.version).toBe(writer.multis);
        }
        const live = (await looking.children("/live")).map((name) => `/live/${name}`);
        expect(live.sort()).toEqual(writers.flatMap(({ ephemerals }) => ephemerals).sort());
        if (cycle > KEPT) await looking.delete(`/log/${cycle - KEPT}`, { recursive: true, nodesMax: 1_000_000 });
      } finally {
        await looking.close();
      }
    }

    // As before each cycle: one that had nothing under way may not be back yet.
    await Promise.all(writers.map(({ client }) => client.ready()));
    for (const writer of writers) {
      report.acknowledged += writer.acknowledged;
      report.resumed += writer.client.stats().reconnects;
      expect(writer.client.stats().sessionsLost).toBe(0);
    }
    console.log(`kill -9: ${CYCLES} cycles`, report);
    expect(report.resumed).toBe(CYCLES * WRITERS);
    // The run has proved nothing if these never happened.
    expect(report.unanswered).toBeGreaterThan(0);
    expect(report.fromOlder).toBeGreaterThan(0);
    expect(report.slowestStartMs).toBeLessThan(5_000);
  },
  60_000 + CYCLES * 6_000,
);
