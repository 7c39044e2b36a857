/** Random schedules: the file log on the lying disk against the log in memory, which is simple enough to be believed. */

import { expect, test } from "vitest";
import {
  type Batch,
  type CommittedBatch,
  type Log,
  type LogListener,
  MemoryLog,
  MemoryLogStore,
  type RecoveryListener,
  type SnapshotSource,
} from "../src/index.ts";
import { segmentNumber } from "../src/file/segment.ts";
import { diskError } from "../src/testing/memory-disk.ts";
import { drawFrom, lying } from "./lying.ts";
import { drained } from "./model.ts";

const SEEDS = Number(process.env["CORRAL_LOG_SEEDS"] ?? 400);

/** Everything a log tells, but for epochs: a start that is cut short may use one up. */
class Recorder implements RecoveryListener, LogListener {
  told: unknown[] = [];
  acked: CommittedBatch[] = [];
  own: Batch[] = [];
  failures = 0;
  failed(): void {
    this.failures += 1;
  }

  space(): void {}

  async snapshot(source: SnapshotSource): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const chunk of source.chunks) pieces.push(Buffer.from(chunk));
    this.told.push(["snapshot", Buffer.concat(pieces).toString()]);
  }

  batch(batch: CommittedBatch): void {
    this.told.push(plain(batch));
  }

  committed(batch: CommittedBatch): void {
    this.acked.push(batch);
    this.own.push(batch.own!);
    this.told.push(plain(batch));
  }
}

function plain({ level, seq, count, timeMs, body }: CommittedBatch): unknown {
  return [level, seq, count, timeMs, Buffer.from(body).toString("latin1")];
}

async function start(log: Log): Promise<Recorder> {
  const recorder = new Recorder();
  const { batches, lastTimeMs, snapshotZxid } = await log.recover(recorder);
  recorder.told.push([batches, lastTimeMs, snapshotZxid === undefined]);
  await log.open(recorder);
  return recorder;
}

async function save(log: Log, zxid: number, text: string): Promise<void> {
  const writer = await log.createSnapshot(zxid);
  await writer.write(Buffer.from(text));
  await writer.finish();
}

async function runSchedule(seed: number): Promise<void> {
  const draw = drawFrom(seed);
  const upTo = (bound: number): number => Math.floor(draw() * bound);
  const world = lying(seed, {
    snapshotsKept: 1 + upTo(3),
    segmentBytes: 12288 + 8 * upTo(1000),
    maxRecordBytes: 7 << 10,
  });
  const store = new MemoryLogStore(undefined, world.limits.snapshotsKept);
  let fileLog = world.log();
  let file = await start(fileLog);
  let memoryLog = new MemoryLog({ store });
  let memory = await start(memoryLog);
  let timeMs = 1000;
  let waiting: Batch[] = [];
  const propose = (label: string): void => {
    const size = draw() < 0.2 ? upTo(7 << 10) : upTo(200);
    timeMs += upTo(3);
    const batch = { level: 1, timeMs, count: 1 + upTo(5), body: Buffer.alloc(size, label) };
    waiting.push(batch);
    fileLog.propose(batch);
  };
  /** The next write or sync of the log itself fails, and with it the log. */
  const spoilNext = async (): Promise<void> => {
    const spoiled = draw() < 0.3 ? "write" : "sync";
    world.disk.before = (operation, name) => {
      if (operation === spoiled && segmentNumber(name) !== undefined) throw diskError("EIO", name);
    };
    propose("spoiled ");
    await drained();
    world.disk.before = () => {};
    expect(file.failures).toBe(1);
  };
  /** What the file log has acknowledged since it was looked at last happens in memory too. */
  const catchUp = async (): Promise<void> => {
    const done = file.own.splice(0);
    expect(done).toEqual(waiting.slice(0, done.length));
    waiting = waiting.slice(done.length);
    for (const batch of done) memoryLog.propose(batch);
    await drained();
    expect(file.told).toEqual(memory.told);
  };
  for (let step = 0; step < 40; step += 1) {
    const action = draw();
    if (action < 0.6) {
      for (let index = upTo(4); index >= 0; index -= 1) {
        propose(`${step}.${index} `);
      }
      if (draw() < 0.7) await drained();
    } else if (action < 0.7) {
      world.timers.advance(upTo(2000));
      await drained();
    } else if (action < 0.85) {
      await drained();
      await catchUp();
      const [last, lastInMemory] = [file.acked.at(-1), memory.acked.at(-1)];
      if (last === undefined || lastInMemory === undefined) continue;
      await save(fileLog, last.firstZxid + last.count - 1, `state ${step}`);
      await save(memoryLog, lastInMemory.firstZxid + lastInMemory.count - 1, `state ${step}`);
    } else {
      const clean = draw() < 0.4;
      if (!clean && draw() < 0.4) await spoilNext();
      if (clean) await fileLog.close();
      else if (draw() < 0.3) world.disk.kill();
      else world.disk.crash(draw);
      await drained();
      await catchUp();
      if (clean) expect(waiting).toEqual([]);
      await memoryLog.close();
      fileLog = world.log();
      file = await start(fileLog);
      // Of what was under way a prefix may have survived: it happens in memory before the restart there.
      const survived = Number(
        (
          file.told.findLast((told) => Array.isArray(told) && told[0] !== "snapshot" && told.length === 5) as
            | [number, number]
            | undefined
        )?.[1] ?? 0,
      );
      const before = new MemoryLog({ store });
      await start(before);
      const known = store.seq;
      for (const batch of waiting.slice(0, Math.max(0, survived - known))) before.propose(batch);
      await drained();
      await before.close();
      waiting = [];
      memoryLog = new MemoryLog({ store });
      memory = await start(memoryLog);
      expect(file.told).toEqual(memory.told);
    }
  }
  await drained();
  await catchUp();
  await fileLog.close();
}

test(`over ${SEEDS} random schedules of writes, snapshots, idle time, stops, failed writes and crashes the file log tells what the log in memory tells`, async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    try {
      await runSchedule(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}, 120_000);
