import { expect, test } from "vitest";
import type { Asked, Sum } from "../src/check/recipes/book.ts";
import { checkFollowing, checkSums, checkValues, statesOfValue } from "../src/check/recipes/numbers.ts";
import { RecipeLog, ROOT } from "./recipes-log.ts";

const COUNTER = `${ROOT}/counter`;
const VALUE = `${ROOT}/value`;

/** From its call to its answer, or for ever. */
function asked<A, T>(path: string, what: A, more: Partial<Asked<A, T>> = {}): Asked<A, T> {
  return { who: "r1", path, asked: what, startAt: 0, endAt: Infinity, told: undefined, outcome: "pending", ...more };
}
const sum = (what: Sum, more: Partial<Asked<Sum, number | boolean>> = {}): Asked<Sum, number | boolean> =>
  asked(COUNTER, what, more);

/** A counter that has these values, one after the other; "-" deletes it. */
function counted(...values: readonly (number | "-")[]): RecipeLog {
  const log = new RecipeLog();
  let isThere = false;
  for (const value of values) {
    if (value === "-") log.delete(1, COUNTER);
    else if (isThere) log.set(1, COUNTER, String(value));
    else log.create(1, COUNTER, String(value));
    isThere = value !== "-";
  }
  return log;
}
/** The first change has this zxid. */
const FIRST = 3;

test.each([
  ["a change that nobody asked for", [1], []],
  ["an addition that is done twice", [1, 2], [sum({ by: 1 })]],
  ["an acknowledged addition that is not in the log", [], [sum({ by: 1 }, { outcome: "ok", told: 1, endAt: 9 })]],
  ["an addition that is acknowledged with another sum", [1], [sum({ by: 1 }, { outcome: "ok", told: 2, endAt: 9 })]],
  ["an addition that is done after its answer", [1], [sum({ by: 1 }, { outcome: "ok", told: 1, endAt: FIRST - 1 })]],
  ["an addition that is done before it was asked for", [1], [sum({ by: 1 }, { startAt: FIRST })]],
  ["an addition that was refused, and done", [1], [sum({ by: 1 }, { outcome: "no", endAt: 9 })]],
  [
    "a comparison that found another number, and wrote",
    [0, 9],
    [sum({ by: 0 }), sum({ from: 0, to: 9 }, { outcome: "ok", told: false })],
  ],
  ["a comparison that wrote over another number", [5, 9], [sum({ by: 5 }), sum({ from: 0, to: 9 })]],
] as const)("illegal for a counter: %s", (_name, values, sums) => {
  expect(checkSums([...sums, sum({ by: 0 })], counted(...values).tale).length).toBeGreaterThan(0);
});
test.each([
  ["nothing happens", [], []],
  ["an addition whose outcome nobody knows is done", [1], [sum({ by: 1 }, { outcome: "unknown" })]],
  ["an addition whose outcome nobody knows is not done", [], [sum({ by: 1 }, { outcome: "unknown" })]],
  [
    "an addition is done long after its caller was killed",
    [1, 3],
    [sum({ by: 2 }), sum({ by: 1 }, { outcome: "ok", told: 1, endAt: FIRST })],
  ],
  [
    "two the same, of which only one was acknowledged",
    [1],
    [sum({ by: 1 }, { outcome: "unknown" }), sum({ by: 1 }, { outcome: "ok", told: 1, endAt: 9 })],
  ],
  [
    "somebody deletes it, which is to begin at 0",
    [4, "-", 1],
    [sum({ by: 4 }), sum({ by: -4 }), sum({ by: 1 }, { outcome: "ok", told: 1, endAt: 9 })],
  ],
  [
    "a comparison succeeds, and another finds that it came too late",
    [0, 7],
    [
      sum({ by: 0 }),
      sum({ from: 0, to: 7 }, { outcome: "ok", told: true, endAt: 9 }),
      sum({ from: 0, to: 8 }, { outcome: "ok", told: false, endAt: 9 }),
    ],
  ],
  ["a refused addition that is not in the log", [], [sum({ by: 1 }, { outcome: "no", endAt: 2 })]],
] as const)("legal for a counter: %s", (_name, values, sums) => {
  expect(checkSums([...sums], counted(...values).tale)).toEqual([]);
});

