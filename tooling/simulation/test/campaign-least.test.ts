/** Delta debugging, on predicates that can be read. */
import { expect, test } from "vitest";
import { leastNumber, leastOf } from "../src/campaign/least.ts";

const hundred = Array.from({ length: 100 }, (_, i) => i);
const has =
  (...needed: readonly number[]) =>
  async (kept: readonly number[]): Promise<boolean> =>
    needed.every((item) => kept.includes(item));
const never = (): boolean => false;

test("one item that is needed is all that is left", async () => {
  for (const item of [0, 1, 49, 50, 98, 99]) expect(await leastOf(hundred, has(item), never)).toEqual([item]);
});

test("items far apart are both left, in their order", async () => {
  expect(await leastOf(hundred, has(97, 3), never)).toEqual([3, 97]);
  expect(await leastOf(hundred, has(0, 33, 34, 99), never)).toEqual([0, 33, 34, 99]);
});

test("where nothing is needed nothing is left", async () => {
  expect(await leastOf(hundred, has(), never)).toEqual([]);
  expect(await leastOf([], has(), never)).toEqual([]);
});

test("where everything is needed everything is left", async () => {
  expect(await leastOf([1, 2, 3], has(1, 2, 3), never)).toEqual([1, 2, 3]);
});

test("of what is left nothing can be left out alone, also where less is not always enough", async () => {
  // An even number of items above 6: leaving out one never helps, leaving out two may.
  const happens = async (kept: readonly number[]): Promise<boolean> => kept.length > 6 && kept.length % 2 === 0;
  const kept = await leastOf(hundred, happens, never);
  expect(await happens(kept)).toBe(true);
  for (const item of kept) expect(await happens(kept.filter((other) => other !== item))).toBe(false);
});

test("the search takes few runs where few items are needed", async () => {
  let runs = 0;
  const happens = async (kept: readonly number[]): Promise<boolean> => {
    runs++;
    return kept.includes(500) && kept.includes(501);
  };
  const thousand = Array.from({ length: 1_000 }, (_, i) => i);
  expect(await leastOf(thousand, happens, never)).toEqual([500, 501]);
  expect(runs).toBeLessThan(60);
});

test("a search that is ended has something that happens", async () => {
  let runs = 0;
  const happens = async (kept: readonly number[]): Promise<boolean> => {
    runs++;
    return kept.includes(70);
  };
  const kept = await leastOf(hundred, happens, () => runs >= 4);
  expect(runs).toBe(4);
  expect(kept).toContain(70);
  expect(kept.length).toBeLessThan(100);
});

test("the least number is found, and one that is ended is enough", async () => {
  for (const least of [1, 2, 17, 999, 1_000])
    expect(await leastNumber(1, 1_000, async (value) => value >= least, never)).toBe(least);
  let runs = 0;
  const found = await leastNumber(
    1,
    1_000,
    async (value) => ++runs > 0 && value >= 300,
    () => runs >= 2,
  );
  expect(found).toBeGreaterThanOrEqual(300);
  expect(found).toBeLessThan(1_000);
});
