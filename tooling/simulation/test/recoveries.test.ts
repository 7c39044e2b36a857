/** Directories made by hand, and what comparing their recoveries says of them. */
import { FileLog } from "@corral/log";
import { MemoryDisk } from "@corral/log/testing";
import { Writer } from "@corral/protocol";
import { Applier, readTxns, SnapshotCut, State, TxnKind, writeTxn } from "@corral/state-machine";
import { expect, test } from "vitest";
import { compareRecoveries } from "../src/check/recoveries.ts";

const limits = {
  segmentBytes: 16 * 1024,
  maxRecordBytes: 8 * 1024,
  reserveBytes: 0,
  softMarkFraction: 1,
  softMarkBytes: 0,
  snapshotsKept: 2,
};
/** Bytes of one entry, so that few of them fill a segment. */
const SECRET_BYTES = 2_000;

const worldOf = (disk: MemoryDisk) => ({
  disk: disk.mount(),
  lock: { acquire: async () => async () => {} },
  timers: { now: () => 0, after: () => () => {} },
  random: (length: number) => new Uint8Array(length).fill(7),
});

/** A log with so many entries, and a snapshot after some of them, as `changed` leaves the state that it is of. */
async function logOf(
  entries: number,
  snapshotsAfter: readonly number[],
  { snapshotsKept = limits.snapshotsKept, changed = (_state: State): void => {} } = {},
): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const log = new FileLog(worldOf(disk), { limits: { ...limits, snapshotsKept } });
  const state = new State();
  const applier = new Applier(state);
  await log.recover({ snapshot: () => Promise.reject(new Error("none")), batch: () => {} });
  let done = (): void => {};
  await log.open({
    committed: ({ firstZxid, timeMs, body, count }) => {
      for (const [i, txn] of readTxns(body, count).entries()) applier.apply(firstZxid + i, timeMs, txn);
      done();
    },
    failed: (error) => {
      throw error;
    },
    space: () => {},
  });
  for (let i = 1; i <= entries; i++) {
    const w = new Writer(4_096);
    const secretHash = new Uint8Array(SECRET_BYTES).fill(i);
    const origin = { daemon: 1, connection: i };
    writeTxn(w, { kind: TxnKind.open, origin, secretHash, timeoutMs: 1_000, identities: [], replaces: null });
    await new Promise<void>((resolve) => {
      done = resolve;
      log.propose({ level: 1, count: 1, timeMs: i, body: w.take() });
    });
    if (!snapshotsAfter.includes(i)) continue;
    changed(state);
    const writer = await log.createSnapshot(state.zxid);
    const cut = new SnapshotCut(state, Number.MAX_SAFE_INTEGER);
    for (let piece = cut.next(); piece !== undefined; piece = cut.next()) await writer.write(piece);
    await writer.finish();
  }
  await log.close();
  return disk;
}

const compare = (disk: MemoryDisk, damaged?: ReadonlySet<string>): Promise<string | undefined> =>
  compareRecoveries(disk, limits, undefined, () => {}, damaged);
const snapshots = (disk: MemoryDisk): string[] =>
  disk
    .names()
    .filter((name) => name.startsWith("snapshot-"))
    .sort();
const segments = (disk: MemoryDisk): string[] =>
  disk
    .names()
    .filter((name) => name.startsWith("log-"))
    .sort();

test("a directory with nothing in it", async () => {
  expect(await compare(new MemoryDisk())).toBeUndefined();
});

test("a log without a snapshot", async () => {
  expect(await compare(await logOf(5, []))).toBeUndefined();
});

test("two snapshots, and the log from the older one on", async () => {
  const disk = await logOf(40, [20, 30]);
  expect(snapshots(disk)).toHaveLength(2);
  expect(segments(disk)[0]).not.toBe("log-0000000000000001");
  expect(await compare(disk)).toBeUndefined();
});

test("a snapshot that is still being written", async () => {
  const disk = await logOf(40, [20, 30]);
  disk.put(`${snapshots(disk)[1]!.slice(0, -1)}9.tmp`, disk.contents(snapshots(disk)[1]!).subarray(0, 100));
  expect(await compare(disk)).toBeUndefined();
});

test("a snapshot beyond those that are kept, whose log is gone", async () => {
  const all = await logOf(40, [5, 20, 30], { snapshotsKept: 3 });
  const disk = await logOf(40, [5, 20, 30]);
  const [oldest] = snapshots(all);
  disk.put(oldest!, all.contents(oldest!));
  expect(snapshots(disk)).toHaveLength(3);
  expect(await compare(disk)).toBeUndefined();
});

test("a damaged snapshot of which it is known", async () => {
  const disk = await logOf(40, [20, 30]);
  disk.flip(snapshots(disk)[1]!, 200);
  expect(await compare(disk, new Set(snapshots(disk).slice(1)))).toBeUndefined();
});

test("a log that cannot be trusted at all is left to its start", async () => {
  const disk = await logOf(40, [20, 30]);
  disk.put(segments(disk).at(-2)!, undefined);
  expect(await compare(disk)).toBeUndefined();
});

test("illegal: a damaged snapshot that nobody has touched", async () => {
  const disk = await logOf(40, [20, 30]);
  disk.flip(snapshots(disk)[1]!, 200);
  expect(await compare(disk)).toContain(snapshots(disk)[1]);
});

test("illegal: half a snapshot under its final name", async () => {
  const disk = await logOf(40, [20, 30]);
  const [older] = snapshots(disk);
  disk.put(older!, disk.contents(older!).subarray(0, 300));
  expect(await compare(disk)).toContain(older);
});

test("illegal: an empty snapshot under its final name", async () => {
  const disk = await logOf(40, [20, 30]);
  disk.put(snapshots(disk)[0]!, new Uint8Array());
  expect(await compare(disk)).toContain(snapshots(disk)[0]);
});

test("illegal: the log after the older snapshot is gone, the newer one hides it", async () => {
  const disk = await logOf(40, [10, 38]);
  for (const name of segments(disk).slice(0, 2)) disk.put(name, undefined);
  expect(await compare(disk)).toContain(snapshots(disk)[0]);
});

test("illegal: a snapshot that bears another one's name", async () => {
  const disk = await logOf(40, [20, 30]);
  const [older, newer] = snapshots(disk);
  disk.put(older!, disk.contents(newer!));
  expect(await compare(disk)).toContain(older);
});

test("illegal: a snapshot of what never was", async () => {
  const other = await logOf(40, [20, 30], {
    changed: (state) => void state.sessions.open(1, new Uint8Array(4), 7, []),
  });
  const disk = await logOf(40, [20, 30]);
  const [older] = snapshots(disk);
  disk.put(older!, other.contents(older!));
  expect(await compare(disk)).toMatch(/digest/);
});
