// ZOOKEEPER-3496, 4306: a record larger than what a reader accepts was written, and the log could not be read any more; the
// end of a session that listed too many ephemerals was such a record.
import { expect, test } from "vitest";
import { makeBatch } from "../../src/entry.ts";
import { SMALL_LIMITS } from "../../src/world.ts";
import { lives } from "./lives.ts";

test("the largest record is written and read back; one byte more is refused before anything is written, and the log goes on", async () => {
  const { world, ledger, start, write } = lives();
  const owner = await start();
  await write(owner, 2, SMALL_LIMITS.maxRecordBytes);
  const { operations } = world.disk;
  const tooLarge = makeBatch(1_000, SMALL_LIMITS.maxRecordBytes + 1).batch;
  expect(() => owner.log.propose(tooLarge)).toThrow(/maxRecordBytes is 11264/);
  expect(world.disk.operations).toBe(operations);
  await write(owner, 1, SMALL_LIMITS.maxRecordBytes);
  world.disk.crashWith(() => "lost");
  ledger.ended();
  expect((await start()).state.map(({ size }) => size)).toEqual(
    Array.from({ length: 3 }, () => SMALL_LIMITS.maxRecordBytes),
  );
});
