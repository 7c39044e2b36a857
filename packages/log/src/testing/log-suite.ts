/**
 * The exam that every Log sits.
 *
 * Owns what the contract says, as tests that know nothing of an engine. Needs no test runner of its own: the caller
 * passes its `test` function, and the checks are Node's asserts.
 */

import assert from "node:assert/strict";
import type { Batch, CommittedBatch, Log, LogListener, Recovered, RecoveryListener, SnapshotSource } from "../log.ts";

/** One place where a log is kept. */
export interface LogSubject {
  /** A log over this place, as a newly started process makes it. The one before is closed or crashed. */
  start(): Log;
  /** The process is gone between two instructions, without a close. Absent when the engine cannot be crashed. */
  crash?: (() => Promise<void>) | undefined;
  /** Removes the place. */
  dispose(): Promise<void>;
}

export type TestFunction = (name: string, run: () => Promise<void>) => void;

/** What one process saw of a log. */
class Owner implements RecoveryListener, LogListener {
  readonly log: Log;
  readonly snapshots: { zxid: number; bytes: Buffer }[] = [];
  readonly recovered: CommittedBatch[] = [];
  readonly seen: CommittedBatch[] = [];
  readonly failures: unknown[] = [];
  rejects: (zxid: number) => boolean = () => false;
  onCommitted: (batch: CommittedBatch) => void = () => {};
  #waiters: { count: number; resolve: () => void }[] = [];

  constructor(log: Log) {
    this.log = log;
  }

