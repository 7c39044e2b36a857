/** What the tree does not have, said as the controller would say it. */
import type { AdminError, RefusalCode } from "@corral/broker-agent";
import { didYouMean } from "../nearest.ts";

export async function refused(code: RefusalCode, op: string, why: string): Promise<AdminError> {
  const { AdminError } = await import("@corral/broker-agent");
  return new AdminError(code, op, why);
}

/** Throws for the first of these that is none of the topics that there are. */
export async function checkTopics(op: string, names: Iterable<string>, known: readonly string[]): Promise<void> {
  for (const name of names) {
    if (known.includes(name)) continue;
    throw await refused("UNKNOWN_TOPIC_OR_PARTITION", op, `there is no topic ${name}${didYouMean(name, known)}`);
  }
}
