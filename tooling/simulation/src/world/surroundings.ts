/** What the figures of a plan become: the time things take, the limits of the log, timers that are counted, lines to be read. */
import type { FileLogLimits } from "@corral/log";
import type { Draw, Frame, Process } from "@corral/testing/world";
import { MAX_RECORD_BYTES, type Plan } from "./plan.ts";

/** Data and all, so far as it fits on a line that can be read. */
export function describeFrame(frame: Frame): string {
  const content =
    frame.kind === "requests"
      ? frame.messages
      : frame.kind === "messages"
        ? [frame.welcome, ...frame.messages].filter((item) => item !== undefined)
        : frame.kind === "hello"
          ? frame.hello
          : "malformed";
  return JSON.stringify(content, (_key, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("latin1").slice(0, 12) : value,
  ).slice(0, LINE_MAX);
}
const LINE_MAX = 4_000;

/** Mostly about the base; now and then up to the spike. */
export function drawMs({ baseMs, spikeMs, spikes }: Plan["latency"], draw: Draw): () => number {
  return () => (draw() < spikes ? draw() * spikeMs : baseMs * (0.5 + draw()));
}

export const fileLimits = ({ fileLog, snapshotsKept }: Plan): Partial<FileLogLimits> => ({
  ...fileLog,
  maxRecordBytes: MAX_RECORD_BYTES,
  reserveBytes: fileLog.segmentBytes,
  // So little that a recovery uses its memory again and again.
  readAheadBytes: fileLog.segmentBytes / 16,
  snapshotsKept,
  softMarkFraction: 1,
  softMarkBytes: 30_000,
});

/** Of its owner, so that none is left in the end. */
export function countedTimer(owner: { timers: number }, process: Process, call: () => void, ms: number): () => void {
  let isPending = true;
  const over = (): void => {
    if (isPending) owner.timers--;
    isPending = false;
  };
  owner.timers++;
  const cancel = process.after(ms, "timer", () => {
    over();
    call();
  });
  return () => {
    over();
    cancel();
  };
}
