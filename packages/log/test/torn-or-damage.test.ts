import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { FRAME_BYTES, frameExtent } from "../src/file/frame.ts";
import { RECORD_HEADER_BYTES } from "../src/file/record.ts";
import { segmentName, SEGMENT_HEADER_BYTES } from "../src/file/segment.ts";
import { snapshotName } from "../src/file/snapshot-file.ts";
import type { LogWarning } from "../src/index.ts";
import { lying, type Lying } from "./lying.ts";
import { drained, History, Process } from "./model.ts";

const SIZE = 200;
const EXTENT = frameExtent(RECORD_HEADER_BYTES + SIZE);
/** Offset of the n-th batch of a first life: the mark of its start stands before it. */
const frameOf = (batch: number): number => SEGMENT_HEADER_BYTES + FRAME_BYTES + (batch - 1) * EXTENT;
const bodyOf = (batch: number): number => frameOf(batch) + FRAME_BYTES + RECORD_HEADER_BYTES;
const first = segmentName(1);

/** A process that was killed after `alone` batches, each written by itself, and `together` more in one write. */
async function killedAfter(world: Lying, alone: number, together = 0, size = SIZE): Promise<Process> {
  const process = new Process(world.log());
  await process.start();
  const history = new History();
  for (let count = 1; count <= alone; count += 1) {
    history.propose(process, size);
    await process.settled(count);
  }
  for (let index = 0; index < together; index += 1) history.propose(process, size);
  await process.settled(alone + together);
  await drained();
  world.disk.kill();
  return process;
}

/** Six batches of 4,000 bytes fill three segments, with snapshots after the second and the fourth if wanted. */
async function threeSegments(world: Lying, snapshots: boolean): Promise<Process> {
  const process = new Process(world.log());
  await process.start();
  const history = new History();
  for (let count = 1; count <= 6; count += 1) {
    history.propose(process, 4000);
    await process.settled(count);
    if (snapshots && (count === 2 || count === 4)) await process.save();
  }
  await process.log.close();
  await drained();
  return process;
}

async function restart(world: Lying): Promise<{ process: Process; warnings: LogWarning[] }> {
  const warnings: LogWarning[] = [];
  const process = new Process(world.log({ warn: (warning) => warnings.push(warning) }));
  await process.start();
  return { process, warnings };
}

async function refusal(world: Lying): Promise<string> {
  const before = new Map(
    world.disk.names().map((name) => [name, Buffer.from(world.disk.contents(name)).toString("base64")]),
  );
  const error: unknown = await restart(world).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: "LogError", code: "DAMAGED" });
  const after = new Map(
    world.disk.names().map((name) => [name, Buffer.from(world.disk.contents(name)).toString("base64")]),
  );
  expect(after).toEqual(before);
  return String(error);
}

function zero(world: Lying, name: string, from: number, to: number): void {
  const bytes = world.disk.contents(name);
  world.disk.put(name, bytes.fill(0, from, to));
}

test("damage in a record that a later one says was durable refuses the start, and names file, offset, record and the choices", async () => {
  const world = lying(1);
  await killedAfter(world, 3);
  world.disk.flip(first, bodyOf(2) + 7);
  world.disk.put(`${snapshotName(9)}.tmp`, Uint8Array.of(1));
  const message = await refusal(world);
  expect(message).toContain(`file ${first}, offset ${frameOf(2)}, record 2: checksum does not match`);
  expect(message).toMatch(/Choices: .*backup.*copy.*empty/);
});

test("the mark of an idle log is evidence for its last record", async () => {
  const world = lying(1);
  const process = new Process(world.log());
  await process.start();
  new History().propose(process, SIZE);
  await process.settled(1);
  world.timers.advance(5);
  await drained();
  world.disk.kill();
  world.disk.flip(first, bodyOf(1));
  expect(await refusal(world)).toContain("record 1");
});

test("the mark of a clean stop is evidence for the last record", async () => {
  const world = lying(1);
  const process = new Process(world.log());
  await process.start();
  new History().propose(process, SIZE);
  await process.log.close();
  world.disk.flip(first, bodyOf(1));
  expect(await refusal(world)).toContain("record 1");
});

