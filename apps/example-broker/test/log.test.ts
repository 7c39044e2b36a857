/** The log on disk: what a crash leaves, what a new leader cuts off, what is remembered of producers. */
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { batchesIn, encodeBatch, recordsOf } from "../src/log/batch.ts";
import { LogDamaged, PartitionLog } from "../src/log/partition-log.ts";
import { temporaryFolder } from "./folder.ts";

const record = (text: string): Buffer => Buffer.from(text);
const batch = (leaderEpoch: number, sequence = 0, producerId = 7) => ({ leaderEpoch, sequence, producerId, timeMs: 5 });

function textsIn(bytes: Buffer): string[] {
  return batchesIn(bytes).flatMap((found) => recordsOf(bytes, found).map(String));
}
function all(log: PartitionLog): string[] {
  return textsIn(log.read(0, log.endOffset, 1_000_000));
}

test("what was appended is read again after the log was opened anew, from any offset, whole batches at a time", async () => {
  const folder = temporaryFolder();
  const first = new PartitionLog(folder, "before-ack");
  first.append(batch(1, 0), [record("a"), record("b")]);
  first.append(batch(1, 2), [record("c")]);
  first.append(batch(2, 3), [record("d")]);
  await first.close();

  const log = new PartitionLog(folder, "before-ack");
  expect(log.endOffset).toBe(4);
  expect(all(log)).toEqual(["a", "b", "c", "d"]);
  expect(textsIn(log.read(1, 3, 1_000))).toEqual(["a", "b", "c"]);
  expect(textsIn(log.read(2, 4, 1))).toEqual(["c"]);
  expect(log.read(4, 4, 1_000)).toHaveLength(0);
  expect(log.epochs).toEqual([
    { epoch: 1, startOffset: 0 },
    { epoch: 2, startOffset: 3 },
  ]);
  await log.close();
});

test("a torn tail is cut off, whatever byte it was torn at, and the log goes on after the last whole batch", async () => {
  const folder = temporaryFolder();
  const whole = new PartitionLog(folder, "by-system");
  whole.append(batch(1, 0), [record("kept")]);
  const kept = statSync(join(folder, "batches")).size;
  whole.append(batch(1, 1), [record("torn")]);
  await whole.close();
  const file = readFileSync(join(folder, "batches"));

  for (let size = kept + 1; size < file.length; size += 1) {
    writeFileSync(join(folder, "batches"), file.subarray(0, size));
    const log = new PartitionLog(folder, "by-system");
    expect(log.bytesCutOff).toBe(size - kept);
    expect(all(log)).toEqual(["kept"]);
    log.append(batch(1, 1), [record("again")]);
    expect(all(log)).toEqual(["kept", "again"]);
    await log.close();
  }
});

test("a batch with a wrong check sum, a length that cannot be, or an offset that does not follow ends the log before it", async () => {
  const good = encodeBatch({ ...batch(1), baseOffset: 0 }, [record("good")]);
  const gap = encodeBatch({ ...batch(1), baseOffset: 5 }, [record("gap")]);
  const flipped = Buffer.from(encodeBatch({ ...batch(1), baseOffset: 1 }, [record("flipped")]));
  flipped[flipped.length - 1] = (flipped.at(-1) as number) ^ 1;
  for (const bad of [gap, flipped, Buffer.alloc(64), Buffer.alloc(64, 0xff)]) {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "batches"), Buffer.concat([good, bad]));
    const log = new PartitionLog(folder, "by-system");
    expect(log.bytesCutOff).toBe(bad.length);
    expect(all(log)).toEqual(["good"]);
    await log.close();
  }
});

test("a log that has lost what was committed is not opened", async () => {
  const folder = temporaryFolder();
  const log = new PartitionLog(folder, "by-system");
  log.append(batch(1, 0), [record("a")]);
  const one = statSync(join(folder, "batches")).size;
  log.append(batch(1, 1), [record("b")]);
  log.raiseHighWatermark(2);
  await log.close();
  truncateSync(join(folder, "batches"), one);
  expect(() => new PartitionLog(folder, "by-system")).toThrow(LogDamaged);
});

test("bytes after a committed end are cut off, and the high watermark is what it was", async () => {
  const folder = temporaryFolder();
  const log = new PartitionLog(folder, "by-system");
  log.append(batch(1, 0), [record("a")]);
  log.raiseHighWatermark(1);
  await log.close();
  appendFileSync(join(folder, "batches"), "half a batch");
  const again = new PartitionLog(folder, "by-system");
  expect([again.endOffset, again.highWatermark, again.bytesCutOff]).toEqual([1, 1, 12]);
  await again.close();
});

test("an epoch in which nothing was written is known after a restart", async () => {
  const folder = temporaryFolder();
  const log = new PartitionLog(folder, "by-system");
  log.append(batch(1), [record("a")]);
  log.startEpoch(4);
  await log.close();
  const again = new PartitionLog(folder, "by-system");
  expect(again.endOf(1)).toEqual({ epoch: 1, endOffset: 1 });
  expect(again.endOf(3)).toEqual({ epoch: 1, endOffset: 1 });
  expect(again.endOf(4)).toEqual({ epoch: 4, endOffset: 1 });
  await again.close();
});

