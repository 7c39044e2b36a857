/** Brokers that new partitions can go to. */
import { op, type Operation } from "@corral/client";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { BrokerView } from "../image/views.ts";
import type { PartitionState } from "../partition/state.ts";

/** Registered, and neither fenced nor draining. */
export interface ActiveBrokers {
  /** By id. */
  readonly brokers: readonly BrokerView[];
  readonly ids: ReadonlySet<number>;
}

export function activeBrokers(image: ClusterImage): ActiveBrokers {
  const brokers = [...image.brokers()].filter(({ status }) => status === "active").toSorted((a, b) => a.id - b.id);
  return { brokers, ids: new Set(brokers.map(({ id }) => id)) };
}

/**
 * That those whom these states call leader are registered still as the image has it: put before whatever writes the states. Without it, one that
 * bounced meanwhile would lead by what an earlier life of it was meant by.
 */
export function checkLeaders(image: ClusterImage, states: Iterable<PartitionState>): Operation<void>[] {
  const leaders = new Set<number>();
  for (const { leader } of states) if (leader !== null) leaders.add(leader);
  return [...leaders].flatMap((id) => {
    const broker = image.broker(id);
    return broker === undefined ? [] : [op.check(image.paths.broker(id), { czxid: broker.epoch })];
  });
}
