// ZOOKEEPER-3145, 3249 and etcd #13766, #14685: entries that a snapshot held already were applied again at the next start, or
// what was applied and how far were not stored together; versions, counters and revisions came out different.
import { readBatches, stateUpTo, storeSnapshot } from "./states.ts";
import { beforeAll, expect, test } from "vitest";
import { Applier, digestOf, readTxns } from "@corral/state-machine";
import { recover } from "@corral/server";
import { SMALL_LIMITS, World } from "../../src/world.ts";
import { makeSource } from "../../src/sweep/source.ts";
import type { SweepSource } from "../../src/sweep/files.ts";
import { diskOf } from "../../src/sweep/sweep.ts";

/** So many last entries. */
const ENTRIES = 60;

let source: SweepSource;
beforeAll(async () => {
  source = await makeSource();
}, 120_000);

const worldOf = (): World => new World({ ...SMALL_LIMITS, ...source.limits }, undefined, diskOf(source.files));

test("a snapshot as of any of the last entries, also one within a batch, and the log behind it, give the same state as ever", async () => {
  const { state } = await recover(worldOf().log());
  const whole = digestOf(state);
  const batches = await readBatches(worldOf().log());
  const last = batches
    .slice(-ENTRIES)
    .flatMap(({ firstZxid, count }) => Array.from({ length: count }, (_, index) => firstZxid + index));
  expect(batches.some(({ count }) => count > 1)).toBe(true);
  for (const zxid of last.slice(-ENTRIES)) {
    const world = worldOf();
    await storeSnapshot(world.log(), await stateUpTo(worldOf().log(), zxid));
    const again = await recover(world.log());
    expect(again.snapshotZxid).toBe(zxid);
    expect([again.lastZxid, digestOf(again.state)]).toEqual([state.zxid, whole]);
  }
}, 60_000);

test("from the oldest snapshot, from the newest, and a second time: one state", async () => {
  const digests = new Set<string>();
  for (const snapshot of ["newest", "oldest", "newest"] as const) {
    const { state } = await recover(worldOf().log({ readOnly: true, snapshot }));
    digests.add(`${state.zxid} ${digestOf(state)}`);
  }
  expect(digests.size).toBe(1);
});

test.each([1, 2, 5, 10, 25, 50])("the last %i batches, applied a second time, change nothing", async (count) => {
  const { state } = await recover(worldOf().log());
  const whole = digestOf(state);
  const applier = new Applier(state);
  for (const batch of (await readBatches(worldOf().log())).slice(-count))
    for (const [index, txn] of readTxns(batch.body, batch.count).entries())
      applier.apply(batch.firstZxid + index, batch.timeMs, txn);
  expect(digestOf(state)).toBe(whole);
});
