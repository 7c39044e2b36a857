/**
 * Hands the stored log to its owner: the newest snapshot that is sound and accepted, then every batch after it.
 *
 * Owns the way back to an older snapshot. Reads only what recover.ts trusts, and checks it again while reading.
 */

import { LogError, type CommittedBatch, type Recovered, type RecoveryListener } from "../log.ts";
import type { Disk } from "./disk.ts";
import { decodeRecord, follows, LOG_START, positionAfter, RECORD_HEADER_BYTES } from "./record.ts";
import type { Trust } from "./recover.ts";
import { FileWindow, saltOf, walkFrames } from "./segment.ts";
import { readSnapshotHeader } from "./snapshot-file.ts";
import type { SegmentSurvey } from "./survey.ts";
import type { LogWarning } from "./warning.ts";

/** What is asked of the snapshots here; see SnapshotStore. */
interface StoredSnapshots {
  read(name: string): AsyncIterable<Uint8Array>;
  isVerified(name: string): boolean;
  verify(name: string): Promise<string | undefined>;
}

/** Which snapshot to begin with. `oldest` and `none` are for inspection: the same state must come out. */
export type SnapshotChoice = "newest" | "oldest" | "none";

export async function replay(
  disk: Disk,
  trust: Trust,
  choice: SnapshotChoice,
  listener: RecoveryListener,
  snapshots: StoredSnapshots,
  warn: (warning: LogWarning) => void,
  readAheadBytes: number,
): Promise<Recovered> {
  const snapshotZxid = await offerSnapshots(disk, trust, choice, listener, snapshots, warn);
  if (snapshotZxid === undefined && trust.base.zxid !== 0) {
    const names = trust.snapshots.map(({ name }) => name).join(", ");
    const why = choice === "none" ? "was wanted" : `can be used (tried: ${names === "" ? "there is none" : names})`;
    const first = trust.replay[0]?.name ?? trust.active.name;
    throw new LogError(
      "DAMAGED",
      `no stored snapshot ${why}, and the log in ${disk.place} starts only after zxid ${trust.base.zxid}, with ${first}`,
    );
  }
  let batches = 0;
  for await (const ready of storedBatches(disk, trust, snapshotZxid ?? 0, readAheadBytes)) {
    batches += ready.length;
    for (const batch of ready) {
      // A log of small records has half a million of them: only a listener that asks for it is waited for.
      const taken = listener.batch(batch);
      if (taken !== undefined) await taken;
    }
  }
  return { lastZxid: trust.position.zxid, lastTimeMs: trust.position.timeMs, batches, snapshotZxid };
}

async function offerSnapshots(
  disk: Disk,
  trust: Trust,
  choice: SnapshotChoice,
  listener: RecoveryListener,
  snapshots: StoredSnapshots,
  warn: (warning: LogWarning) => void,
): Promise<number | undefined> {
  if (choice === "none") return undefined;
  const candidates = choice === "newest" ? trust.snapshots : trust.snapshots.toReversed();
  for (const { name, zxid } of candidates) {
    const header = await readSnapshotHeader(disk, name);
    let reason = typeof header === "string" ? header : undefined;
    if (reason === undefined) {
      try {
        await listener.snapshot({ zxid, chunks: snapshots.read(name) });
        // Who took it has read, and so checked, all of it; if not, the rest is checked now.
        if (!snapshots.isVerified(name)) reason = await snapshots.verify(name);
      } catch (error) {
        reason = `rejected: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
    if (reason === undefined) return zxid;
    warn({ kind: "snapshot-skipped", file: name, reason });
  }
  return undefined;
}

/** Every trusted batch that holds an entry after `afterZxid`, several at a time. Their bodies live until the next are asked for. */
export async function* storedBatches(
  disk: Disk,
  trust: Trust,
  afterZxid: number,
  readAheadBytes: number,
): AsyncGenerator<readonly CommittedBatch[], void, undefined> {
  for (const segment of trust.replay) {
    // Nothing of it is wanted when all of it stands at or before `afterZxid`.
    if (segment.position.zxid <= afterZxid) continue;
    yield* segmentBatches(disk, trust, segment, afterZxid, readAheadBytes);
  }
}

async function* segmentBatches(
  disk: Disk,
  trust: Trust,
  { name, number, endOffset, header }: SegmentSurvey,
  afterZxid: number,
  readAheadBytes: number,
): AsyncGenerator<readonly CommittedBatch[], void, undefined> {
  // The repair that came in between may have been written to another place: sound records, in a wrong one.
  let position = header.state === "good" ? header.header.base : LOG_START;
  const file = await disk.open(name, "read");
  try {
    const window = new FileWindow(file, await file.size());
    let bodies = Buffer.allocUnsafe(readAheadBytes);
    let from: number | undefined;
    for (;;) {
      const ready: CommittedBatch[] = [];
      let filled = 0;
      let resumeAt: number | undefined;
      const walk = await walkFrames(
        window,
        saltOf(trust.secret, number),
        (frame, record, offset) => {
          if (offset >= endOffset || (ready.length > 0 && filled + record.length > bodies.length)) {
            resumeAt = offset;
            return "enough";
          }
          if (record.length > bodies.length) bodies = Buffer.allocUnsafe(record.length);
          if (frame.type !== "batch") return undefined;
          const decoded = decodeRecord(record);
          const wrong = typeof decoded === "string" ? decoded : follows(decoded, position);
          if (typeof decoded === "string" || wrong !== undefined) return wrong;
          position = positionAfter(decoded, record.subarray(0, RECORD_HEADER_BYTES));
          const { level, epoch, seq, firstZxid, count, timeMs } = decoded;
          if (firstZxid + count - 1 <= afterZxid) return undefined;
          const body = bodies.subarray(filled, filled + decoded.body.length);
          body.set(decoded.body);
          filled += body.length;
          ready.push({ level, epoch, seq, firstZxid, count, timeMs, body, own: undefined });
          return undefined;
        },
        from,
      );
      if (ready.length > 0) yield ready;
      if (resumeAt === undefined || resumeAt >= endOffset) {
        if (walk.offset < endOffset)
          throw new LogError(
            "DAMAGED",
            `file ${name} changed while it was read: offset ${walk.offset}: ${walk.reason}`,
          );
        return;
      }
      from = resumeAt;
    }
  } finally {
    await file.close();
  }
}