type ValueCall = Asked<{ readonly tag: string; readonly ifMatch: number | undefined }, number>;
const put = (tag: string, more: Partial<ValueCall> = {}, ifMatch?: number): ValueCall =>
  asked(VALUE, { tag, ifMatch }, more);
/** Values by tags; "b<a" says that b was computed from a; "-" deletes it. */
function valued(...values: readonly string[]): RecipeLog {
  const log = new RecipeLog();
  let isThere = false;
  for (const value of values) {
    const [tag, of] = value.split("<");
    const data = JSON.stringify({ tag, of });
    if (value === "-") log.delete(1, VALUE);
    else if (isThere) log.set(1, VALUE, data);
    else log.create(1, VALUE, data);
    isThere = value !== "-";
  }
  return log;
}

test.each([
  ["an update that was lost", ["a", "b<a", "c<a"], []],
  ["a value that is written twice", ["a", "b", "a"], [put("a")]],
  ["an acknowledged value that is not in the log", ["a"], [put("b", { outcome: "ok", told: 4, endAt: 9 })]],
  ["a value that is acknowledged with another zxid", ["a"], [put("a", { outcome: "ok", told: 4, endAt: 9 })]],
  ["a refused value that is in the log", ["a"], [put("a", { outcome: "no", endAt: 9 })]],
  ["a value for a state that is not there any more", ["a", "b", "c"], [put("c", {}, FIRST)]],
] as const)("illegal for a shared value: %s", (_name, values, calls) => {
  expect(checkValues(VALUE, calls, valued(...values).tale)).toHaveLength(1);
});
test.each([
  ["nothing happens", [], []],
  ["each is made of the one before", ["a", "b<a", "c<b"], [put("b", { outcome: "ok", told: FIRST + 1, endAt: 9 })]],
  ["one is made of what stands for none, after a deletion", ["a", "-", "b<x"], [put("b")]],
  [
    "a value whose outcome nobody knows is there, another not",
    ["a"],
    [put("a", { outcome: "unknown" }), put("b", { outcome: "unknown" })],
  ],
  ["a value for the state that was there", ["a", "b"], [put("b", {}, FIRST)]],
  ["a value for no znode", ["a"], [put("a", {}, 0)]],
] as const)("legal for a shared value: %s", (_name, values, calls) => {
  expect(checkValues(VALUE, calls, valued(...values).tale)).toEqual([]);
});

const follows = (log: RecipeLog, ...told: readonly (readonly [what: string, at: number])[]): string[] =>
  checkFollowing(
    { who: "r1", path: VALUE, told: told.map(([what, at]) => ({ what, at })) },
    statesOfValue(VALUE, log.tale),
  );
test.each([
  ["what never was", [["x", 9]]],
  [
    "an older one after a newer one",
    [
      ["c", 9],
      ["a", 9],
    ],
  ],
  ["what is to come", [["c", FIRST]]],
  ["a deletion that was none", [["deleted", 9]]],
  [
    "what was there before the one it told of first",
    [
      ["b", 9],
      ["c", 9],
      ["b", 9],
    ],
  ],
] as const)("illegal to be told of a value: %s", (_name, told) => {
  expect(follows(valued("a", "b", "c"), ...told)).toHaveLength(1);
});
test.each([
  ["nothing", []],
  [
    "all of them",
    [
      ["a", 9],
      ["b", 9],
      ["-", 9],
      ["c", 9],
    ],
  ],
  ["the newest only", [["c", 9]]],
  [
    "the same again, after a new connection",
    [
      ["b", 9],
      ["b", 9],
    ],
  ],
  [
    "a deletion, and what came after it",
    [
      ["-", 9],
      ["c", 9],
    ],
  ],
] as const)("legal to be told of a value: %s", (_name, told) => {
  const all = told.map(([what, at]) => [what === "-" ? "deleted" : what, at] as const);
  expect(follows(valued("a", "b", "-", "c"), ...all)).toEqual([]);
});
