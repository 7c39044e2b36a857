// etcd #6368, #6378, and three of LazyFS's finds in ZooKeeper: a directory that was not synced; appends that landed out of
// order; a crash before the first file's first sync, after which the node did not start for ever ("magic", "CRC").
import { expect, test } from "vitest";
import { judge } from "../../src/judge.ts";
import { crashesAt } from "../../src/matrix/crashes.ts";
import type { Workload } from "../../src/matrix/workload.ts";
import { limitsOf, momentsOf } from "../../src/matrix/workload.ts";
import { lives, readBack } from "./lives.ts";

const firstStart: Workload = {
  name: "first-start",
  async play(stage) {
    await stage.start();
    await stage.write(900);
    await stage.kill();
  },
};

test("whatever of the very first start survives, the next one starts, with what was acknowledged", async () => {
  let tried = 0;
  for (const moment of await momentsOf(firstStart)) {
    for await (const { disk } of crashesAt(firstStart, moment)) {
      expect(judge(moment.known, await readBack(disk, limitsOf(firstStart)))).toEqual([]);
      tried += 1;
    }
  }
  expect(tried).toBeGreaterThan(50);
});

test("of seven writes that were never synced any may survive without the others: only a prefix comes back", async () => {
  const base = lives();
  const owner = await base.start();
  await base.write(owner, 2, 480);
  const before = base.world.disk.contents("log-0000000000000001");
  await base.write(owner, 7, 480);
  base.world.disk.kill();
  const all = base.world.disk.contents("log-0000000000000001");
  const { certain, given } = base.ledger.known;
  const known = { certain: certain.slice(0, 2), open: certain.slice(2), given, isRestore: false };
  // Each record has 480 bytes of body, 64 of header and 32 of frame; the first begins behind the mark of the start.
  const extent = 32 + 64 + 480;
  const offset = (record: number): number => 4_096 + 32 + (record - 1) * extent;
  for (let subset = 0; subset < 2 ** 7; subset += 1) {
    const bytes = new Uint8Array(before);
    for (let record = 3; record <= 9; record += 1)
      if ((subset >> (record - 3)) & 1) bytes.set(all.subarray(offset(record), offset(record + 1)), offset(record));
    const disk = base.world.disk.fork();
    disk.put("log-0000000000000001", bytes);
    let firstMissing = 3;
    while ((subset >> (firstMissing - 3)) & 1) firstMissing += 1;
    // A later record says that all before it, but those in its own write, were durable: here each was written alone.
    const isDamage = subset >> (firstMissing - 3) > 1;
    const outcome = await readBack(disk).then(
      (state) => judge(known, state).join() || `${state.length} records`,
      (error: unknown) => (error as { code?: string }).code,
    );
    expect(outcome).toBe(isDamage ? "DAMAGED" : `${firstMissing - 1} records`);
  }
});
