/** How long corrald takes to serve again with 100,000 znodes, after kill -9, and that its sessions go on. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect } from "@corral/client";
import { afterEach, expect, test } from "vitest";
import { endAll, startCorrald } from "../src/corrald-process.ts";

const ZNODES = 100_000;
const PARENTS = 100;
/** Creates under way at once. */
const WINDOW = 1_000;
const START_MS_MAX = 5_000;

let data: string;
afterEach(async () => {
  await endAll();
  await rm(data, { recursive: true, force: true });
});

test.each([
  ["the log alone", {}],
  ["a snapshot and what came after it", { snapshotEntries: 30_000 }],
])(
  `with ${ZNODES} znodes corrald serves again within ${START_MS_MAX} ms after kill -9, from %s`,
  async (_from, limits) => {
    data = await mkdtemp(path.join(tmpdir(), "corral-restart-"));
    const first = await startCorrald({ data, limits });
    const client = await connect({ servers: [first.url], timeoutMs: 60_000 });
    await client.create("/mine", new Uint8Array(0), { lifetime: "ephemeral" });
    for (let parent = 0; parent < PARENTS; parent++) await client.create(`/p${parent}`);
    const value = new Uint8Array(100).fill(7);
    for (let made = 0; made < ZNODES; made += WINDOW) {
      await Promise.all(
        Array.from({ length: WINDOW }, (_, index) =>
          client.create(`/p${(made + index) % PARENTS}/n${made + index}`, value),
        ),
      );
    }
    await first.kill();

    const second = await startCorrald({ data, limits, port: Number(new URL(first.url).port) });
    const descendants = await client.countDescendants("/");
    // Its session was opened before all the rest: megabytes of log came after it.
    expect(await client.exists("/mine")).toBeDefined();
    await client.close();
    const found = /recovered.*/.exec((await second.stop()).stdout)?.[0];
    console.log(
      `restart with ${ZNODES} znodes: ${Math.round(second.startMs)} ms from the start of the process until it serves; ${found}`,
    );
    expect(descendants).toBeGreaterThanOrEqual(ZNODES + PARENTS);
    expect(second.startMs).toBeLessThan(START_MS_MAX);
  },
  120_000,
);
