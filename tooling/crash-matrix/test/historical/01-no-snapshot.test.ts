// ZOOKEEPER-2325 (also 3056, 3644): every snapshot was empty or gone while the log was there, and the server started with an
// empty tree; the switch that came later, to trust an empty snapshot, forgot to replay the log.
import type { MemoryDisk } from "@corral/log/testing";
import { expect, test } from "vitest";
import { lives, named, readBack } from "./lives.ts";

/** 200 writes and three snapshots; with `kept` of five the log still begins at its first record. */
async function stored(kept: number): Promise<{ disk: MemoryDisk; acknowledged: number }> {
  const { world, start, write } = lives({ snapshotsKept: kept });
  const owner = await start();
  for (let round = 0; round < 4; round += 1) {
    await write(owner, 50, 150);
    if (round < 3) await owner.save();
  }
  await owner.log.close();
  expect(named(world.disk, "snapshot-")).toHaveLength(Math.min(kept, 3));
  return { disk: world.disk, acknowledged: 200 };
}

const spoilt: [string, (disk: MemoryDisk, name: string) => void][] = [
  ["empty", (disk, name) => disk.put(name, new Uint8Array())],
  ["gone", (disk, name) => disk.put(name, undefined)],
  ["without a sound trailer", (disk, name) => disk.flip(name, disk.contents(name).length - 3)],
];

test.each(spoilt)(
  "with every snapshot %s, a log that begins at its first record is replayed whole",
  async (_, spoil) => {
    const { disk, acknowledged } = await stored(5);
    for (const name of named(disk, "snapshot-")) spoil(disk, name);
    expect(await readBack(disk)).toHaveLength(acknowledged);
  },
);

test.each(spoilt)(
  "with every snapshot %s, a log that begins later refuses to start, and says which file",
  async (_, spoil) => {
    const { disk } = await stored(2);
    expect(named(disk, "log-")[0]).not.toBe("log-0000000000000001");
    for (const name of named(disk, "snapshot-")) spoil(disk, name);
    await expect(readBack(disk)).rejects.toMatchObject({
      code: "DAMAGED",
      message: expect.stringMatching(/log-\d{16}|snapshot/),
    });
  },
);

test("an empty directory is a new log, and one that only lost its segments is not", async () => {
  const { disk } = await stored(2);
  for (const name of named(disk, "log-")) disk.put(name, undefined);
  await expect(readBack(disk)).rejects.toMatchObject({ code: "DAMAGED" });
  for (const name of disk.names()) disk.put(name, undefined);
  expect(await readBack(disk)).toEqual([]);
});
