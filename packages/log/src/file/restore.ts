/**
 * Makes a new log out of an old one's files: the way back from a backup.
 *
 * Owns what makes tokens never repeat: a new cluster id, and an epoch far above every one that can have been given out
 * after the backup was taken. Only reads the source. The target is a log only after the last step.
 */

import { randomBytes } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import { type CommittedBatch, LogError } from "../log.ts";
import { MAX_EPOCH } from "./appender.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { createFilled } from "./fill.ts";
import { encodeFrame, FRAME_BYTES, frameExtent } from "./frame.ts";
import { defaultLimits } from "./limits.ts";
import { nodeDisk } from "./node-disk.ts";
import { encodeRecordHeader, LOG_START, type LogPosition, positionAfter, RECORD_HEADER_BYTES } from "./record.ts";
import { decide, type Trust } from "./recover.ts";
import { storedBatches } from "./replay.ts";
import { encodeSegmentHeader, saltOf, SECRET_BYTES, SEGMENT_HEADER_BYTES, segmentName } from "./segment.ts";
import {
  readSnapshotHeader,
  snapshotChunks,
  SnapshotEncoder,
  type SnapshotHeader,
  snapshotName,
  verifySnapshot,
} from "./snapshot-file.ts";
import { RESTORING_NAME, surveyDirectory } from "./survey.ts";

/** Epochs left free between the greatest known one and the restored log: starts that may have followed the backup. */
const RESTORE_EPOCH_STEP = 1000;

export interface RestoreOptions {
  /** A log's data directory, or one snapshot file. */
  readonly from: string;
  /** A directory that is missing or empty. */
  readonly to: string;
  /** Default 64 MiB. */
  readonly segmentBytes?: number | undefined;
}

export interface Restored {
  readonly clusterId: string;
  /** Zxid of the last entry of the restored history. */
  readonly lastZxid: number;
  /** The restored log's next start begins the epoch after this one. */
  readonly epoch: number;
}

/** Throws RangeError when `to` is not empty, LogError when `from` cannot be trusted. */
export async function restoreFileLog(options: RestoreOptions): Promise<Restored> {
  const { from, to, segmentBytes } = options;
  const isDirectory = (await fs.stat(from)).isDirectory();
  const source = nodeDisk(isDirectory ? from : path.dirname(from));
  return restore(
    source,
    isDirectory ? undefined : path.basename(from),
    nodeDisk(to),
    randomBytes,
    segmentBytes ?? defaultLimits.segmentBytes,
  );
}

/** `snapshotFile`: take this one alone; otherwise the newest sound one and everything after it. */
export async function restore(
  source: Disk,
  snapshotFile: string | undefined,
  target: Disk,
  random: (length: number) => Uint8Array,
  segmentBytes: number,
): Promise<Restored> {
  await target.createDirectory();
  if ((await target.list()).length > 0)
    throw new RangeError(`${target.place} is not empty: restore into a new directory`);
  const trust = snapshotFile === undefined ? await trusted(source) : undefined;
  const snapshot = await chooseSnapshot(source, snapshotFile, trust);
  const known = trust?.epoch ?? Math.floor((snapshot?.header.zxid ?? 0) / 2 ** 32);
  const epoch = known + RESTORE_EPOCH_STEP;
  if (epoch >= MAX_EPOCH) throw new RangeError(`epoch ${known} leaves no room for a restore`);
  const clusterId = Buffer.from(random(16)).toString("hex");
  await (await target.open(RESTORING_NAME, "create")).close();
  await target.syncDirectory();
  if (snapshot !== undefined) await copySnapshot(source, snapshot.name, target, { ...snapshot.header, clusterId });
  const batches =
    trust === undefined
      ? noBatches()
      : storedBatches(source, trust, snapshot?.header.zxid ?? 0, defaultLimits.readAheadBytes);
  const lastZxid = await writeSegments(
    target,
    { clusterId, secret: random(SECRET_BYTES), epoch, segmentBytes },
    snapshot?.header,
    batches,
  );
  await target.syncDirectory();
  await target.remove(RESTORING_NAME);
  await target.syncDirectory();
  return { clusterId, lastZxid, epoch };
}

async function trusted(source: Disk): Promise<Trust> {
  const verdict = decide(await surveyDirectory(source, await source.list()));
  if (verdict.kind === "empty") throw new LogError("FOREIGN", `there is no log in ${source.place}`);
  if (verdict.kind === "refuse") throw new LogError(verdict.code, `${source.place}: ${verdict.message}`);
  return verdict;
}

