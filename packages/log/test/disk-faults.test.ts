import { expect, test } from "vitest";
import { segmentName } from "../src/file/segment.ts";
import { snapshotName } from "../src/file/snapshot-file.ts";
import type { LogWarning } from "../src/index.ts";
import { type DiskOperation, diskError } from "../src/testing/memory-disk.ts";
import { lying, type Lying } from "./lying.ts";
import { drained, expectSameFromEverySnapshot, History, Process } from "./model.ts";

async function started(world: Lying): Promise<{ process: Process; history: History; warnings: LogWarning[] }> {
  const warnings: LogWarning[] = [];
  const process = new Process(world.log({ warn: (warning) => warnings.push(warning) }));
  await process.start();
  await drained();
  return { process, history: new History(), warnings };
}

function failNext(world: Lying, operation: DiskOperation, name: string, code: "EIO" | "ENOSPC"): void {
  world.disk.before = (each, file) => {
    if (each !== operation || !file.startsWith(name)) return;
    world.disk.before = () => {};
    throw diskError(code, file);
  };
}

for (const operation of ["write", "sync"] as const) {
  test(`after a failed ${operation} on the active segment the log fails once, and nothing commits any more`, async () => {
    const world = lying(3);
    const { process, history } = await started(world);
    history.propose(process, 50);
    await process.settled(1);
    failNext(world, operation, segmentName(1), "EIO");
    for (let index = 0; index < 3; index += 1) history.propose(process, 50);
    await drained();
    history.propose(process, 50);
    await drained();
    world.timers.advance(10_000);
    await drained();
    expect(process.failure).toMatchObject({ code: "IO_FAILED", message: expect.stringContaining(segmentName(1)) });
    expect([process.acked, process.afterFailure]).toEqual([1, 0]);
    await process.log.close();
    world.disk.crash(() => 0);
    const again = await started(world);
    expect(again.process.state).toEqual(process.state);
  });
}

test("what a failed sync left in the page cache is written again before it is served", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  failNext(world, "sync", segmentName(1), "EIO");
  history.propose(process, 50);
  await drained();
  expect(process.failure).toBeDefined();
  // The process dies, the machine goes on: the next one reads the record from the page cache, where it counts as clean.
  world.disk.kill();
  const second = await started(world);
  expect(second.process.state).toHaveLength(1);
  world.disk.crash(() => 0);
  const third = await started(world);
  expect(third.process.state).toEqual(second.process.state);
});

test("the mark of a clean stop whose sync failed is written again too, before anything stands behind it", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  history.propose(process, 50);
  await process.settled(1);
  failNext(world, "sync", segmentName(1), "EIO");
  await process.log.close();
  world.disk.kill();
  const second = await started(world);
  history.propose(second.process, 50);
  await second.process.settled(1);
  world.disk.crash(() => 0);
  const third = await started(world);
  expect(third.process.state).toEqual(second.process.state);
});

test("the header of a segment that was just begun is written again as well", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  for (let count = 1; count <= 2; count += 1) history.propose(process, 5000);
  await process.settled(2);
  world.disk.before = (operation, file) => {
    if (operation === "sync" && file === segmentName(2)) throw diskError("EIO", file);
  };
  history.propose(process, 5000);
  await drained();
  expect(process.failure).toMatchObject({ code: "IO_FAILED" });
  world.disk.kill();
  world.disk.before = () => {};
  const second = await started(world);
  expect(second.process.state).toHaveLength(3);
  world.disk.crash(() => 0);
  expect((await started(world)).process.state).toEqual(second.process.state);
});

test("a log that cannot write the mark of its start does not open", async () => {
  const world = lying(3);
  await (await started(world)).process.log.close();
  const process = new Process(world.log());
  await process.log.recover(process);
  failNext(world, "write", segmentName(1), "EIO");
  await expect(process.log.open(process)).rejects.toMatchObject({ code: "IO_FAILED" });
  await started(world);
});