test("a flipped bit anywhere in acknowledged data either refuses the start or changes nothing that is read", async () => {
  const world = lying(1);
  const killed = await killedAfter(world, 3);
  const whole = world.disk.contents(first);
  let refused = 0;
  // The fourth byte after the header belongs to the mark of the start; the last record alone has no later evidence.
  for (let offset = 0; offset < frameOf(3); offset += offset < 128 || offset >= SEGMENT_HEADER_BYTES ? 1 : 64) {
    const files = new Map(world.disk.names().map((name) => [name, world.disk.contents(name)]));
    world.disk.flip(first, offset, 1 << (offset % 8));
    const process = new Process(world.log({ readOnly: true }));
    try {
      await process.log.recover(process);
      expect(process.state).toEqual(killed.state);
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/DAMAGED|FOREIGN/) });
      refused += 1;
    }
    for (const [name, bytes] of files) world.disk.put(name, bytes);
  }
  expect(world.disk.contents(first)).toEqual(whole);
  expect(refused).toBeGreaterThan(frameOf(3) - frameOf(1));
});

test("a tail that nothing says was durable is cut off, kept aside and told", async () => {
  const world = lying(1);
  const killed = await killedAfter(world, 2);
  world.disk.flip(first, bodyOf(2));
  const { process, warnings } = await restart(world);
  expect(process.state).toEqual(killed.state.slice(0, 1));
  const kept = `${first}.torn-${String(world.timers.now()).padStart(15, "0")}`;
  expect(warnings).toMatchObject([{ kind: "torn-tail", file: first, offset: frameOf(2), afterSeq: 1, keptAs: kept }]);
  expect(world.disk.contents(kept).length).toBeGreaterThan(SIZE);
  new History().propose(process, SIZE);
  await process.settled(1);
  await process.log.close();
  expect((await restart(world)).process.state).toEqual(process.state);
});

test("no more than three cut-off tails are kept", async () => {
  const world = lying(1);
  await killedAfter(world, 1);
  for (let round = 0; round < 5; round += 1) {
    const bytes = world.disk.contents(first);
    let end = bytes.length;
    while (bytes[end - 1] === 0) end -= 1;
    bytes[end + 8] = 1;
    world.disk.put(first, bytes);
    world.timers.advance(1);
    const { process } = await restart(world);
    await process.log.close();
  }
  const torn = world.disk.names().filter((name) => name.includes(".torn-"));
  expect(torn).toHaveLength(3);
  expect(Math.max(...torn.map((name) => Number(name.slice(-15))))).toBe(world.timers.now());
});

test("records behind a gap in one unacknowledged write never come back, not even after another crash", async () => {
  const world = lying(1);
  // The third goes out at once; the fourth and fifth gather meanwhile and share the next write.
  await killedAfter(world, 2, 3);
  zero(world, first, bodyOf(4), bodyOf(4) + 64);
  const { process } = await restart(world);
  expect(process.state).toHaveLength(3);
  const beyond = world.disk.contents(first).subarray(frameOf(4) + FRAME_BYTES);
  expect(beyond.every((byte) => byte === 0)).toBe(true);
  process.log.propose({ level: 1, timeMs: 1_800_000_000_000, count: 1, body: Buffer.from("6:666666") });
  await process.settled(1);
  await drained();
  world.disk.crash(() => 0);
  const again = await restart(world);
  expect(again.process.state).toEqual(process.state);
});

test("zeros are not the end of the log when anything stands behind them", async () => {
  const world = lying(1);
  await killedAfter(world, 8);
  zero(world, first, frameOf(3), frameOf(4));
  expect(await refusal(world)).toContain(`offset ${frameOf(3)}, record 3: zeros, with something behind them`);
});

test("damage in a segment that is not the last refuses the start", async () => {
  const world = lying(1);
  await threeSegments(world, false);
  world.disk.flip(segmentName(2), SEGMENT_HEADER_BYTES + FRAME_BYTES + RECORD_HEADER_BYTES + 9);
  expect(await refusal(world)).toContain(`file ${segmentName(2)}, offset ${SEGMENT_HEADER_BYTES}, record 3`);
});

for (const [what, spoil] of Object.entries<(world: Lying) => void>({
  "a missing first segment": ({ disk }) => disk.put(segmentName(1), undefined),
  "a missing middle segment": ({ disk }) => disk.put(segmentName(2), undefined),
  "a missing last segment": ({ disk }) => {
    disk.put(segmentName(3), undefined);
    disk.put(segmentName(4), undefined);
  },
  "a segment that is a copy of another": ({ disk }) => disk.put(segmentName(2), disk.contents(segmentName(1))),
  "two segments swapped": ({ disk }) => {
    const [one, two] = [disk.contents(segmentName(1)), disk.contents(segmentName(2))];
    disk.put(segmentName(1), two);
    disk.put(segmentName(2), one);
  },
  "a damaged header in the middle": ({ disk }) => disk.flip(segmentName(2), 60),
  "a damaged header of the last segment": ({ disk }) => disk.flip(segmentName(3), 60),
  "a segment of zeros in the middle": ({ disk }) => disk.put(segmentName(2), new Uint8Array(16 << 10)),
})) {
  test(`${what} refuses the start`, async () => {
    const world = lying(1);
    await threeSegments(world, false);
    spoil(world);
    await refusal(world);
  });
}

