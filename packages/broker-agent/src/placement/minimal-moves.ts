/**
 * The plan for a changed set of brokers: everything that is on brokers that go finds a place, all brokers carry the same within one,
 * and as little moves as possible.
 *
 * Racks go before balance: no move lets a partition span fewer racks than it could keep, and what must move goes to a rack that the
 * partition does not have yet. A replica's successor takes its place in the order, so preferences move only with what moves.
 */
import { checkInteger, checkReplicas } from "../check.ts";
import { checkBrokers, PARTITIONS_MAX, type PlacementBroker, type RackMode, racksThatCount } from "./replicas.ts";

export interface MovePlan {
  /** The replicas of each partition, in the order given. */
  readonly partitions: readonly (readonly number[])[];
  /** Replicas that are on a broker now where they were not before. */
  readonly moves: number;
  /**
   * No plan that balances within one can have fewer moves: exact where brokers only come and racks do not count. Otherwise racks, and that
   * no broker has a partition twice, may force more, and the plan may be some moves from the best.
   */
  readonly lowerBound: number;
  /** The most replicas on a broker less the fewest. More than 1 only where racks leave no other way. */
  readonly spread: number;
}

/** `brokers`: those that there will be. RangeError if a partition has more replicas than there are brokers. */
export function planMinimalMoves(
  partitions: readonly (readonly number[])[],
  brokers: readonly PlacementBroker[],
  racks: RackMode = "enforced",
): MovePlan {
  checkBrokers(brokers);
  checkInteger(partitions.length, "number of partitions", 0, PARTITIONS_MAX);
  for (const [at, replicas] of partitions.entries()) {
    checkReplicas(replicas, `partitions[${at}]`);
    checkInteger(replicas.length, `replicas of partitions[${at}] for ${brokers.length} brokers`, 1, brokers.length);
  }
  const plan = new Plan(partitions, brokers, racksThatCount(brokers, racks));
  const lowerBound = plan.lowerBound();
  plan.placeHomeless();
  plan.level();
  return { partitions: plan.inPlace(partitions), moves: plan.moves(), lowerBound, spread: plan.spread() };
}

const NONE: ReadonlySet<number> = new Set();

/** One hop of a chain: partition `partition` leaves `from` for `to`. */
interface Hop {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

class Plan {
  readonly replicas: number[][];
  readonly #before: readonly ReadonlySet<number>[];
  readonly #ids: readonly number[];
  readonly #rackOf: ReadonlyMap<number, string> | undefined;
  readonly #rackCount: number;
  /** Broker → partitions that it carries and carried before; those that came cost no more when they go on. */
  readonly #old = new Map<number, Set<number>>();
  readonly #come = new Map<number, Set<number>>();
  /** Broker → partitions on it that could leave its rack and span no fewer: most cannot, and are not looked at again and again. */
  readonly #loose = new Map<number, Set<number>>();
  /** Broker → rack → partitions on it that would span one rack more if they went there. */
  readonly #wider = new Map<number, Map<string, Set<number>>>();

  constructor(
    partitions: readonly (readonly number[])[],
    brokers: readonly PlacementBroker[],
    rackOf: ReadonlyMap<number, string> | undefined,
  ) {
    this.replicas = partitions.map((replicas) => [...replicas]);
    this.#before = partitions.map((replicas) => new Set(replicas));
    this.#ids = brokers.map(({ id }) => id).toSorted((a, b) => a - b);
    this.#rackOf = rackOf;
    const racks = new Set(rackOf?.values());
    this.#rackCount = racks.size;
    for (const id of this.#ids) {
      this.#old.set(id, new Set());
      this.#come.set(id, new Set());
      this.#loose.set(id, new Set());
      this.#wider.set(id, new Map(Array.from(racks, (rack) => [rack, new Set()])));
    }
    for (const [partition, replicas] of partitions.entries()) {
      for (const id of replicas) this.#old.get(id)?.add(partition);
      this.#loosen(partition);
    }
  }

