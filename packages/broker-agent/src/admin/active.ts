/** Brokers that new partitions can go to. */
import type { ClusterImage } from "../image/cluster-image.ts";
import type { BrokerView } from "../image/views.ts";

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
