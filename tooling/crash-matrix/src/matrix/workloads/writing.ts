/** Workloads of appends alone: how many go into one write, where a record lies to sectors, and where segments end. */
import type { Workload } from "../workload.ts";

export const bursts: Workload = {
  name: "bursts",
  async play(stage) {
    await stage.start();
    await stage.burst(Array.from({ length: 12 }, (_, index) => 40 + index * 97));
    await stage.burst([300, 2_000, 8, 8, 8]);
    await stage.close();
  },
};

export const idleMarks: Workload = {
  name: "idle-marks",
  async play(stage) {
    await stage.start();
    for (let count = 0; count < 5; count += 1) {
      await stage.write(30 + count);
      await stage.pass(5);
    }
    // Without a mark in between, and with the mark called off by the next batch.
    await stage.write(64);
    await stage.pass(3);
    await stage.write(64);
    await stage.close();
  },
};

export const sectors: Workload = {
  name: "sectors",
  async play(stage) {
    await stage.start();
    // Frames that begin just before, at and behind a border of a sector.
    for (const size of [320, 344, 352, 360, 368, 376, 384, 400, 416]) await stage.write(size);
    for (let count = 0; count < 5; count += 1) await stage.burst([1_500, 5_000]);
    await stage.close();
  },
};

export const preallocation: Workload = {
  name: "preallocation",
  limits: { segmentBytes: 20 << 10, maxRecordBytes: 12_800 },
  async play(stage) {
    await stage.start();
    for (const size of [1, 4_095, 4_096, 4_097, 12 << 10, 12_800, 1, 8_000, 3_900, 4_096]) {
      await stage.write(size);
      if (size === 4_096) await stage.pass(5);
    }
    await stage.close();
  },
};

export const roll: Workload = {
  name: "roll",
  limits: { segmentBytes: 8 << 10, maxRecordBytes: 3 << 10 },
  async play(stage) {
    await stage.start();
    for (let count = 0; count < 6; count += 1) await stage.burst([1_200, 1_200, 1_300]);
    // Exactly up to where the seal stands: 8,192 - 4,096 - 32 (seal) - 96 (frame and header of a record).
    await stage.write(3_000);
    await stage.write(936 - 96);
    await stage.write(10);
    await stage.close();
  },
};

export const manyEntries: Workload = {
  name: "many-entries",
  async play(stage) {
    await stage.start();
    for (let count = 1; count <= 5; count += 1) {
      stage.propose(200 * count, { count, level: 1 + (count % 2) });
      stage.propose(50, { count: 1_000 });
      await stage.owner.settled(count * 2);
    }
    await stage.close();
  },
};
