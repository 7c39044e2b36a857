/**
 * Reads what is in a data directory and reports it, without a judgement and without a change.
 *
 * Owns the walk over all segments and the headers of all snapshots. What to make of it: recover.ts.
 */

import type { Disk } from "./disk.ts";
import { decodeRecord, follows, type LogPosition, positionAfter, RECORD_HEADER_BYTES } from "./record.ts";
import {
  decodeSegmentHeader,
  FileWindow,
  type HeaderState,
  saltOf,
  scanBeyond,
  SEGMENT_HEADER_BYTES,
  segmentNumber,
  type SegmentHeader,
  type WalkEnd,
  walkFrames,
} from "./segment.ts";
import { readSnapshotHeader, type SnapshotHeader, snapshotZxid } from "./snapshot-file.ts";

export interface SegmentSurvey {
  readonly name: string;
  /** From the name. */
  readonly number: number;
  readonly size: number;
  readonly header: HeaderState;
  /** Where the log stands after the last good record here. Meaningless without a good header. */
  readonly position: LogPosition;
  /** Why the walk ended, where, and what is wrong there. `bad` also when zeros are followed by something. */
  readonly end: WalkEnd;
  readonly endOffset: number;
  readonly reason: string;
  /** Offset of the first record that no later frame says is durable, or of the last frame: what to write again. 0 when the header is among it. */
  readonly unprovenFrom: number;
  /** Offset behind the last byte that is not zero; at least `endOffset`. */
  readonly dirtyTo: number;
  /** Greatest durableSeq and epoch in any frame of the file. */
  readonly durableSeq: number;
  readonly epoch: number;
}

export interface SnapshotSurvey {
  readonly name: string;
  readonly zxid: number;
  /** A string says why the header cannot be trusted. */
  readonly header: SnapshotHeader | string;
}

/** Stands in a directory from the first to the last step of a restore: until it is gone, nothing there is a log. */
export const RESTORING_NAME = "restoring";

export interface Survey {
  /** A restore into this directory was cut short, or is under way. */
  readonly restoring: boolean;
  /** Ascending by number. */
  readonly segments: readonly SegmentSurvey[];
  /** Newest first. */
  readonly snapshots: readonly SnapshotSurvey[];
}

export async function surveyDirectory(disk: Disk, names: readonly string[]): Promise<Survey> {
  const numbered = names.flatMap((name) => {
    const number = segmentNumber(name);
    return number === undefined ? [] : [{ name, number }];
  });
  numbered.sort((a, b) => a.number - b.number);
  const segments: SegmentSurvey[] = [];
  let secret: Uint8Array | undefined;
  for (const { name, number } of numbered) {
    const survey = await surveySegment(disk, name, number, secret);
    if (survey.header.state === "good") secret = survey.header.header.secret;
    segments.push(survey);
  }
  const snapshots: SnapshotSurvey[] = [];
  for (const name of names) {
    const zxid = snapshotZxid(name);
    if (zxid !== undefined) snapshots.push({ name, zxid, header: await readSnapshotHeader(disk, name) });
  }
  snapshots.sort((a, b) => b.zxid - a.zxid);
  return { restoring: names.includes(RESTORING_NAME), segments, snapshots };
}

async function surveySegment(
  disk: Disk,
  name: string,
  number: number,
  secret: Uint8Array | undefined,
): Promise<SegmentSurvey> {
  const file = await disk.open(name, "read");
  try {
    const window = new FileWindow(file, await file.size());
    const header = decodeSegmentHeader(Buffer.from(await window.bytes(0, SEGMENT_HEADER_BYTES)));
    if (header.state === "good") return await surveyFrames(window, name, number, header.header);
    const beyond = await scanBeyond(window, secret === undefined ? undefined : saltOf(secret, number), 0);
    return {
      name,
      number,
      size: window.size,
      header,
      position: { seq: 0, zxid: 0, timeMs: 0, chain: new Uint8Array() },
      end: window.size < SEGMENT_HEADER_BYTES ? "short" : beyond.dirtyTo === 0 ? "blank" : "bad",
      endOffset: 0,
      reason: window.size < SEGMENT_HEADER_BYTES ? "the file ends within its header" : "the segment header is damaged",
      unprovenFrom: 0,
      dirtyTo: beyond.dirtyTo,
      durableSeq: beyond.durableSeq,
      epoch: beyond.epoch,
    };
  } finally {
    await file.close();
  }
}

async function surveyFrames(
  window: FileWindow,
  name: string,
  number: number,
  header: SegmentHeader,
): Promise<SegmentSurvey> {
  const salt = saltOf(header.secret, header.number);
  let position = header.base;
  let { epoch } = header;
  let durableSeq = 0;
  let lastFrameAt = SEGMENT_HEADER_BYTES;
  /** Records not yet said to be durable, oldest first: never more than stood in one write, and the one before. */
  const unproven: { seq: number; offset: number }[] = [];
  const walk = await walkFrames(window, salt, (frame, bytes, offset) => {
    if (frame.type === "batch") {
      const record = decodeRecord(bytes);
      if (typeof record === "string") return record;
      const wrong =
        frame.seq === record.seq && frame.epoch === record.epoch
          ? follows(record, position)
          : "frame and record disagree";
      if (wrong !== undefined) return wrong;
      position = positionAfter(record, bytes.subarray(0, RECORD_HEADER_BYTES));
      unproven.push({ seq: record.seq, offset });
    } else if (frame.seq !== position.seq) {
      return `a ${frame.type} of record ${frame.seq} stands after record ${position.seq}`;
    }
    epoch = Math.max(epoch, frame.epoch);
    durableSeq = Math.max(durableSeq, frame.durableSeq);
    while (unproven.length > 0 && unproven[0]!.seq <= durableSeq) unproven.shift();
    lastFrameAt = offset;
    return undefined;
  });
  // Behind a seal nothing was ever written; everywhere else zeros are the end only if nothing but zeros follows.
  const beyond =
    walk.end !== "sealed"
      ? await scanBeyond(window, salt, walk.offset)
      : { dirtyTo: walk.offset, durableSeq: 0, epoch: 0 };
  const unprovenFrom = unproven[0]?.offset ?? lastFrameAt;
  const hidden = walk.end === "blank" && beyond.dirtyTo > walk.offset;
  return {
    name,
    number,
    size: window.size,
    header: { state: "good", header },
    position,
    end: hidden ? "bad" : walk.end,
    endOffset: walk.offset,
    reason: hidden ? "zeros, with something behind them" : walk.reason,
    // The header went out with the first frame.
    unprovenFrom: unprovenFrom === SEGMENT_HEADER_BYTES ? 0 : unprovenFrom,
    dirtyTo: beyond.dirtyTo,
    durableSeq: Math.max(durableSeq, beyond.durableSeq),
    epoch: Math.max(epoch, beyond.epoch),
  };
}