test("when the next segment finds no room the log says low, goes on from its reserve, and says ok by itself when there is room", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  expect(process.spaces).toEqual([]);
  expect(world.disk.names().sort()).toEqual([segmentName(1), segmentName(2), "reserve"]);
  world.disk.capacity = 3 * (16 << 10);
  // Two records of this size fill a segment. Beginning the second asks for a third, and there is no room for it.
  for (let count = 1; count <= 3; count += 1) history.propose(process, 5000);
  await process.settled(3);
  await drained();
  expect(process.spaces).toEqual(["low"]);
  expect(world.disk.names()).not.toContain("reserve");
  for (let count = 4; count <= 6; count += 1) history.propose(process, 5000);
  await process.settled(6);
  world.timers.advance(1000);
  await drained();
  expect(process.spaces).toEqual(["low"]);
  world.disk.capacity = 100 * (16 << 10);
  world.timers.advance(1000);
  await drained();
  expect(process.spaces).toEqual(["low", "ok"]);
  expect(world.disk.names()).toContain("reserve");
  await process.log.close();
  expect((await started(world)).process.state).toEqual(process.state);
});

test("below the soft mark of free space the log says low while appends still have all their room", async () => {
  const world = lying(3, { softMarkFraction: 0.5, softMarkBytes: 64 << 10 });
  world.disk.capacity = 400 << 10;
  const { process, history } = await started(world);
  expect(process.spaces).toEqual([]);
  world.disk.put("something else", new Uint8Array(300 << 10));
  world.timers.advance(1000);
  await drained();
  expect(process.spaces).toEqual(["low"]);
  history.propose(process, 100);
  await process.settled(1);
  world.disk.put("something else", undefined);
  world.timers.advance(1000);
  await drained();
  expect(process.spaces).toEqual(["low", "ok"]);
});

test("without even the reserve the log fails with NO_SPACE, and keeps what was acknowledged", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  world.disk.capacity = 3 * (16 << 10);
  for (let count = 1; count <= 10; count += 1) history.propose(process, 5000);
  await drained();
  expect(process.failure).toMatchObject({ code: "NO_SPACE" });
  expect(process.acked).toBeGreaterThanOrEqual(4);
  await process.log.close();
  world.disk.capacity = Number.POSITIVE_INFINITY;
  expect((await started(world)).process.state).toEqual(process.state);
});

for (const operation of ["create", "write", "sync", "rename"] as const) {
  test(`a snapshot whose ${operation} fails leaves nothing behind, keeps the older one, and the next one succeeds`, async () => {
    const world = lying(3);
    const { process, history } = await started(world);
    history.propose(process, 50);
    await process.settled(1);
    await process.save();
    history.propose(process, 50);
    await process.settled(2);
    failNext(world, operation, "snapshot-", "ENOSPC");
    await expect(process.save()).rejects.toMatchObject({ code: "NO_SPACE" });
    const [one, two] = process.state.map(({ zxid }) => snapshotName(zxid));
    const stored = (): string[] =>
      world.disk
        .names()
        .filter((name) => name.startsWith("snapshot-"))
        .sort();
    expect(stored()).toEqual([one]);
    history.propose(process, 50);
    await process.settled(3);
    expect(process.failure).toBeUndefined();
    await process.save();
    expect(stored()).toEqual([one, snapshotName(process.state[2]!.zxid)]);
    expect(stored()).not.toContain(two);
  });
}

test("a snapshot that does not read back as written is not taken", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  history.propose(process, 50);
  await process.settled(1);
  world.disk.before = (operation, name) => {
    if (operation !== "read" || !name.startsWith("snapshot-")) return;
    world.disk.before = () => {};
    world.disk.flip(name, 75);
  };
  await expect(process.save()).rejects.toMatchObject({
    code: "IO_FAILED",
    message: expect.stringContaining("read back"),
  });
  expect(world.disk.names().filter((name) => name.startsWith("snapshot-"))).toEqual([]);
});

test("when the newest snapshot is damaged the older one serves, with every record after it, and it is told", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  for (let count = 1; count <= 12; count += 1) {
    history.propose(process, 2500);
    await process.settled(count);
    if (count % 3 === 0) await process.save();
  }
  await process.log.close();
  const [newest, older] = [process.state[11]!.zxid, process.state[8]!.zxid];
  world.disk.flip(snapshotName(newest), 80);
  const again = await started(world);
  expect(again.process.state).toEqual(process.state);
  expect(again.process.fromSnapshot).toBe(older);
  expect(again.warnings).toMatchObject([{ kind: "snapshot-skipped", file: snapshotName(newest) }]);
});

