import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  alternatingRacks,
  continuePlacement,
  placeReplicas,
  type PlacementBroker,
  preferredImbalance,
} from "../src/index.ts";

function bare(n: number): PlacementBroker[] {
  return Array.from({ length: n }, (_, id) => ({ id }));
}

/** `perRack` brokers in each of `racks` racks, ids mixed; `racks` below 7. */
function racked(racks: number, perRack: number): PlacementBroker[] {
  return Array.from({ length: racks * perRack }, (_, id) => ({ id, rack: `r${(id * 7 + 3) % racks}` }));
}

const SIX: readonly PlacementBroker[] = ["rack1", "rack3", "rack3", "rack2", "rack2", "rack1"].map((rack, id) => ({
  id,
  rack,
}));

function counts(
  placed: readonly (readonly number[])[],
  of: (replicas: readonly number[]) => readonly number[],
): number[] {
  const count = new Map<number, number>();
  for (const replicas of placed) for (const id of of(replicas)) count.set(id, (count.get(id) ?? 0) + 1);
  return [...count.values()];
}

function spread(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values);
}

describe("placement without racks", () => {
  test("is Kafka's: ten partitions of three replicas on five brokers", () => {
    expect(placeReplicas(bare(5), { partitions: 10, replicationFactor: 3, start: 0, shift: 0 })).toEqual([
      [0, 1, 2],
      [1, 2, 3],
      [2, 3, 4],
      [3, 4, 0],
      [4, 0, 1],
      [0, 2, 3],
      [1, 3, 4],
      [2, 4, 0],
      [3, 0, 1],
      [4, 1, 2],
    ]);
  });

  test("begins where it is told: start 2, shift 3", () => {
    const placed = placeReplicas(bare(4), { partitions: 3, replicationFactor: 2, start: 2, shift: 3 });
    // Shift 3 is 0 round the three others: the neighbour.
    expect(placed).toEqual([
      [2, 3],
      [3, 0],
      [0, 1],
    ]);
  });

  test("does not depend on the order in which brokers are given", () => {
    const how = { partitions: 12, replicationFactor: 3, start: 1, shift: 2 };
    expect(placeReplicas(bare(5).toReversed(), how)).toEqual(placeReplicas(bare(5), how));
  });

  test("gives each partition distinct brokers, and each broker as many leaders within one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        (n, partitions, a, b, c) => {
          const replicationFactor = 1 + (a % n);
          const placed = placeReplicas(bare(n), { partitions, replicationFactor, start: b % n, shift: c % n });
          for (const replicas of placed) expect(new Set(replicas).size).toBe(replicationFactor);
          const leaders = counts(placed, (replicas) => replicas.slice(0, 1));
          if (partitions >= n) expect(leaders).toHaveLength(n);
          expect(spread(leaders)).toBeLessThanOrEqual(1);
          // Full rounds: exactly even in replicas too.
          if (partitions % n === 0) expect(spread(counts(placed, (replicas) => replicas))).toBe(0);
        },
      ),
    );
  });
});

describe("placement over racks", () => {
  test("takes brokers of each rack in turn", () => {
    expect(alternatingRacks(SIX)).toEqual([0, 3, 1, 5, 4, 2]);
    expect(alternatingRacks(SIX.slice(0, 5))).toEqual([0, 3, 1, 4, 2]);
  });

  test("is Kafka's: seven partitions of three replicas on three racks of two", () => {
    expect(placeReplicas(SIX, { partitions: 7, replicationFactor: 3, start: 0, shift: 0 })).toEqual([
      [0, 3, 1],
      [3, 1, 5],
      [1, 5, 4],
      [5, 4, 2],
      [4, 2, 0],
      [2, 0, 3],
      [0, 4, 2],
    ]);
  });

  test("reaches every rack, or has one replica a rack; even where racks are equal and rounds full", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(),
        fc.nat(),
        (racks, perRack, rounds, a, b) => {
          const brokers = racked(racks, perRack);
          const rackOf = new Map(brokers.map(({ id, rack }) => [id, rack]));
          const n = brokers.length;
          const replicationFactor = 1 + (a % n);
          const placed = placeReplicas(brokers, {
            partitions: rounds * n,
            replicationFactor,
            start: b % n,
            shift: (a + b) % n,
          });
          for (const replicas of placed) {
            expect(new Set(replicas).size).toBe(replicationFactor);
            expect(new Set(replicas.map((id) => rackOf.get(id))).size).toBe(Math.min(replicationFactor, racks));
          }
          expect(spread(counts(placed, (replicas) => replicas.slice(0, 1)))).toBe(0);
          if (replicationFactor === racks) expect(spread(counts(placed, (replicas) => replicas))).toBe(0);
        },
      ),
    );
  });

  test("that some brokers lack is refused, ignored or left out, as told", () => {
    const mixed = [...SIX.slice(0, 5), { id: 5 }];
    const how = { partitions: 4, replicationFactor: 3, start: 0, shift: 0 };
    expect(() => placeReplicas(mixed, how)).toThrow(/broker 5 has no rack, 5 of 6 brokers have one/);
    expect(placeReplicas(mixed, { ...how, racks: "safe" })).toEqual(placeReplicas(bare(6), how));
    expect(placeReplicas(SIX, { ...how, racks: "ignored" })).toEqual(placeReplicas(bare(6), how));
    expect(placeReplicas(SIX, { ...how, racks: "safe" })).toEqual(placeReplicas(SIX, how));
  });
});

