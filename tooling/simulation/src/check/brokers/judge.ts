/** All that must be true of a cluster, in one walk through what the log did to it. */
import type { Violation } from "../../history.ts";
import { ClusterLaw } from "./cluster-law.ts";
import { ImageCheck } from "./image.ts";
import type { Note } from "./notes.ts";
import { ReplicationCheck } from "./replication.ts";
import type { Transaction } from "./transactions.ts";

/** More of the same says no more. */
const VIOLATIONS_MAX = 20;

export function judgeBrokers(
  transactions: readonly Transaction[],
  notes: readonly Note[],
  sometimes: (mark: string) => void = () => {},
): Violation[] {
  const law = new ClusterLaw(sometimes);
  const images = new ImageCheck(notes);
  for (const [i, transaction] of transactions.entries()) {
    law.apply(transaction);
    images.look(law.kept, transactions[i + 1]?.zxid ?? Number.POSITIVE_INFINITY);
  }
  const replication = new ReplicationCheck(law, sometimes);
  for (const note of notes) replication.look(note);
  return [...law.violations, ...replication.violations, ...images.violations].slice(0, VIOLATIONS_MAX);
}
