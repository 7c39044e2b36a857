// ZOOKEEPER-582: a directory with a snapshot of epoch 27 and no log began to number from epoch 1, and at the next start the
// older snapshot won, because the newest was chosen by the name of its file.
import { restore } from "@corral/log/testing";
import { expect, test } from "vitest";
import { World } from "../../src/world.ts";
import { type Lives, lives, named, readBack } from "./lives.ts";

async function used(world: Lives, writes: number): Promise<void> {
  const owner = await world.start();
  await world.write(owner, writes, 400);
  await owner.save();
  await world.write(owner, 2, 400);
  await owner.log.close();
  world.ledger.ended();
}

test("a snapshot or a segment of another cluster refuses the start, whatever its number", async () => {
  const [mine, other] = [lives(), lives()];
  // Another cluster, though its history has the same numbers.
  other.world.random(7);
  await used(mine, 5);
  await used(other, 9);
  for (const [prefix, name] of [
    ["snapshot-", named(other.world.disk, "snapshot-")[0]!],
    ["log-", "log-0000000000000001"],
  ] as const) {
    const copy = mine.world.disk.fork();
    copy.put(name, other.world.disk.contents(name));
    if (prefix === "log-") copy.put("log-0000000000000002", mine.world.disk.contents("log-0000000000000001"));
    await expect(readBack(copy)).rejects.toMatchObject({ code: "DAMAGED", message: expect.stringContaining(name) });
  }
});

test("a snapshot newer than the log refuses the start: its records were acknowledged once", async () => {
  const mine = lives();
  await used(mine, 5);
  const { disk } = mine.world;
  const early = disk.contents("log-0000000000000001");
  await used(mine, 5);
  disk.put("log-0000000000000001", early);
  await expect(readBack(disk)).rejects.toMatchObject({ code: "DAMAGED", message: expect.stringContaining("snapshot") });
});

test("zxids go on above everything that was ever seen: over restarts, torn ends and a restore", async () => {
  const mine = lives();
  let highest = 0;
  for (let life = 0; life < 5; life += 1) {
    const owner = await mine.start();
    await mine.write(owner, 1, 600);
    expect(owner.state.at(-1)!.firstZxid).toBeGreaterThan(highest);
    highest = owner.state.at(-1)!.firstZxid;
    if (life % 2 === 0) mine.crash();
    else {
      mine.world.disk.kill();
      mine.ledger.ended();
    }
  }
  const target = new World(mine.world.limits);
  await restore(mine.world.disk.mount(), undefined, target.mount(), target.random, 16 << 10);
  const next = lives({}, target.disk);
  const restored = await readBack(target.disk);
  expect(restored).toEqual(mine.ledger.known.certain);
  next.ledger.restoring(restored);
  next.ledger.restored(restored);
  const owner = await next.start();
  await next.write(owner, 1, 100);
  expect(owner.state.at(-1)!.firstZxid).toBeGreaterThan(highest + 1_000 * 2 ** 32);
});
