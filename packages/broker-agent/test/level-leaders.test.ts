/** Who is preferred: as level as the replicas let it be, by their order alone. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { levelLeaders } from "../src/placement/level-leaders.ts";

const BROKERS = 5;
const replicas = fc.uniqueArray(fc.nat({ max: BROKERS - 1 }), { minLength: 1, maxLength: 3 });

function preferredBy(partitions: readonly (readonly number[])[]): number[] {
  const counts = Array.from({ length: BROKERS }, () => 0);
  for (const [first] of partitions) counts[first as number] = (counts[first as number] ?? 0) + 1;
  return counts;
}

const squares = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count * count, 0);

/** The least Σ preferred² that any choice of leaders has, tried one by one. */
function best(partitions: readonly (readonly number[])[]): number {
  const counts = Array.from({ length: BROKERS }, () => 0);
  const from = (at: number): number => {
    const here = partitions[at];
    if (here === undefined) return squares(counts);
    let least = Infinity;
    for (const id of here) {
      counts[id] = (counts[id] as number) + 1;
      least = Math.min(least, from(at + 1));
      counts[id] -= 1;
    }
    return least;
  };
  return from(0);
}

describe("levelLeaders", () => {
  test("is as level as any choice of leaders, and moves no replica to another broker", () => {
    fc.assert(
      fc.property(fc.array(replicas, { maxLength: 7 }), (partitions) => {
        const plan = levelLeaders(partitions);
        expect(squares(preferredBy(plan.partitions))).toBe(best(partitions));
        for (const [at, now] of plan.partitions.entries()) {
          expect(now.toSorted((a, b) => a - b)).toEqual((partitions[at] as number[]).toSorted((a, b) => a - b));
        }
      }),
    );
  });

  test("changes nothing where it is level within one", () => {
    const partitions = [
      [1, 2],
      [2, 1],
      [1, 2],
    ];
    expect(levelLeaders(partitions)).toEqual({ partitions, spread: 1 });
  });

  test("hands on along a chain where the fullest and the emptiest share no partition", () => {
    const plan = levelLeaders([
      [1, 2],
      [1, 2],
      [1, 2],
      [2, 3],
      [2, 3],
    ]);
    expect(plan.spread).toBe(1);
  });

  test("of nothing is nothing, and a partition without replicas is refused", () => {
    expect(levelLeaders([])).toEqual({ partitions: [], spread: 0 });
    expect(() => levelLeaders([[]])).toThrow(/replicas of partitions\[0\] is 0/);
  });
});
