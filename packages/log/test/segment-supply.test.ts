import { expect, test } from "vitest";
import type { Disk } from "../src/file/disk.ts";
import { defaultLimits } from "../src/file/limits.ts";
import { SegmentSupply } from "../src/file/segment-supply.ts";
import { MemoryDisk } from "../src/testing/memory-disk.ts";
import { VirtualTimers } from "../src/testing/virtual-timers.ts";
import { drained } from "./model.ts";

const SEGMENT_BYTES = 16 << 10;

test("a segment that is taken while the free space is looked at is no lack of space", async () => {
  const looks: (() => void)[] = [];
  const disk = new MemoryDisk({ capacity: 100 * SEGMENT_BYTES }).mount();
  const slow: Disk = {
    ...disk,
    space: async () => {
      await new Promise<void>((resolve) => looks.push(resolve));
      return disk.space();
    },
  };
  const told: string[] = [];
  const supply = new SegmentSupply(
    slow,
    new VirtualTimers(),
    { ...defaultLimits, segmentBytes: SEGMENT_BYTES, reserveBytes: SEGMENT_BYTES, softMarkBytes: SEGMENT_BYTES },
    { nextNumber: 1, spareSize: undefined, hasReserve: false },
    (warning) => told.push(warning.kind),
    (state) => told.push(state),
  );
  supply.start();
  await drained();
  // The next is ready, and the look has begun.
  expect(looks).toHaveLength(1);
  expect((await supply.take()).number).toBe(1);
  for (let answered = 0; answered < looks.length; answered += 1) {
    looks[answered]!();
    await drained();
  }
  expect((await supply.take()).number).toBe(2);
  expect(told).toEqual([]);
});