test("an epoch whose records were all torn off, and more before them, is forgotten", async () => {
  const folder = temporaryFolder();
  const log = new PartitionLog(folder, "by-system");
  log.append(batch(1, 0), [record("a")]);
  const one = statSync(join(folder, "batches")).size;
  log.append(batch(1, 1), [record("b")]);
  log.append(batch(3, 2), [record("c")]);
  await log.close();
  truncateSync(join(folder, "batches"), one);
  const again = new PartitionLog(folder, "by-system");
  expect(again.epochs).toEqual([{ epoch: 1, startOffset: 0 }]);
  expect(again.endOf(3)).toBeUndefined();
  await again.close();
});

test("a batch that was appended is recognised when it is sent again, also by a follower that got it and after a restart", async () => {
  const [leaderFolder, followerFolder] = [temporaryFolder(), temporaryFolder()];
  const leader = new PartitionLog(leaderFolder, "by-system");
  leader.append(batch(1, 0), [record("a"), record("b")]);
  leader.append(batch(1, 2), [record("c")]);
  const follower = new PartitionLog(followerFolder, "by-system");
  follower.appendFetched(leader.read(0, 3, 1_000));
  await follower.close();
  const successor = new PartitionLog(followerFolder, "by-system");
  for (const log of [leader, successor]) {
    expect(log.judge(7, 2, 1)).toEqual({ kind: "duplicate", baseOffset: 2, endOffset: 3 });
    expect(log.judge(7, 3, 1)).toEqual({ kind: "new" });
    expect(log.judge(7, 4, 1)).toEqual({ kind: "out-of-order", expected: 3 });
    expect(log.judge(8, 0, 1)).toEqual({ kind: "new" });
    expect(log.judge(8, 1, 1)).toEqual({ kind: "out-of-order", expected: 0 });
  }
  await Promise.all([leader.close(), successor.close()]);
});

test("what is cut off is forgotten of producers too: the batch is new when it is sent again", async () => {
  const log = new PartitionLog(temporaryFolder(), "by-system");
  log.append(batch(1, 0), [record("a")]);
  log.append(batch(1, 1), [record("b")]);
  log.truncateTo(1);
  expect(all(log)).toEqual(["a"]);
  expect(log.judge(7, 1, 1)).toEqual({ kind: "new" });
  expect(log.judge(7, 0, 1)).toMatchObject({ kind: "duplicate" });
  await log.close();
});

test("fetched bytes that do not go on where the log ends, or are damaged, are refused and change nothing", async () => {
  const log = new PartitionLog(temporaryFolder(), "by-system");
  const bytes = encodeBatch({ ...batch(1), baseOffset: 1 }, [record("a")]);
  expect(() => log.appendFetched(bytes)).toThrow("does not follow 0");
  expect(() => log.appendFetched(bytes.subarray(0, 40))).toThrow("incomplete");
  expect(log.endOffset).toBe(0);
  await log.close();
});

test("with the policy before-ack the end counts only when it is on the disk", async () => {
  const log = new PartitionLog(temporaryFolder(), "before-ack");
  log.append(batch(1, 0), [record("a")]);
  expect(log.durableEnd).toBe(0);
  const flushing = log.flush();
  log.append(batch(1, 1), [record("b")]);
  await flushing;
  expect(log.durableEnd).toBeGreaterThanOrEqual(1);
  await log.flush();
  expect(log.durableEnd).toBe(2);
  await log.close();
});

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ append: fc.array(fc.string({ maxLength: 3_000 }), { minLength: 1, maxLength: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ truncate: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.constant({ reopen: true }) },
  { weight: 1, arbitrary: fc.constant({ lead: true }) },
  { weight: 1, arbitrary: fc.record({ tear: fc.nat(5_000) }) },
);

test("whatever is appended, cut, torn and reopened: the log is what a list of batches would be", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const folder = temporaryFolder();
      let log = new PartitionLog(folder, "by-system");
      let model: string[][] = [];
      let epoch = 1;
      let sequence = 0;
      for (const todo of steps) {
        if ("append" in todo) {
          log.append(batch(epoch, sequence), todo.append.map(record));
          sequence += todo.append.length;
          model.push(todo.append.map((text) => record(text).toString()));
        } else if ("truncate" in todo) {
          log.truncateTo(todo.truncate);
          let end = 0;
          model = model.filter((texts) => (end += texts.length) <= todo.truncate);
        } else if ("lead" in todo) {
          epoch += 1;
          log.startEpoch(epoch);
        } else {
          await log.close();
          if ("tear" in todo) appendFileSync(join(folder, "batches"), Buffer.alloc(todo.tear % 100, 1));
          log = new PartitionLog(folder, "by-system");
        }
        const texts = model.flat();
        expect(log.endOffset).toBe(texts.length);
        expect(all(log)).toEqual(texts);
        const from = Math.floor(texts.length / 2);
        const tail = textsIn(log.read(from, log.endOffset, 1_000_000));
        expect(tail.slice(tail.length - (texts.length - from))).toEqual(texts.slice(from));
        expect(log.epochs.every(({ startOffset }) => startOffset <= log.endOffset)).toBe(true);
      }
      await log.close();
    }),
    { numRuns: 60 },
  );
});
