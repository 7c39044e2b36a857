/** Partitions as rows, and the flags that choose among them. */
import type { PartitionDescription } from "@corral/broker-agent";
import type { Flag } from "../flags.ts";
import { cell, list, type Row } from "./table.ts";

type Only = "underReplicated" | "underMinIsr" | "atMinIsr" | "unavailable";

export const ONLY_FLAGS: Readonly<Record<string, Flag>> = {
  "under-replicated": { type: "boolean", help: "only partitions that fewer replicas are in sync of than there are" },
  "under-min-isr": { type: "boolean", help: "only those with fewer in sync than min.insync.replicas" },
  "at-min-isr": { type: "boolean", help: "only those with just as many" },
  unavailable: { type: "boolean", help: "only those that nobody leads" },
};

const ONLY: Readonly<Record<string, Only>> = {
  "under-replicated": "underReplicated",
  "under-min-isr": "underMinIsr",
  "at-min-isr": "atMinIsr",
  unavailable: "unavailable",
};

/** Undefined: all. */
export function onlyFrom(flags: ReadonlyMap<string, readonly string[]>): Only[] | undefined {
  const chosen = Object.keys(ONLY).filter((flag) => flags.has(flag));
  return chosen.length === 0 ? undefined : chosen.map((flag) => ONLY[flag]!);
}

export const PARTITION_COLUMNS: readonly string[] = [
  "TOPIC",
  "PARTITION",
  "LEADER",
  "EPOCH",
  "REPLICAS",
  "ISR",
  "STATE",
];

export function partitionRow(one: PartitionDescription): Row {
  const { topic, partition, leader, leaderEpoch, replicas, isr } = one;
  return {
    key: `${topic}:${partition}`,
    object: one,
    cells: [
      topic,
      String(partition),
      cell(leader),
      String(leaderEpoch),
      list(replicas),
      list(isr),
      list(statesOf(one)),
    ],
  };
}

function statesOf(one: PartitionDescription): string[] {
  const { adding, removing } = one;
  return [
    ...(one.unavailable ? ["unavailable"] : []),
    ...(one.underMinIsr ? ["under-min-isr"] : []),
    ...(one.underReplicated ? ["under-replicated"] : []),
    ...(one.recovering ? ["recovering"] : []),
    ...(adding.length + removing.length > 0 ? [`moving +${list(adding)} -${list(removing)}`] : []),
  ];
}
