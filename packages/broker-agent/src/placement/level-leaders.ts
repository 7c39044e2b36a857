/**
 * Who is preferred to lead: all brokers by the same number of partitions within one, as far as the replicas let them. Only the order of
 * replicas changes: no data move.
 */
import { checkInteger, checkReplicas } from "../check.ts";
import { PARTITIONS_MAX } from "./replicas.ts";

/** One hop of a chain: `to` is preferred by `partition` instead of `from`. */
interface Hop {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export interface LeaderPlan {
  /** The replicas of each partition, in the order given; who is preferred now has changed places with who was. */
  readonly partitions: readonly (readonly number[])[];
  /** The most partitions that prefer a broker less the fewest, of the brokers that keep any replica. */
  readonly spread: number;
}

/**
 * Hands preferences on along chains, from brokers that many prefer to brokers that at least two fewer do, until there is no such chain: then
 * no other choice of leaders is more level. Each chain makes Σ preferred² smaller, so it ends.
 */
export function levelLeaders(partitions: readonly (readonly number[])[]): LeaderPlan {
  checkInteger(partitions.length, "number of partitions", 0, PARTITIONS_MAX);
  const planned = partitions.map((replicas, at) => {
    checkReplicas(replicas, `partitions[${at}]`);
    checkInteger(replicas.length, `replicas of partitions[${at}]`, 1);
    return [...replicas];
  });
  /** Broker → partitions that prefer it. */
  const led = new Map<number, Set<number>>();
  for (const replicas of planned) for (const id of replicas) if (!led.has(id)) led.set(id, new Set());
  for (const [partition, [first]] of planned.entries()) led.get(first as number)?.add(partition);
  const load = (id: number): number => led.get(id)?.size ?? 0;

  // What a fuller broker reached in vain leads nowhere for the others either: they need an emptier end.
  const vain = new Set<number>();
  for (;;) {
    const fullest = [...led.keys()].filter((id) => !vain.has(id)).toSorted((a, b) => load(b) - load(a) || a - b)[0];
    if (fullest === undefined) break;
    const chain = chainFrom(fullest, planned, led, vain);
    for (const { partition, from, to } of chain ?? []) {
      const replicas = planned[partition] as number[];
      replicas[replicas.indexOf(to)] = from;
      replicas[0] = to;
      led.get(from)?.delete(partition);
      led.get(to)?.add(partition);
    }
  }
  const loads = [...led.values()].map(({ size }) => size).toSorted((a, b) => a - b);
  return { partitions: planned, spread: (loads.at(-1) ?? 0) - (loads[0] ?? 0) };
}

/** The shortest chain to a broker that at least two fewer prefer. Undefined: there is none, and whatever was reached is in `vain`. */
function chainFrom(
  start: number,
  partitions: readonly (readonly number[])[],
  led: ReadonlyMap<number, ReadonlySet<number>>,
  vain: Set<number>,
): Hop[] | undefined {
  const enough = (led.get(start)?.size ?? 0) - 2;
  /** By broker reached: the hop that led there. */
  const reached = new Map<number, Hop | undefined>([[start, undefined]]);
  for (const from of reached.keys()) {
    for (const partition of led.get(from) ?? []) {
      for (const to of partitions[partition] ?? []) {
        if (reached.has(to) || vain.has(to)) continue;
        reached.set(to, { partition, from, to });
        if ((led.get(to)?.size ?? 0) <= enough) return hopsTo(to, reached);
      }
    }
  }
  for (const id of reached.keys()) vain.add(id);
  return undefined;
}

/** The last one first: so nobody hands on what it has not got. */
function hopsTo(end: number, reached: ReadonlyMap<number, Hop | undefined>): Hop[] {
  const hops: Hop[] = [];
  for (let hop = reached.get(end); hop !== undefined; hop = reached.get(hop.from)) hops.push(hop);
  return hops;
}