test("a last segment that became shorter, or empty, refuses the start: no crash does that", async () => {
  for (const size of [0, 100, SEGMENT_HEADER_BYTES, frameOf(2), frameOf(3) + 7, bodyOf(3) + 9, frameOf(4) + 8]) {
    const world = lying(1);
    await killedAfter(world, 3);
    world.disk.put(first, world.disk.contents(first).slice(0, size));
    expect(await refusal(world)).toContain(`file ${first}`);
  }
  const world = lying(1);
  const closed = await threeSegments(world, false);
  world.disk.put(segmentName(3), new Uint8Array());
  expect(await refusal(world)).toContain(`file ${segmentName(3)}, offset 0`);
  expect(closed.state).toHaveLength(6);
});

test("bits in a segment that was never begun refuse the start, which names it", async () => {
  const world = lying(1);
  await killedAfter(world, 1);
  world.disk.flip(segmentName(2), 9000);
  expect(await refusal(world)).toContain(`file ${segmentName(2)}, offset 0`);
});

test("a segment of another cluster refuses the start", async () => {
  const [world, other] = [lying(1), lying(2)];
  await threeSegments(world, false);
  await threeSegments(other, false);
  world.disk.put(segmentName(2), other.disk.contents(segmentName(2)));
  expect(await refusal(world)).toContain("belongs to cluster");
});

test("damage that the newest snapshot makes unnecessary is told, and does no harm", async () => {
  const world = lying(1);
  const closed = await threeSegments(world, true);
  world.disk.flip(segmentName(2), SEGMENT_HEADER_BYTES + 200);
  const { process, warnings } = await restart(world);
  expect(process.state).toEqual(closed.state);
  expect(warnings).toContainEqual(expect.objectContaining({ kind: "damage-covered" }));
});

test("a log that starts late, with no sound snapshot, refuses the start", async () => {
  const world = lying(1);
  const closed = await threeSegments(world, true);
  const names = world.disk.names();
  expect(names).not.toContain(segmentName(1));
  for (const name of names) if (name.startsWith("snapshot-")) world.disk.put(name, new Uint8Array());
  // It says with which segment the log begins instead.
  expect(await refusal(world)).toContain(names.filter((name) => name.startsWith("log-")).sort()[0]!);
  for (const name of names) if (name.startsWith("snapshot-")) world.disk.put(name, undefined);
  await refusal(world);
  expect(closed.state).toHaveLength(6);
});

test("with every snapshot damaged, a log that starts at the first record is replayed as a whole", async () => {
  const world = lying(1);
  const process = new Process(world.log());
  await process.start();
  const history = new History();
  for (let count = 1; count <= 4; count += 1) history.propose(process, SIZE);
  await process.settled(4);
  await process.save();
  await process.log.close();
  world.disk.flip(snapshotName(process.state[3]!.zxid), 70);
  const again = await restart(world);
  expect(again.process.state).toEqual(process.state);
  expect(again.process.fromSnapshot).toBe(0);
  expect(again.warnings).toMatchObject([{ kind: "snapshot-skipped", file: snapshotName(process.state[3]!.zxid) }]);
});

test("snapshots without any segment refuse the start", async () => {
  const world = lying(1);
  await threeSegments(world, true);
  for (const name of world.disk.names()) if (name.startsWith("log-")) world.disk.put(name, undefined);
  await refusal(world);
});

test("a log that ends before its newest snapshot refuses the start", async () => {
  const world = lying(1);
  await threeSegments(world, true);
  // Back to a file from before: everything after the first batch of the segment that holds batches 3 and 4.
  zero(world, segmentName(2), SEGMENT_HEADER_BYTES + frameExtent(RECORD_HEADER_BYTES + 4000), 16 << 10);
  for (const name of [segmentName(3), segmentName(4)]) world.disk.put(name, undefined);
  expect(await refusal(world)).toContain("holds zxid");
});

test("a newer format is refused as foreign, not as damaged", async () => {
  const world = lying(1);
  await killedAfter(world, 1);
  const bytes = Buffer.from(world.disk.contents(first));
  bytes.writeUInt16LE(2, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(16, 128), crc32(bytes.subarray(0, 12))), 12);
  world.disk.put(first, bytes);
  await expect(restart(world)).rejects.toMatchObject({
    code: "FOREIGN",
    message: expect.stringContaining("format version 2"),
  });
});
