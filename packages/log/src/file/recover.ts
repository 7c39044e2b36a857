/**
 * What to trust after a crash: a pure decision over what was found.
 *
 * Owns the difference between a torn tail (never acknowledged: cut it off) and damage (acknowledged: refuse to start).
 * The evidence is D, the greatest seq that anything in the directory says was durable: a frame, also one behind the bad
 * place, the mark of a clean stop, or a snapshot. Reads and writes nothing.
 */

import type { LogErrorCode } from "../log.ts";
import { LOG_START, type LogPosition } from "./record.ts";
import { segmentName, type SegmentHeader } from "./segment.ts";
import type { SegmentSurvey, SnapshotSurvey, Survey } from "./survey.ts";

export interface Trust {
  readonly kind: "trust";
  readonly clusterId: string;
  readonly secret: Uint8Array;
  /** Where the log ends. */
  readonly position: LogPosition;
  /** Greatest epoch seen anywhere, torn bytes included, so that no zxid is ever given twice. */
  readonly epoch: number;
  readonly durableSeq: number;
  /** Segments to replay, ascending, an unbroken chain up to `position`. */
  readonly replay: readonly SegmentSurvey[];
  /** Where the log stands before the first of them. */
  readonly base: LogPosition;
  /** Snapshots that join that chain, newest first. */
  readonly snapshots: readonly SnapshotSurvey[];
  /** Segment that takes the next record; `header` undefined when it is still blank. */
  readonly active: {
    readonly name: string;
    readonly number: number;
    readonly size: number;
    readonly offset: number;
    readonly header: SegmentHeader | undefined;
  };
  /** A blank segment that waits behind the active one. */
  readonly spare: SegmentSurvey | undefined;
  /** Ranges that hold what was never acknowledged: copy aside, overwrite with zeros. */
  readonly cut: readonly { readonly segment: SegmentSurvey; readonly from: number; readonly to: number }[];
  /** The page cache may show what the disk never got, the mark of a clean stop itself included: write this range again. */
  readonly rewrite: { readonly name: string; readonly from: number; readonly to: number };
  /** Older segments that no snapshot joins any more, and why. */
  readonly unusable: string | undefined;
}

export type Verdict =
  | { readonly kind: "empty" }
  | Trust
  | { readonly kind: "refuse"; readonly code: LogErrorCode; readonly message: string };

const choices =
  "Choices: restore the newest backup into an empty directory; or bring the missing or undamaged file back from a copy; " +
  "or move this directory aside and start empty, which loses everything in it.";

function damaged(file: string, offset: number, seq: number, why: string): Verdict {
  return {
    kind: "refuse",
    code: "DAMAGED",
    message: `acknowledged data is damaged: file ${file}, offset ${offset}, record ${seq}: ${why}. Nothing was changed. ${choices}`,
  };
}

