/** Where to begin with a partition: what was committed, what the sink says, or the reset policy. */
import { CorralError } from "@corral/client";
import type { Reset } from "../consumer.ts";
import { OffsetOutOfRange, type Source, type TopicPartition } from "../source.ts";

/** Rejects with `BAD_ARGUMENTS` for the policy `none`, and where the source knows no times. */
export async function resetPosition(
  source: Source<unknown>,
  partition: TopicPartition,
  reset: Reset,
  signal: AbortSignal,
): Promise<number> {
  if (reset === "none")
    throw refused(
      partition,
      "there is no offset to begin with, and the reset policy is none: seek, or reset the group's offsets",
    );
  if (typeof reset === "object") {
    if (source.offsetAt !== undefined) return source.offsetAt(partition, reset.atMs, signal);
    throw refused(partition, "the source cannot tell an offset by its time");
  }
  const bounds = await source.bounds(partition, signal);
  return bounds[reset];
}

/** By its name, too: there may be several copies of this package. */
export function isOutOfRange(error: unknown): boolean {
  return error instanceof OffsetOutOfRange || (error instanceof Error && error.name === "OffsetOutOfRange");
}

function refused({ topic, partition }: TopicPartition, means: string): CorralError {
  const detail = { name: "reset" };
  return new CorralError("BAD_ARGUMENTS", { op: `consume ${topic}/${partition}`, detail, outcome: "no", means });
}
