/**
 * Where in a log each leader epoch begins, and so where it ends: what a follower needs to cut off what its new leader does not have.
 *
 * Entries ascend in epoch and in offset, both strictly. Values are never changed; each function gives another one.
 */
import { checkInteger, LEADER_EPOCH_MAX } from "../check.ts";

/** Epochs in one log. Old ones go with `dropBefore`, as the log loses its beginning. */
export const EPOCHS_MAX = 100_000;

export interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

export type Epochs = readonly EpochStart[];

export interface EpochEnd {
  /** The epoch asked for, or the last one before it that has records. */
  readonly epoch: number;
  /** The first offset that is not of it or earlier. */
  readonly endOffset: number;
}

/**
 * Records of `epoch` begin at `startOffset`. What contradicts it (later epochs, and epochs that begin there or after) is forgotten; an
 * epoch that is known keeps its start. RangeError above EPOCHS_MAX.
 */
export function withEpoch(epochs: Epochs, epoch: number, startOffset: number): Epochs {
  checkInteger(epoch, "epoch", 0, LEADER_EPOCH_MAX);
  checkInteger(startOffset, "startOffset", 0);
  const last = epochs.at(-1);
  if (last?.epoch === epoch && last.startOffset <= startOffset) return epochs;
  const kept = epochs.filter((entry) => entry.epoch < epoch && entry.startOffset < startOffset);
  if (kept.length >= EPOCHS_MAX)
    throw new RangeError(`a log has more than ${EPOCHS_MAX} epochs; its beginning must go`);
  return [...kept, { epoch, startOffset }];
}

/**
 * Where `epoch` ends in a log that ends at `logEnd`. Undefined if this log cannot know: it has no epochs, or only earlier ones. An
 * epoch from before the beginning of the log ends where the log begins.
 */
export function endOffsetFor(epochs: Epochs, epoch: number, logEnd: number): EpochEnd | undefined {
  checkInteger(epoch, "epoch", 0, LEADER_EPOCH_MAX);
  checkInteger(logEnd, "logEnd", 0);
  // The first entry of a later epoch.
  let low = 0;
  let high = epochs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((epochs[middle] as EpochStart).epoch > epoch) high = middle;
    else low = middle + 1;
  }
  const later = epochs[low];
  const own = epochs[low - 1];
  if (later === undefined) return own?.epoch === epoch ? { epoch, endOffset: logEnd } : undefined;
  return { epoch: own?.epoch ?? epoch, endOffset: later.startOffset };
}

/** The log was cut at its end: its first offset that is gone is `endOffset`. */
export function dropFrom(epochs: Epochs, endOffset: number): Epochs {
  checkInteger(endOffset, "endOffset", 0);
  return epochs.filter((entry) => entry.startOffset < endOffset);
}

/** The log lost its beginning: its first offset is `startOffset`. The epoch that this offset belongs to begins there now. */
export function dropBefore(epochs: Epochs, startOffset: number): Epochs {
  checkInteger(startOffset, "startOffset", 0);
  const kept = epochs.findIndex((entry) => entry.startOffset > startOffset);
  const first = kept === -1 ? epochs.length : kept;
  const cut = epochs[first - 1];
  if (cut === undefined) return epochs;
  return [{ epoch: cut.epoch, startOffset }, ...epochs.slice(first)];
}

export interface Truncation {
  /** Where the follower cuts its log. */
  readonly offset: number;
  /** False: cut, then ask the leader again, about the last epoch that is left. */
  readonly done: boolean;
}

/**
 * Where a follower cuts its log, by what its leader answered about the follower's last epoch. Undefined as the answer: the leader could not
 * know, so only what is committed is kept.
 */
export function truncationFor(
  epochs: Epochs,
  logEnd: number,
  highWatermark: number,
  answer: EpochEnd | undefined,
): Truncation {
  checkInteger(highWatermark, "highWatermark", 0);
  if (answer === undefined) return { offset: Math.min(highWatermark, logEnd), done: true };
  const own = endOffsetFor(epochs, answer.epoch, logEnd);
  if (own === undefined) return { offset: Math.min(answer.endOffset, logEnd), done: true };
  if (own.epoch !== answer.epoch) return { offset: Math.min(own.endOffset, logEnd), done: false };
  return { offset: Math.min(own.endOffset, answer.endOffset, logEnd), done: true };
}