  /** All replicas less the most that can stay where they are: whoever has most may keep the odd ones. */
  lowerBound(): number {
    const total = this.replicas.reduce((sum, replicas) => sum + replicas.length, 0);
    const floor = Math.floor(total / this.#ids.length);
    const odd = total % this.#ids.length;
    const loads = this.#ids.map((id) => this.#load(id)).toSorted((a, b) => b - a);
    return loads.reduce((left, load, at) => left - Math.min(load, floor + (at < odd ? 1 : 0)), total);
  }

  /** What is on brokers that go gets a place on the emptiest that may have it. */
  placeHomeless(): void {
    for (const [partition, replicas] of this.replicas.entries()) {
      for (const from of replicas.filter((id) => !this.#old.has(id))) {
        const free = this.#ids.filter((id) => !replicas.includes(id));
        const racks = new Set(replicas.filter((id) => this.#old.has(id)).map((id) => this.#rackOf?.get(id)));
        const wider = free.filter((id) => !racks.has(this.#rackOf?.get(id)));
        const to = this.#emptiest(wider.length > 0 ? wider : free);
        this.#move({ partition, from, to });
      }
    }
  }

  /** Until no chain of moves leads from a broker to another that carries at least two fewer. Each chain makes Σ load² smaller, so it ends. */
  level(): void {
    for (;;) {
      const byLoad = this.#ids.toSorted((a, b) => this.#load(b) - this.#load(a) || a - b);
      const chain = this.#directHop(byLoad) ?? this.#chain(byLoad);
      if (chain === undefined) return;
      for (const hop of chain) this.#move(hop);
    }
  }

  /** Who stayed where it was in the order, also if it was away in between; who came fills the gaps. */
  inPlace(before: readonly (readonly number[])[]): number[][] {
    return before.map((replicas, at) => {
      const now = this.replicas[at] as number[];
      const came = now.filter((id) => !replicas.includes(id));
      return replicas.map((id) => (now.includes(id) ? id : (came.shift() as number)));
    });
  }

  moves(): number {
    return this.replicas.reduce(
      (sum, replicas, at) => sum + replicas.filter((id) => !this.#before[at]?.has(id)).length,
      0,
    );
  }

  spread(): number {
    const loads = this.#ids.map((id) => this.#load(id)).toSorted((a, b) => a - b);
    return (loads.at(-1) ?? 0) - (loads[0] ?? 0);
  }

  /** From the fullest to the emptiest, what came before what was there. */
  #directHop(byLoad: readonly number[]): Hop[] | undefined {
    const most = this.#load(byLoad[0] as number);
    const least = this.#load(byLoad.at(-1) as number);
    if (most - least < 2) return undefined;
    const full = byLoad.filter((id) => this.#load(id) === most);
    const empty = byLoad.filter((id) => this.#load(id) === least);
    for (const carried of [this.#come, this.#old]) {
      for (const from of full) {
        for (const to of empty) {
          const partition = this.#movable(carried.get(from), from, to);
          if (partition !== undefined) return [{ partition, from, to }];
        }
      }
    }
    return undefined;
  }

  /** The shortest chain from the fullest broker that any leads from. Each broker on it passes on one partition and gets one. */
  #chain(byLoad: readonly number[]): Hop[] | undefined {
    // What a fuller broker reached in vain leads nowhere for the others either: they need an emptier end.
    const vain = new Set<number>();
    for (const start of byLoad) {
      if (this.#load(start) - this.#load(byLoad.at(-1) as number) < 2) return undefined;
      if (vain.has(start)) continue;
      const chain = this.#chainFrom(start, byLoad, vain);
      if (chain !== undefined) return chain;
    }
    return undefined;
  }

  #chainFrom(start: number, byLoad: readonly number[], vain: Set<number>): Hop[] | undefined {
    const reached = new Map<number, Hop[]>([[start, []]]);
    for (const [from, hops] of reached) {
      const used = new Set(hops.map(({ partition }) => partition));
      for (const to of byLoad.toReversed()) {
        if (reached.has(to) || vain.has(to)) continue;
        const partition =
          this.#movable(this.#come.get(from), from, to, used) ?? this.#movable(this.#old.get(from), from, to, used);
        if (partition === undefined) continue;
        const longer = [...hops, { partition, from, to }];
        if (this.#load(start) - this.#load(to) >= 2) return longer;
        reached.set(to, longer);
      }
    }
    for (const id of reached.keys()) vain.add(id);
    return undefined;
  }

  /** A partition that may go from one broker to another without spanning fewer racks; one that spans more is taken first. */
  #movable(carried: Set<number> = new Set(), from: number, to: number, used = NONE): number | undefined {
    const has = (partition: number): boolean => this.replicas[partition]?.includes(to) === true;
    const fromRack = this.#rackOf?.get(from);
    const toRack = this.#rackOf?.get(to);
    if (fromRack === toRack) return firstOf(carried, (partition) => !used.has(partition) && !has(partition));
    const wider = this.#wider.get(from)?.get(toRack as string);
    if (wider !== undefined) {
      const gains = firstInBoth(wider, carried, (partition) => !used.has(partition));
      if (gains !== undefined) return gains;
    }
    const loose = this.#loose.get(from) ?? new Set<number>();
    return firstInBoth(loose, carried, (partition) => {
      if (used.has(partition) || has(partition)) return false;
      const racks = this.#racksOf(partition);
      // A rack is given up for another one, or neither given up nor won.
      return racks.includes(toRack) ? isTwice(racks, fromRack) : !isTwice(racks, fromRack);
    });
  }

  #racksOf(partition: number): (string | undefined)[] {
    return (this.replicas[partition] ?? []).map((id) => this.#rackOf?.get(id));
  }

  /** A replica may leave its rack when another is there too, or when there is a rack without any. */
  #loosen(partition: number): void {
    if (this.#rackOf === undefined) return;
    const racks = this.#racksOf(partition);
    const isNarrow = new Set(racks).size < this.#rackCount;
    for (const [at, id] of (this.replicas[partition] ?? []).entries()) {
      const twice = isTwice(racks, racks[at]);
      const loose = this.#loose.get(id);
      if (isNarrow || twice) loose?.add(partition);
      else loose?.delete(partition);
      for (const [rack, wider] of this.#wider.get(id) ?? []) {
        if (twice && !racks.includes(rack)) wider.add(partition);
        else wider.delete(partition);
      }
    }
  }

  #emptiest(ids: readonly number[]): number {
    return ids.reduce((best, id) => (this.#load(id) < this.#load(best) ? id : best));
  }

  #move({ partition, from, to }: Hop): void {
    const replicas = this.replicas[partition] as number[];
    replicas[replicas.indexOf(from)] = to;
    this.#old.get(from)?.delete(partition);
    this.#come.get(from)?.delete(partition);
    (this.#before[partition]?.has(to) ? this.#old : this.#come).get(to)?.add(partition);
    this.#loose.get(from)?.delete(partition);
    for (const wider of this.#wider.get(from)?.values() ?? []) wider.delete(partition);
    this.#loosen(partition);
  }

  #load(id: number): number {
    return (this.#old.get(id)?.size ?? 0) + (this.#come.get(id)?.size ?? 0);
  }
}

function isTwice(racks: readonly (string | undefined)[], rack: string | undefined): boolean {
  return racks.indexOf(rack) !== racks.lastIndexOf(rack);
}

/**
 * The first that fits. Those before it are looked at last from now on: mostly they fit nobody any more, and every look would begin with
 * them.
 */
function firstOf(among: Set<number>, fits: (partition: number) => boolean): number | undefined {
  const inVain: number[] = [];
  for (const partition of among) {
    if (!fits(partition)) {
      inVain.push(partition);
      continue;
    }
    for (const one of inVain) {
      among.delete(one);
      among.add(one);
    }
    return partition;
  }
  return undefined;
}

/** The same of two sets; goes through the smaller one. */
function firstInBoth(a: Set<number>, b: Set<number>, fits: (partition: number) => boolean): number | undefined {
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  return firstOf(small, (partition) => large.has(partition) && fits(partition));
}