  async snapshot(source: SnapshotSource): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const chunk of source.chunks) pieces.push(Buffer.from(chunk));
    if (this.rejects(source.zxid)) throw new Error("inner digest does not match");
    this.snapshots.push({ zxid: source.zxid, bytes: Buffer.concat(pieces) });
  }

  batch(batch: CommittedBatch): void {
    this.recovered.push({ ...batch, body: Uint8Array.from(batch.body) });
  }

  committed(batch: CommittedBatch): void {
    this.seen.push(batch);
    this.onCommitted(batch);
    for (const waiter of this.#waiters) if (this.seen.length >= waiter.count) waiter.resolve();
  }

  failed(error: unknown): void {
    this.failures.push(error);
  }

  space(): void {}

  async committedCount(count: number): Promise<void> {
    if (this.seen.length < count) await new Promise<void>((resolve) => void this.#waiters.push({ count, resolve }));
  }

  async start(): Promise<Recovered> {
    const recovered = await this.log.recover(this);
    await this.log.open(this);
    return recovered;
  }

  async save(zxid: number, bytes: Uint8Array): Promise<void> {
    const writer = await this.log.createSnapshot(zxid);
    for (let at = 0; at < bytes.length; at += 1000) await writer.write(bytes.subarray(at, at + 1000));
    await writer.finish();
  }
}

function makeBatch(index: number, count = 1, size = 40): Batch {
  return { level: 1 + (index % 3), timeMs: 1_700_000_000_000 + index, count, body: Buffer.alloc(size, `${index} `) };
}

function plain({ level, epoch, seq, firstZxid, count, timeMs, body }: CommittedBatch): unknown {
  return { level, epoch, seq, firstZxid, count, timeMs, body: Buffer.from(body).toString("base64") };
}

function endOf({ firstZxid, count }: CommittedBatch): number {
  return firstZxid + count - 1;
}

/** Registers the whole exam. `create` gives an empty place each time. */
export function logSuite(test: TestFunction, create: () => Promise<LogSubject>): void {
  const exam = (name: string, run: (start: () => Owner, subject: LogSubject) => Promise<void>): void => {
    test(name, async () => {
      const subject = await create();
      const owners: Owner[] = [];
      try {
        await run(() => {
          const owner = new Owner(subject.start());
          owners.push(owner);
          return owner;
        }, subject);
        for (const owner of owners) assert.deepEqual(owner.failures, []);
      } finally {
        await subject.dispose();
      }
    });
  };

  exam("a new log is empty and has a cluster id of 32 hex digits", async (start) => {
    const owner = start();
    assert.deepEqual(await owner.start(), { lastZxid: 0, lastTimeMs: 0, batches: 0, snapshotZxid: undefined });
    assert.match(owner.log.clusterId, /^[0-9a-f]{32}$/);
    await owner.log.close();
  });

  exam(
    "batches commit in the order proposed, with dense seq and zxid, each as the very object proposed",
    async (start) => {
      const owner = start();
      await owner.start();
      const batches = Array.from({ length: 50 }, (_, index) => makeBatch(index, 1 + (index % 4), index * 37));
      for (const batch of batches) owner.log.propose(batch);
      await owner.committedCount(batches.length);
      const epoch = owner.seen[0]!.epoch;
      assert.ok(epoch >= 1);
      let zxid = epoch * 2 ** 32;
      for (const [index, seen] of owner.seen.entries()) {
        assert.equal(seen.own, batches[index]);
        assert.equal(seen.seq, index + 1);
        assert.equal(seen.epoch, epoch);
        assert.equal(seen.firstZxid, zxid + 1);
        assert.deepEqual(
          [seen.level, seen.timeMs, seen.count, seen.body],
          [batches[index]!.level, batches[index]!.timeMs, batches[index]!.count, batches[index]!.body],
        );
        zxid = endOf(seen);
      }
      await owner.log.close();
    },
  );

  exam("nothing commits before propose has returned", async (start) => {
    const owner = start();
    await owner.start();
    owner.log.propose(makeBatch(0));
    assert.equal(owner.seen.length, 0);
    await owner.committedCount(1);
    await owner.log.close();
  });

  exam("a batch proposed from within committed is taken", async (start) => {
    const owner = start();
    await owner.start();
    owner.onCommitted = (batch) => {
      if (batch.seq < 10) owner.log.propose(makeBatch(batch.seq));
    };
    owner.log.propose(makeBatch(0));
    await owner.committedCount(10);
    assert.deepEqual(
      owner.seen.map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    await owner.log.close();
  });

  exam("close waits for what was proposed", async (start) => {
    const owner = start();
    await owner.start();
    for (let index = 0; index < 20; index += 1) owner.log.propose(makeBatch(index));
    await owner.log.close();
    assert.equal(owner.seen.length, 20);
  });

  exam(
    "a restart reads back every batch as it was, and goes on in a greater epoch under the same cluster id",
    async (start) => {
      const first = start();
      await first.start();
      for (let index = 0; index < 30; index += 1) first.log.propose(makeBatch(index, 1 + (index % 3), index * 211));
      await first.log.close();
      const second = start();
      const recovered = await second.start();
      assert.deepEqual(second.recovered.map(plain), first.seen.map(plain));
      assert.ok(second.recovered.every(({ own }) => own === undefined));
      assert.deepEqual(recovered, {
        lastZxid: endOf(first.seen.at(-1)!),
        lastTimeMs: first.seen.at(-1)!.timeMs,
        batches: 30,
        snapshotZxid: undefined,
      });
      assert.equal(second.log.clusterId, first.log.clusterId);
      second.log.propose(makeBatch(30));
      await second.committedCount(1);
      assert.equal(second.seen[0]!.seq, 31);
      assert.ok(second.seen[0]!.epoch > first.seen.at(-1)!.epoch);
      assert.equal(second.seen[0]!.firstZxid, second.seen[0]!.epoch * 2 ** 32 + 1);
      await second.log.close();
    },
  );

  exam("after a snapshot a restart reads it back and only the batches after it", async (start) => {
    const first = start();
    await first.start();
    for (let index = 0; index < 10; index += 1) first.log.propose(makeBatch(index, 2));
    await first.committedCount(10);
    const state = Buffer.alloc(700_001, "state");
    await first.save(endOf(first.seen[6]!), state);
    await first.log.close();
    const second = start();
    const recovered = await second.start();
    assert.deepEqual(
      second.snapshots.map(({ zxid }) => zxid),
      [endOf(first.seen[6]!)],
    );
    assert.ok(second.snapshots[0]!.bytes.equals(state));
    assert.deepEqual(
      second.recovered.map(({ seq }) => seq),
      [8, 9, 10],
    );
    assert.deepEqual(recovered, {
      lastZxid: endOf(first.seen[9]!),
      lastTimeMs: first.seen[9]!.timeMs,
      batches: 3,
      snapshotZxid: endOf(first.seen[6]!),
    });
    await second.log.close();
  });

  exam("a rejected snapshot is followed by the next older one, and by every batch after that", async (start) => {
    const first = start();
    await first.start();
    for (let index = 0; index < 12; index += 1) {
      first.log.propose(makeBatch(index, 1, 300));
      await first.committedCount(index + 1);
      if (index % 4 === 3) await first.save(endOf(first.seen[index]!), Buffer.from(`after ${index}`));
    }
    await first.log.close();
    const second = start();
    second.rejects = (zxid) => zxid === endOf(first.seen[11]!);
    await second.start();
    assert.deepEqual(
      second.snapshots.map(({ zxid, bytes }) => [zxid, bytes.toString()]),
      [[endOf(first.seen[7]!), "after 7"]],
    );
    assert.deepEqual(
      second.recovered.map(({ seq }) => seq),
      [9, 10, 11, 12],
    );
    await second.log.close();
  });

  exam("an aborted snapshot is as if it had never been begun", async (start) => {
    const first = start();
    await first.start();
    first.log.propose(makeBatch(0));
    await first.committedCount(1);
    const writer = await first.log.createSnapshot(endOf(first.seen[0]!));
    await writer.write(Buffer.from("half of it"));
    await assert.rejects(first.log.createSnapshot(endOf(first.seen[0]!)));
    await writer.abort();
    await writer.abort();
    await first.save(endOf(first.seen[0]!), Buffer.from("whole"));
    await first.log.close();
    const second = start();
    await second.start();
    assert.deepEqual(
      second.snapshots.map(({ bytes }) => bytes.toString()),
      ["whole"],
    );
    await second.log.close();
  });

  exam("a snapshot of what has not been committed is refused", async (start) => {
    const owner = start();
    await owner.start();
    owner.log.propose(makeBatch(0));
    await owner.committedCount(1);
    await assert.rejects(owner.log.createSnapshot(endOf(owner.seen[0]!) + 1), RangeError);
    await owner.log.close();
  });

  exam("the stamp and zxid of the last batch outlive the batch itself", async (start) => {
    const first = start();
    await first.start();
    for (let index = 0; index < 40; index += 1) {
      first.log.propose(makeBatch(index, 1, 500));
      await first.committedCount(index + 1);
      if (index % 10 === 9) await first.save(endOf(first.seen[index]!), Buffer.from("state"));
    }
    await first.log.close();
    const second = start();
    const { lastZxid, lastTimeMs, batches } = await second.start();
    assert.deepEqual([lastZxid, lastTimeMs, batches], [endOf(first.seen[39]!), first.seen[39]!.timeMs, 0]);
    second.log.propose(makeBatch(40));
    await second.committedCount(1);
    assert.equal(second.seen[0]!.seq, 41);
    await second.log.close();
  });

  exam("when the counter of an epoch is full, the next batch begins the next epoch, without a stop", async (start) => {
    const owner = start();
    await owner.start();
    owner.log.propose(makeBatch(0, 2 ** 32 - 3));
    owner.log.propose(makeBatch(1, 2));
    owner.log.propose(makeBatch(2, 1));
    owner.log.propose(makeBatch(3, 1));
    await owner.committedCount(4);
    const epoch = owner.seen[0]!.epoch;
    assert.deepEqual(
      owner.seen.map((each) => each.epoch),
      [epoch, epoch, epoch + 1, epoch + 1],
    );
    assert.equal(endOf(owner.seen[1]!), epoch * 2 ** 32 + 2 ** 32 - 1);
    assert.equal(owner.seen[2]!.firstZxid, (epoch + 1) * 2 ** 32 + 1);
    await owner.log.close();
  });

  exam("a crash takes nothing that was committed", async (start, subject) => {
    if (subject.crash === undefined) return;
    const committed: unknown[] = [];
    for (let round = 0; round < 5; round += 1) {
      const owner = start();
      await owner.start();
      assert.deepEqual(owner.recovered.map(plain).slice(0, committed.length), committed);
      committed.splice(0, committed.length, ...owner.recovered.map(plain));
      for (let index = 0; index < 8; index += 1) owner.log.propose(makeBatch(round * 8 + index, 1, 100 * index));
      await owner.committedCount(5);
      await subject.crash();
      committed.push(...owner.seen.map(plain));
      owner.failures.length = 0;
    }
  });
}