async function chooseSnapshot(
  source: Disk,
  file: string | undefined,
  trust: Trust | undefined,
): Promise<{ name: string; header: SnapshotHeader } | undefined> {
  const names = file === undefined ? (trust?.snapshots ?? []).map(({ name }) => name) : [file];
  let wrong = "";
  for (const name of names) {
    const header = await readSnapshotHeader(source, name);
    const reason = typeof header === "string" ? header : await verifySnapshot(source, name);
    if (reason === undefined && typeof header !== "string") return { name, header };
    wrong = `snapshot ${name}: ${reason}`;
  }
  if (file !== undefined || (trust !== undefined && trust.base.zxid !== 0))
    throw new LogError("DAMAGED", `${source.place}: no sound snapshot. ${wrong}`);
  return undefined;
}

async function copySnapshot(source: Disk, name: string, target: Disk, header: SnapshotHeader): Promise<void> {
  const file = await target.open(snapshotName(header.zxid), "create");
  try {
    const encoder = new SnapshotEncoder(file);
    await encoder.begin(header);
    for await (const chunk of snapshotChunks(source, name)) await encoder.write(chunk);
    await encoder.end();
    await file.sync();
  } finally {
    await file.close();
  }
}

async function* noBatches(): AsyncGenerator<readonly CommittedBatch[], void, undefined> {}

interface Target {
  readonly clusterId: string;
  readonly secret: Uint8Array;
  readonly epoch: number;
  readonly segmentBytes: number;
}

/** Records keep their zxids and stamps; seq and chain begin anew with the new cluster. Returns the last zxid. */
async function writeSegments(
  disk: Disk,
  target: Target,
  snapshot: SnapshotHeader | undefined,
  batches: AsyncIterable<readonly CommittedBatch[]>,
): Promise<number> {
  let position: LogPosition | undefined;
  let number = 0;
  let file: DiskFile | undefined;
  let size = 0;
  let offset = 0;
  const bare = (type: "mark" | "seal", at: LogPosition): Buffer => {
    const bytes = Buffer.alloc(FRAME_BYTES);
    encodeFrame(
      { type, length: 0, seq: at.seq, durableSeq: at.seq, epoch: target.epoch, clean: type === "mark" },
      saltOf(target.secret, number),
      bytes,
      0,
    );
    return bytes;
  };
  const nextSegment = async (base: LogPosition, atLeast: number): Promise<DiskFile> => {
    if (file !== undefined) {
      await file.write([bare("seal", base)], offset);
      await file.sync();
      await file.close();
    }
    number += 1;
    size = Math.max(target.segmentBytes, SEGMENT_HEADER_BYTES + atLeast + 2 * FRAME_BYTES);
    const head = encodeSegmentHeader({
      clusterId: target.clusterId,
      secret: target.secret,
      number,
      base,
      epoch: target.epoch,
    });
    const name = segmentName(number);
    await createFilled(disk, name, size, head);
    offset = SEGMENT_HEADER_BYTES;
    file = await disk.open(name, "write");
    return file;
  };
  const append = async (batch: CommittedBatch): Promise<void> => {
    const base = position ?? startBefore(snapshot, batch);
    const extent = frameExtent(RECORD_HEADER_BYTES + batch.body.length);
    // Room stays for a mark and a seal.
    const into =
      file === undefined || offset + extent + 2 * FRAME_BYTES > size ? await nextSegment(base, extent) : file;
    const bytes = Buffer.alloc(extent);
    const record = { ...batch, seq: base.seq + 1, chain: base.chain };
    encodeRecordHeader(record, bytes, FRAME_BYTES);
    bytes.set(batch.body, FRAME_BYTES + RECORD_HEADER_BYTES);
    const frame = {
      type: "batch" as const,
      length: RECORD_HEADER_BYTES + batch.body.length,
      seq: record.seq,
      durableSeq: base.seq,
      epoch: batch.epoch,
      clean: false,
    };
    encodeFrame(frame, saltOf(target.secret, number), bytes, 0);
    await into.write([bytes], offset);
    offset += extent;
    position = positionAfter(record, bytes.subarray(FRAME_BYTES, FRAME_BYTES + RECORD_HEADER_BYTES));
  };
  for await (const ready of batches) for (const batch of ready) await append(batch);
  const end = position ?? startBefore(snapshot, undefined);
  const last = file ?? (await nextSegment(end, 0));
  await last.write([bare("mark", end)], offset);
  await last.sync();
  await last.close();
  return end.zxid;
}

/** A snapshot may have been cut within a batch, which then follows it whole. */
function startBefore(snapshot: SnapshotHeader | undefined, first: CommittedBatch | undefined): LogPosition {
  if (snapshot === undefined) return LOG_START;
  const zxid = Math.min(snapshot.zxid, (first?.firstZxid ?? Number.POSITIVE_INFINITY) - 1);
  return { ...LOG_START, zxid, timeMs: Math.min(snapshot.timeMs, first?.timeMs ?? Number.POSITIVE_INFINITY) };
}
