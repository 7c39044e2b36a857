/**
 * What is proposed to the log, and what is known of a batch that came back.
 *
 * Owns the bodies: each can be told from every other, and from a damaged one, by its checksum. Knows no log.
 */
import { crc32 } from "node:zlib";
import type { Batch, CommittedBatch } from "@corral/log";

/** The stamp of proposal 0, milliseconds since 1970; each later one is a millisecond on, so that the stamp names it. */
const FIRST_MS = 1_700_000_000_000;

/** What was given to the log. */
export interface Proposal {
  readonly id: number;
  /** Of the body, bytes. */
  readonly size: number;
  readonly sum: number;
  readonly count: number;
  readonly level: number;
}

/** What came back. */
export interface Entry extends Proposal {
  readonly firstZxid: number;
}

export interface ProposalOptions {
  readonly count?: number;
  readonly level?: number;
}

export function makeBatch(
  id: number,
  size: number,
  options: ProposalOptions = {},
): { proposal: Proposal; batch: Batch } {
  const { count = 1, level = 1 } = options;
  const body = bodyOf(id, size);
  return {
    proposal: { id, size, sum: crc32(body), count, level },
    batch: { level, timeMs: FIRST_MS + id, count, body },
  };
}

export function entryOf({ firstZxid, timeMs, body, count, level }: CommittedBatch): Entry {
  return { id: timeMs - FIRST_MS, size: body.length, sum: crc32(body), count, level, firstZxid };
}

/** Every fourth is all zeros, as blank space is; every fourth one byte again and again; the others look random. */
function bodyOf(id: number, size: number): Uint8Array {
  const body = new Uint8Array(size);
  if (id % 4 === 3) return body;
  if (id % 4 === 2) return body.fill(id);
  let state = id;
  for (let index = 0; index < size; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    body[index] = state >>> 24;
  }
  return body;
}

export function sameProposal(a: Proposal, b: Proposal): boolean {
  return a.id === b.id && a.size === b.size && a.sum === b.sum && a.count === b.count && a.level === b.level;
}

export function lastZxid(entries: readonly Entry[]): number {
  const last = entries.at(-1);
  return last === undefined ? 0 : last.firstZxid + last.count - 1;
}

export function told({ id, size, firstZxid }: Entry): string {
  return `#${id} (${size} bytes, zxid ${firstZxid})`;
}
