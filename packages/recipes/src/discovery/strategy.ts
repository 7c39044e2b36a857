/** Which instance is next. Curator's RoundRobinStrategy, RandomStrategy, StickyStrategy. */
import { CorralError, type Random } from "@corral/client";
import type { Instance } from "./instance.ts";

/**
 * `round-robin`: each in its turn, in the order of their ids, also while some come and go; each consumer begins somewhere. `random`: each
 * time any. `sticky`: the same one until it is gone or down. A function: the index of one of those given, at least one, by id.
 */
export type Strategy<T> = "round-robin" | "random" | "sticky" | ((instances: readonly Instance<T>[]) => number);

/** Of instances by id, at least one. */
export type Choose<T> = (instances: readonly Instance<T>[]) => Instance<T>;

export function chooser<T>(strategy: Strategy<T>, random: Random): Choose<T> {
  const any: Choose<T> = (instances) => instances[Math.floor(fraction(random) * instances.length)]!;
  let last: Instance<T> | undefined;
  const keep = (chosen: Instance<T>): Instance<T> => (last = chosen);
  switch (strategy) {
    case "random":
      return any;
    case "sticky":
      return (instances) => {
        const same = instances.find(({ id, epoch }) => id === last?.id && epoch === last.epoch);
        return keep(same ?? any(instances));
      };
    case "round-robin":
      return (instances) => {
        const from = last?.id;
        if (from === undefined) return keep(any(instances));
        return keep(instances.find(({ id }) => id > from) ?? instances[0]!);
      };
    default:
      return (instances) => {
        const index = strategy(instances);
        const chosen = instances[index];
        if (chosen !== undefined) return chosen;
        throw new CorralError("BAD_ARGUMENTS", {
          op: "discovery.pick",
          detail: { name: "strategy", limit: instances.length, actual: index },
          means: "the strategy has chosen an index that no instance has",
        });
      };
  }
}

/** In [0, 1). */
function fraction(random: Random): number {
  const [a, b, c] = random(3) as unknown as [number, number, number];
  return ((a << 16) | (b << 8) | c) / 0x100_0000;
}
