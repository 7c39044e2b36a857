// ZOOKEEPER-3231: the purge counted snapshots by their names, broken ones too, and removed those that could still be read,
// with the log that they needed.
import { expect, test } from "vitest";
import { lives, named, readBack } from "./lives.ts";

test("broken snapshots do not count: of five, with the newest three broken, nothing leaves that is needed", async () => {
  const { world, start, write } = lives({ snapshotsKept: 3 });
  const owner = await start();
  for (let round = 0; round < 3; round += 1) {
    await write(owner, 6, 1_500);
    await owner.save();
  }
  await write(owner, 3, 1_500);
  await owner.log.close();
  const { disk } = world;
  const [oldest, middle, newest] = named(disk, "snapshot-");
  disk.put(newest!, new Uint8Array());
  disk.put(middle!, disk.contents(middle!).slice(0, 100));
  disk.flip(oldest!, 200);
  const kept = named(disk, "log-");
  // The log is all there is: without its beginning it must not start.
  if (kept[0] === "log-0000000000000001") expect(await readBack(disk)).toHaveLength(21);
  else await expect(readBack(disk)).rejects.toMatchObject({ code: "DAMAGED" });
});

test("after the next snapshots there are three sound ones again, and each leads to the state", async () => {
  const { world, ledger, start, write } = lives({ snapshotsKept: 3, segmentBytes: 64 << 10 });
  const owner = await start();
  for (let round = 0; round < 3; round += 1) {
    await write(owner, 2, 500);
    await owner.save();
  }
  await owner.log.close();
  ledger.ended();
  const { disk } = world;
  const broken = named(disk, "snapshot-").slice(1);
  for (const name of broken) disk.flip(name, 150);
  const again = await start();
  for (let round = 0; round < 2; round += 1) {
    await write(again, 2, 500);
    await again.save();
  }
  await again.log.close();
  const sound = named(disk, "snapshot-").filter((name) => !broken.includes(name));
  expect(sound).toHaveLength(3);
  for (const alone of sound) {
    const copy = disk.fork();
    for (const name of named(copy, "snapshot-")) if (name !== alone) copy.put(name, undefined);
    expect(await readBack(copy)).toEqual(again.state);
  }
});
