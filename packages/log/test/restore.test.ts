import { expect, test } from "vitest";
import { restore } from "../src/file/restore.ts";
import { snapshotName } from "../src/file/snapshot-file.ts";
import { MemoryDisk } from "../src/testing/memory-disk.ts";
import { drawFrom, lying, type Lying } from "./lying.ts";
import { expectSameFromEverySnapshot, History, Process } from "./model.ts";

const random = (length: number): Uint8Array => {
  const draw = drawFrom(99);
  return Uint8Array.from({ length }, () => Math.floor(draw() * 256));
};

async function source(snapshots: boolean): Promise<{ world: Lying; process: Process }> {
  const world = lying(5);
  const process = new Process(world.log());
  await process.start();
  const history = new History();
  for (let count = 1; count <= 9; count += 1) {
    history.propose(process, 3000);
    await process.settled(count);
    if (snapshots && count % 3 === 0 && count < 9) await process.save();
  }
  await process.log.close();
  return { world, process };
}

const epochOf = (zxid: number): number => Math.floor(zxid / 2 ** 32);

for (const snapshots of [true, false]) {
  test(`a data directory ${snapshots ? "with" : "without"} snapshots is restored whole, as another cluster, a thousand epochs on`, async () => {
    const { world, process } = await source(snapshots);
    const target = lying(6);
    const restored = await restore(world.disk.mount(), undefined, target.disk.mount(), random, 16 << 10);
    expect(restored.lastZxid).toBe(process.state.at(-1)!.zxid);
    const again = new Process(target.log());
    const { lastTimeMs } = await again.start();
    expect(again.state).toEqual(process.state);
    expect(lastTimeMs).toBe(1_700_000_000_009);
    expect(again.log.clusterId).toBe(restored.clusterId);
    expect(again.log.clusterId).not.toBe(process.log.clusterId);
    again.log.propose({ level: 1, timeMs: lastTimeMs, count: 1, body: Buffer.from("10:10101010") });
    await again.settled(1);
    expect(epochOf(again.state.at(-1)!.zxid)).toBe(epochOf(process.state.at(-1)!.zxid) + 1001);
    await again.save();
    await again.log.close();
    await expectSameFromEverySnapshot(target, again.state);
  });
}

test("a single snapshot file is restored as it is", async () => {
  const { world, process } = await source(true);
  const target = lying(6);
  await restore(world.disk.mount(), snapshotName(process.state[2 + 3]!.zxid), target.disk.mount(), random, 16 << 10);
  const again = new Process(target.log());
  const { lastZxid } = await again.start();
  expect(again.state).toEqual(process.state.slice(0, 6));
  expect(lastZxid).toBe(process.state[5]!.zxid);
  await again.log.close();
});

test("a target with anything in it is refused, and so is a source that is damaged", async () => {
  const { world, process } = await source(true);
  await expect(restore(world.disk.mount(), undefined, world.disk.mount(), random, 16 << 10)).rejects.toThrow(
    "not empty",
  );
  const wanted = snapshotName(process.state[5]!.zxid);
  world.disk.flip(wanted, 90);
  const target = new MemoryDisk();
  await expect(restore(world.disk.mount(), wanted, target.mount(), random, 16 << 10)).rejects.toMatchObject({
    code: "DAMAGED",
    message: expect.stringContaining(wanted),
  });
  expect(target.names()).toEqual([]);
});

test("a restore that is cut short leaves nothing that starts", async () => {
  const { world } = await source(true);
  const calm = new MemoryDisk();
  await restore(world.disk.mount(), undefined, calm.mount(), random, 16 << 10);
  for (let crashAt = 1; crashAt < calm.operations; crashAt += 1) {
    const target = lying(6);
    target.disk.before = (_operation, _name, number) => {
      if (number === crashAt) target.disk.crash(() => (crashAt % 2 === 0 ? 0 : 0.55));
    };
    await expect(restore(world.disk.mount(), undefined, target.disk.mount(), random, 16 << 10)).rejects.toThrow();
    target.disk.before = () => {};
    if (target.disk.names().length > 0)
      await expect(new Process(target.log()).start()).rejects.toMatchObject({
        code: "DAMAGED",
        message: expect.stringContaining("cut short"),
      });
  }
});
