/**
 * The data directory that the sweep spoils: written by a real corrald on the real file system, over three lives.
 *
 * Owns the daemons and the temporary directories, which are gone when this returns; what is kept are bytes.
 */
import { cp, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Client, connect, text } from "@corral/client";
import { startCorrald } from "./corrald.ts";
import type { Files, SweepSource } from "./files.ts";

/** Small segments, and a snapshot every so often, so that there are several of each. */
const LIMITS: Readonly<Record<string, number>> = {
  frameBytes: 64 << 10,
  requestBytes: 16 << 10,
  valueBytes: 8 << 10,
  batchBytes: 8 << 10,
  maxRecordBytes: 48 << 10,
  segmentBytes: 64 << 10,
  reserveBytes: 0,
  snapshotEntries: 70,
};
/** Changes of one life; each waits for its reply, and so is a record of its own. */
const CHANGES = 130;
const ZNODES = 25;
/** Longer than the idle mark of the log, milliseconds. */
const IDLE_MS = 50;

export async function makeSource(): Promise<SweepSource> {
  const home = await mkdtemp(path.join(tmpdir(), "corral-sweep-"));
  try {
    const data = path.join(home, "data");
    await life(data, CHANGES, "SIGTERM");
    await life(data, CHANGES / 2, "SIGTERM");
    const older = await filesOf(data, home);
    await life(data, CHANGES, "SIGKILL");
    const foreign = path.join(home, "foreign");
    await life(foreign, CHANGES, "SIGTERM");
    return {
      files: await filesOf(data, home),
      older,
      foreign: await filesOf(foreign, home),
      limits: { segmentBytes: LIMITS["segmentBytes"]!, maxRecordBytes: LIMITS["maxRecordBytes"]!, reserveBytes: 0 },
    };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** A daemon with one client. What it is killed in the middle of, it may have acknowledged or not. */
async function life(data: string, changes: number, end: "SIGTERM" | "SIGKILL"): Promise<void> {
  const daemon = await startCorrald(data, LIMITS);
  let client: Client | undefined;
  try {
    client = await connect({ servers: [daemon.url], timeoutMs: 20_000 });
    if (!(await client.stat("/swept"))) await client.create("/swept");
    await client.create("/swept/live-", null, { sequential: true, lifetime: "ephemeral" });
    for (let change = 0; change < changes; change += 1) await changeOne(client, change);
    await wait(IDLE_MS);
    if (end === "SIGKILL") {
      // Some in one record, and some on their way.
      const unanswered = Array.from({ length: 30 }, (_, index) => changeOne(client!, changes + index));
      await Promise.race(unanswered);
      const over = Promise.allSettled(unanswered);
      await daemon.end(end);
      void client.close({ timeoutMs: 1 }).catch(() => {});
      await over;
    } else await client.close();
  } finally {
    await daemon.end(end);
  }
}

async function changeOne(client: Client, change: number): Promise<void> {
  const at = `/swept/${change % ZNODES}`;
  const value = `${change} `.repeat(30 + ((change * 37) % 200));
  if (await client.stat(at)) await client.set(at, value, { codec: text });
  else await client.create(at, value, { codec: text });
}

async function filesOf(data: string, home: string): Promise<Files> {
  const copy = await mkdtemp(path.join(home, "copy-"));
  await cp(data, copy, { recursive: true, filter: (source) => !path.basename(source).includes("lock-") });
  const files: Record<string, Uint8Array> = {};
  for (const name of await readdir(copy)) files[name] = new Uint8Array(await readFile(path.join(copy, name)));
  return files;
}