export function decide(survey: Survey): Verdict {
  const { segments, snapshots } = survey;
  if (survey.restoring)
    return {
      kind: "refuse",
      code: "DAMAGED",
      message: "a restore into this directory was cut short: empty it and restore again",
    };
  if (segments.length === 0 && snapshots.length === 0) return { kind: "empty" };
  const newer = segments.find((segment) => segment.header.state === "newer");
  if (newer?.header.state === "newer") {
    return {
      kind: "refuse",
      code: "FOREIGN",
      message: `file ${newer.name} has format version ${newer.header.version}, which this release cannot read: use the newer release`,
    };
  }
  const lastIndex = segments.findLastIndex((segment) => segment.header.state === "good");
  const last = segments[lastIndex];
  if (last === undefined || last.header.state !== "good") {
    const file = segments[0]?.name ?? segmentName(1);
    return damaged(
      file,
      0,
      0,
      segments.length === 0 ? "snapshots, but no log segment" : "no segment has a sound header",
    );
  }
  const { header } = last.header;
  const tail = segments.slice(lastIndex + 1);

  for (const segment of segments) {
    if (segment.header.state !== "good") continue;
    const found = segment.header.header;
    if (found.clusterId !== header.clusterId)
      return damaged(
        segment.name,
        0,
        found.base.seq + 1,
        `it belongs to cluster ${found.clusterId}, ${last.name} to ${header.clusterId}`,
      );
    if (found.number !== segment.number)
      return damaged(segment.name, 0, found.base.seq + 1, `it is a copy of ${segmentName(found.number)}`);
  }
  const sound = snapshots.filter((snapshot) => typeof snapshot.header !== "string");
  const stranger = sound.find(
    (snapshot) => typeof snapshot.header !== "string" && snapshot.header.clusterId !== header.clusterId,
  );
  if (stranger !== undefined) return damaged(stranger.name, 0, 0, `it does not belong to the cluster of ${last.name}`);

  const end = last.position;
  const durableSeq = Math.max(0, ...segments.map((segment) => segment.durableSeq));
  const firstBad = last.end === "bad" ? last : (tail.find((segment) => segment.dirtyTo > 0) ?? last);
  const badOffset = firstBad === last ? last.endOffset : 0;
  if (durableSeq > end.seq)
    return damaged(
      firstBad.name,
      badOffset,
      end.seq + 1,
      firstBad.reason || `the log ends here, but record ${durableSeq} was durable`,
    );
  if (sound[0] !== undefined && sound[0].zxid > end.zxid) {
    return damaged(
      firstBad.name,
      badOffset,
      end.seq + 1,
      `the log ends at zxid ${end.zxid}, but snapshot ${sound[0].name} holds zxid ${sound[0].zxid}`,
    );
  }
  // A crash makes no segment shorter: its size was durable before its name.
  const short = [last, ...tail].find((segment) => segment.end === "short");
  if (short !== undefined) return damaged(short.name, short.endOffset, end.seq + 1, short.reason);
  for (const [index, segment] of tail.entries()) {
    if (segment.number !== last.number + 1 + index)
      return damaged(segmentName(last.number + 1 + index), 0, end.seq + 1, "the segment is missing");
  }
  // A seal is written only once the next segment's name is durable.
  if (last.end === "sealed" && tail.length === 0)
    return damaged(segmentName(last.number + 1), 0, end.seq + 1, "the segment is missing");
  // The next segment is begun only once the seal before it is durable, and one at a time.
  const tooEarly = tail.find((segment, index) => segment.dirtyTo > 0 && (last.end !== "sealed" || index > 0));
  if (tooEarly !== undefined) {
    return damaged(
      last.reason === "" ? tooEarly.name : last.name,
      last.reason === "" ? 0 : last.endOffset,
      end.seq + 1,
      last.reason || `something stands there, but the log stops in ${last.name} at offset ${last.endOffset}`,
    );
  }

  const chain = unbrokenChain(segments, lastIndex);
  const base = chain.base;
  const usable = sound.filter((snapshot) => snapshot.zxid >= base.zxid);
  if (usable.length === 0 && (base.seq !== LOG_START.seq || base.zxid !== LOG_START.zxid)) {
    const at = chain.first;
    return damaged(
      chain.broken?.name ?? at.name,
      chain.broken?.endOffset ?? 0,
      chain.broken === undefined ? base.seq : chain.broken.position.seq + 1,
      chain.why ?? `the log starts at record ${base.seq + 1} and no sound snapshot reaches it`,
    );
  }

  const cut = [
    ...(last.end === "bad" ? [{ segment: last, from: last.endOffset, to: last.dirtyTo }] : []),
    ...tail.filter((segment) => segment.dirtyTo > 0).map((segment) => ({ segment, from: 0, to: segment.dirtyTo })),
  ];
  const next = last.end === "sealed" ? tail[0] : undefined;
  const active =
    next === undefined
      ? { name: last.name, number: last.number, size: last.size, offset: last.endOffset, header }
      : { name: next.name, number: next.number, size: next.size, offset: 0, header: undefined };
  return {
    kind: "trust",
    clusterId: header.clusterId,
    secret: header.secret,
    position: end,
    epoch: Math.max(
      ...segments.map((segment) => segment.epoch),
      ...sound.map((snapshot) => Math.floor(snapshot.zxid / 2 ** 32)),
    ),
    durableSeq,
    replay: segments.slice(chain.firstIndex, lastIndex + 1),
    base,
    snapshots: usable,
    active,
    spare: next === undefined ? tail[0] : tail[1],
    cut,
    rewrite: { name: last.name, from: last.unprovenFrom, to: last.endOffset },
    unusable: chain.why,
  };
}

/** From the last segment backwards as far as each begins exactly where the one before ends. */
function unbrokenChain(
  segments: readonly SegmentSurvey[],
  lastIndex: number,
): {
  first: SegmentSurvey;
  firstIndex: number;
  base: LogPosition;
  broken: SegmentSurvey | undefined;
  why: string | undefined;
} {
  let firstIndex = lastIndex;
  for (;;) {
    const first = segments[firstIndex]!;
    const base = first.header.state === "good" ? first.header.header.base : LOG_START;
    const before = segments[firstIndex - 1];
    if (before === undefined) return { first, firstIndex, base, broken: undefined, why: undefined };
    const why = doesNotJoin(before, first, base);
    if (why !== undefined) return { first, firstIndex, base, broken: before, why };
    firstIndex -= 1;
  }
}

function doesNotJoin(before: SegmentSurvey, next: SegmentSurvey, base: LogPosition): string | undefined {
  if (before.number !== next.number - 1) return `segment ${segmentName(next.number - 1)} is missing`;
  if (before.header.state !== "good") return before.reason;
  const { position } = before;
  if (position.seq === base.seq && position.zxid === base.zxid && Buffer.compare(position.chain, base.chain) === 0)
    return undefined;
  return before.end === "bad"
    ? before.reason
    : `it ends at record ${position.seq}, the next segment begins after record ${base.seq}`;
}