describe("more partitions", () => {
  test("continue the pattern where start and shift were the same", () => {
    for (const brokers of [bare(5), bare(1)]) {
      const start = brokers.length === 1 ? 0 : 3;
      const how = { replicationFactor: Math.min(3, brokers.length), start, shift: start };
      const four = placeReplicas(brokers, { ...how, partitions: 4 });
      const six = placeReplicas(brokers, { ...how, partitions: 4 + 2 });
      if (brokers.length === 1) expect(continuePlacement(brokers, four, 2)).toEqual(six.slice(4));
      // The round that ended in between: the shift grows within the new ones only.
      else expect([...four, ...continuePlacement(brokers, four, 2)]).toEqual(six);
    }
  });

  test("begin at the next broker when the first is gone, at the first when none is next", () => {
    const left = [{ id: 0 }, { id: 2 }, { id: 3 }];
    expect(continuePlacement(left, [[1, 2]], 1)).toEqual(
      placeReplicas(left, { partitions: 1, replicationFactor: 2, start: 1, shift: 1, firstPartition: 1 }),
    );
    expect(continuePlacement(left, [[9, 2]], 1)).toEqual(
      placeReplicas(left, { partitions: 1, replicationFactor: 2, start: 0, shift: 0, firstPartition: 1 }),
    );
    expect(() => continuePlacement(left, [], 1)).toThrow(/no partition 0/);
  });
});

test.each<[string, () => unknown, RegExp]>([
  [
    "more replicas than brokers",
    () => placeReplicas(bare(2), { partitions: 1, replicationFactor: 3, start: 0, shift: 0 }),
    /replicationFactor for 2 brokers is 3/,
  ],
  [
    "no partitions",
    () => placeReplicas(bare(2), { partitions: 0, replicationFactor: 1, start: 0, shift: 0 }),
    /partitions is 0/,
  ],
  [
    "no brokers",
    () => placeReplicas([], { partitions: 1, replicationFactor: 1, start: 0, shift: 0 }),
    /number of brokers is 0/,
  ],
  [
    "a broker twice",
    () => placeReplicas([{ id: 1 }, { id: 1 }], { partitions: 1, replicationFactor: 1, start: 0, shift: 0 }),
    /broker 1 twice/,
  ],
  [
    "a start beyond the brokers",
    () => placeReplicas(bare(2), { partitions: 1, replicationFactor: 1, start: 2, shift: 0 }),
    /start is 2, not a whole number from 0 to 1/,
  ],
])("placement refuses %s", (_, place, error) => {
  expect(place).toThrow(error);
  expect(place).toThrow(RangeError);
});

test("the imbalance of a broker is the share it does not lead of what prefers it", () => {
  const of = preferredImbalance([
    { replicas: [1, 2], leader: 1 },
    { replicas: [1, 2], leader: 2 },
    { replicas: [1, 3], leader: null },
    { replicas: [1, 3], leader: 1 },
    { replicas: [2, 1], leader: 2 },
  ]);
  expect(of).toEqual(
    new Map([
      [1, { preferred: 4, elsewhere: 2, share: 0.5 }],
      [2, { preferred: 1, elsewhere: 0, share: 0 }],
    ]),
  );
});
