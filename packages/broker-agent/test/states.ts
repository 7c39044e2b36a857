/** Partitions for properties: any that hold the invariants. */
import fc from "fast-check";
import type { PartitionState } from "../src/index.ts";

export const BROKERS = 8;

export const brokerSet: fc.Arbitrary<Set<number>> = fc
  .uniqueArray(fc.nat({ max: BROKERS - 1 }), { maxLength: BROKERS })
  .map((ids) => new Set(ids));

/** As it is when nobody reassigns it. */
export const quiet: fc.Arbitrary<PartitionState> = fc
  .uniqueArray(fc.nat({ max: BROKERS - 1 }), { minLength: 1, maxLength: 5 })
  .chain((replicas) =>
    fc.record({
      replicas: fc.constant(replicas),
      isr: fc.shuffledSubarray(replicas, { minLength: 1 }),
      led: fc.boolean(),
      leaderEpoch: fc.nat({ max: 1_000 }),
      recovering: fc.boolean(),
    }),
  )
  .map(({ led, isr, recovering, ...rest }) => ({
    ...rest,
    adding: [],
    removing: [],
    isr: recovering ? isr.slice(0, 1) : isr,
    leader: led ? (isr[0] ?? null) : null,
    recovering,
  }));

export function partition(change: Partial<PartitionState> = {}): PartitionState {
  const replicas = change.replicas ?? [1, 2, 3];
  return {
    replicas,
    adding: [],
    removing: [],
    leader: replicas[0] ?? null,
    leaderEpoch: 5,
    isr: replicas,
    recovering: false,
    ...change,
  };
}

export function set(...ids: number[]): Set<number> {
  return new Set(ids);
}
