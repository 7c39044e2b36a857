/** What the operations on single partitions share: reading which ones, and refusing each for itself. */
import type { PartitionChange, Term } from "../../controller/duty.ts";
import type { PartitionView } from "../../image/views.ts";
import { partitionKey } from "../../layout.ts";
import type { PartitionState } from "../../partition/state.ts";
import { integerAt, listAt, PARTITIONS_PER_REQUEST, recordAt, textAt } from "../arguments.ts";
import type { Decision } from "../operation.ts";
import { Refused } from "../refusal.ts";
import { itemOf, liveTopic } from "./topic-items.ts";

export interface PartitionItem {
  readonly topic: string;
  readonly partition: number;
}

/** `change`: what becomes of a partition; undefined: it is as it is asked to be. Throws `Refused`. */
export function decideEach<I extends PartitionItem>(
  { image }: Term,
  items: readonly I[],
  change: (view: PartitionView, item: I) => PartitionState | undefined,
): Decision {
  const changes: PartitionChange[] = [];
  const seen = new Set<string>();
  const results = items.map((item) => {
    const { topic: name, partition } = item;
    return itemOf({ topic: name, partition }, () => {
      const topic = liveTopic(image, name);
      const before = partition < topic.partitions ? image.partition(topic.id, partition) : undefined;
      if (before === undefined) {
        throw new Refused("UNKNOWN_TOPIC_OR_PARTITION", `topic '${name}' has no partition ${partition}`);
      }
      const key = partitionKey(before);
      if (seen.has(key)) throw new Refused("INVALID_REQUEST", `partition ${partition} of '${name}' is asked for twice`);
      seen.add(key);
      const state = change(before, item);
      if (state !== undefined) changes.push({ before, state });
      return {};
    });
  });
  return { partitions: changes, result: { partitions: results } };
}

export function partitionsAt<I extends PartitionItem>(
  args: unknown,
  read: (item: PartitionItem, fields: Readonly<Record<string, unknown>>, what: string) => I,
): I[] {
  const list = listAt(recordAt(args, "args")["partitions"], "partitions", PARTITIONS_PER_REQUEST);
  return list.map((value, at) => {
    const what = `partitions[${at}]`;
    const fields = recordAt(value, what);
    const topic = textAt(fields["topic"], `${what}.topic`);
    const partition = integerAt(fields["partition"], `${what}.partition`);
    return read({ topic, partition }, fields, what);
  });
}