test("a damaged snapshot is not taken from a listener that has not read it", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  for (let count = 1; count <= 4; count += 1) {
    history.propose(process, 50);
    await process.settled(count);
    if (count > 2) await process.save();
  }
  await process.log.close();
  const [older, newest] = [process.state[2]!.zxid, process.state[3]!.zxid];
  world.disk.flip(snapshotName(newest), 80);
  const warnings: LogWarning[] = [];
  const log = world.log({ warn: (warning) => warnings.push(warning) });
  const offered: number[] = [];
  const recovered = await log.recover({ snapshot: async ({ zxid }) => void offered.push(zxid), batch: () => {} });
  expect(offered).toEqual([newest, older]);
  expect(recovered).toMatchObject({ snapshotZxid: older, batches: 1 });
  expect(warnings).toMatchObject([{ kind: "snapshot-skipped", file: snapshotName(newest) }]);
  await log.close();
});

test("a damaged snapshot does not count among those kept", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  for (let count = 1; count <= 4; count += 1) {
    history.propose(process, 50);
    await process.settled(count);
    if (count === 1 || count === 3) await process.save();
  }
  await process.log.close();
  world.disk.flip(snapshotName(process.state[2]!.zxid), 80);
  const again = await started(world);
  await again.process.save();
  const sound = [process.state[0]!.zxid, process.state[3]!.zxid].map(snapshotName);
  expect(world.disk.names()).toEqual(expect.arrayContaining(sound));
  await again.process.log.close();
});

test("records leave only when every kept snapshot holds them", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  for (let count = 1; count <= 20; count += 1) {
    history.propose(process, 1900);
    await process.settled(count);
    // Not where a segment ends: six of these fill one.
    if (count % 4 === 0) await process.save();
    await drained();
    await expectSameFromEverySnapshot(world, process.state);
  }
  const segments = world.disk
    .names()
    .filter((name) => name.startsWith("log-"))
    .sort();
  expect(segments[0]).not.toBe(segmentName(1));
  expect(segments.length).toBeLessThanOrEqual(5);
});

test("a log read only changes nothing and can be read while its owner writes", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  history.propose(process, 50);
  await process.settled(1);
  await drained();
  const operations: DiskOperation[] = [];
  world.disk.before = (operation) => void operations.push(operation);
  const reader = new Process(world.log({ readOnly: true }));
  await reader.log.recover(reader);
  expect(reader.state).toEqual(process.state);
  expect(new Set(operations)).toEqual(new Set(["read"]));
  await expect(reader.log.open(reader)).rejects.toThrow("only read");
  world.disk.before = () => {};
  history.propose(process, 50);
  await process.settled(2);
});

for (const hops of [0, 1, 2, 3]) {
  test(`what is proposed ${hops} microtasks after a batch was delivered waits for no timer`, async () => {
    const log = lying(3).log();
    await log.recover({ snapshot: () => Promise.reject(new Error("there is none")), batch: () => {} });
    let committed = 0;
    const propose = (): void => log.propose({ level: 1, timeMs: committed, count: 1, body: new Uint8Array(50) });
    const later = (left: number): void => (left === 0 ? propose() : queueMicrotask(() => later(left - 1)));
    await log.open({
      committed: () => void (++committed < 5 && later(hops)),
      failed: (error) => {
        throw error;
      },
      space: () => {},
    });
    propose();
    await drained();
    expect(committed).toBe(5);
  });
}

test("a repair that the disk puts in another place is noticed when the log is read, though every record there is sound", async () => {
  const world = lying(3);
  const { process, history } = await started(world);
  const places: number[] = [];
  world.disk.writeLie = (name, position) => {
    if (name === segmentName(1)) places.push(position);
    return undefined;
  };
  for (let count = 1; count <= 6; count += 1) {
    history.propose(process, 50);
    await process.settled(count);
    await drained();
  }
  world.disk.kill();
  // What is written again lands where the third record is.
  world.disk.writeLie = (name) => {
    world.disk.writeLie = undefined;
    return { kind: "elsewhere", name, position: places[2]! };
  };
  await expect(new Process(world.log()).start()).rejects.toMatchObject({
    code: "DAMAGED",
    message: expect.stringContaining("stands after record 2"),
  });
});
