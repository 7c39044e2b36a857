import { Op } from "@corral/protocol";
import { expect, test } from "vitest";
import type { Asked, Passing } from "../src/check/recipes/book.ts";
import { checkBarrier, checkLatch, checkRounds } from "../src/check/recipes/meetings.ts";
import { creation, deletion, RecipeLog, ROOT } from "./recipes-log.ts";

const BARRIER = `${ROOT}/barrier`;
const LATCH = `${ROOT}/latch`;
const ROUNDS = `${ROOT}/rounds`;

type Wait = Asked<"barrier" | "latch", true>;
const waited = (asked: Wait["asked"], startAt: number, endAt: number, outcome: Wait["outcome"] = "ok"): Wait => ({
  who: "r1",
  path: asked === "barrier" ? BARRIER : LATCH,
  asked,
  startAt,
  endAt,
  told: true,
  outcome,
});

/** Up from 3 on, down from 5 on, up from 7 on. */
function barred(): RecipeLog {
  const log = new RecipeLog();
  log.create(1, BARRIER);
  log.sync();
  log.delete(1, BARRIER);
  log.sync();
  log.create(1, BARRIER);
  log.sync();
  return log;
}
const BARRED: Readonly<Record<"illegal" | "legal", readonly (readonly [string, Wait])[]>> = {
  illegal: [
    ["while it is up", waited("barrier", 3, 4)],
    ["at the moment at which it is raised", waited("barrier", 3, 3)],
    ["right before it is lowered", waited("barrier", 4, 4)],
    ["when it is up again", waited("barrier", 7, 8)],
    ["that never falls again", waited("barrier", 8, 99)],
  ],
  legal: [
    ["before it is raised", waited("barrier", 1, 2)],
    ["as it is raised, having looked before", waited("barrier", 2, 3)],
    ["when it is lowered", waited("barrier", 4, 5)],
    ["late, when it is up again", waited("barrier", 3, 8)],
    ["not at all, for it gave up", waited("barrier", 3, 4, "unknown")],
  ],
};
test.each(BARRED.illegal)("illegal to pass a barrier %s", (_name, wait) => {
  expect(checkBarrier([wait], barred().tale)).toHaveLength(1);
});
test.each(BARRED.legal)("legal to pass a barrier %s", (_name, wait) => {
  expect(checkBarrier([wait], barred().tale)).toEqual([]);
});

type LatchStep = readonly [keys: string, left: number] | "reset";

/** Of two. Each step: keys that are counted, and how many are said to be left; "reset". */
function latched(...steps: readonly LatchStep[]): RecipeLog {
  const log = new RecipeLog();
  const set = (left: number): string => JSON.stringify({ count: 2, left });
  log.create(1, LATCH, set(2));
  for (const step of steps) {
    if (step === "reset") {
      const below = log.tale
        .childrenOf(LATCH)
        .filter(({ to }) => to === Infinity)
        .map(({ path }) => deletion(path));
      log.multi(1, ...below, deletion(LATCH));
      log.create(1, LATCH, set(2));
      continue;
    }
    const [keys, left] = step;
    const ops = keys.split("").map((key) => creation(key === "!" ? `${LATCH}/done` : `${LATCH}/key-${key}`));
    log.multi(1, { op: Op.set, path: LATCH, data: Buffer.from(set(left)), version: -1 }, ...ops);
  }
  return log;
}
const count = (key: string, startAt: number, endAt: number): Asked<{ readonly key: string }, number> => ({
  who: "r1",
  path: LATCH,
  asked: { key },
  startAt,
  endAt,
  told: 0,
  outcome: "ok",
});
type Latched = readonly [
  name: string,
  steps: readonly LatchStep[],
  waits: readonly Wait[],
  counts: readonly Asked<{ readonly key: string }, number>[],
];
const LATCHED: Readonly<Record<"illegal" | "legal", readonly Latched[]>> = {
  illegal: [
    ["somebody passes before all is counted", [["a", 1]], [waited("latch", 3, 4)], []],
    [
      "somebody passes before it opens",
      [
        ["a", 1],
        ["b!", 0],
      ],
      [waited("latch", 3, 4)],
      [],
    ],
    ["it opens after one of two", [["a!", 1]], [], []],
    ["one thing counts twice", [["a", 0]], [], []],
    ["a thing was counted, and is not there", [["a", 1]], [], [count("b", 3, 4)]],
    ["somebody passes after it was closed again", [["a", 1], ["b!", 0], "reset"], [waited("latch", 6, 7)], []],
  ],
  legal: [
    ["nobody comes", [], [], []],
    [
      "somebody passes when it opens",
      [
        ["a", 1],
        ["b!", 0],
      ],
      [waited("latch", 2, 5)],
      [],
    ],
    ["somebody passes late, when it is closed again", [["a", 1], ["b!", 0], "reset"], [waited("latch", 3, 7)], []],
    ["a thing is counted that was before", [["a", 1]], [], [count("a", 2, 4), count("a", 4, 4)]],
    [
      "one thing too many is counted",
      [
        ["a", 1],
        ["b!", 0],
      ],
      [],
      [count("c", 5, 5)],
    ],
    ["somebody gives up", [["a", 1]], [waited("latch", 3, 4, "unknown")], []],
  ],
};
test.each(LATCHED.illegal)("illegal for a latch: %s", (_name, steps, waits, counts) => {
  expect(checkLatch(LATCH, 2, waits, counts, latched(...steps).tale)).toHaveLength(1);
});
test.each(LATCHED.legal)("legal for a latch: %s", (_name, steps, waits, counts) => {
  expect(checkLatch(LATCH, 2, waits, counts, latched(...steps).tale)).toEqual([]);
});

const party = (number: number): string => `${ROUNDS}/round/p-lock-${String(number).padStart(10, "0")}`;

/** A round of two that begins and ends; by name, the zxid of each step. */
function round(options: { readonly parties?: number; readonly number?: number } = {}): {
  readonly log: RecipeLog;
  readonly at: Readonly<Record<"a" | "b" | "ready" | "aOut" | "bOut" | "end", number>>;
} {
  const { parties = 2, number = 1 } = options;
  const log = new RecipeLog();
  const [a, b] = [log.open(), log.open()];
  log.create(1, ROUNDS, String(number));
  log.create(1, `${ROUNDS}/round`, "2");
  const cameA = log.hold(a, party(0));
  const cameB = parties > 1 ? log.hold(b, party(1)) : log.sync();
  const ready = log.create(1, `${ROUNDS}/round/ready`);
  const aOut = log.close(a);
  const bOut = log.close(b);
  const end = log.delete(1, `${ROUNDS}/round/ready`);
  return { log, at: { a: cameA, b: cameB, ready, aOut, bOut, end } };
}
type At = ReturnType<typeof round>["at"];
const passing = (who: "a" | "b", way: Passing["way"], at: number, zxids: At, more: Partial<Passing> = {}): Passing => ({
  who,
  path: ROUNDS,
  round: 1,
  node: party(who === "a" ? 0 : 1),
  czxid: zxids[who],
  way,
  at,
  ...more,
});

const PASSED: Readonly<Record<"illegal" | "legal", readonly (readonly [string, (at: At) => Passing[]])[]>> = {
  illegal: [
    ["somebody is in before all are there", (at) => [passing("a", "in", at.a, at)]],
    ["somebody is in when all are there, before it has begun", (at) => [passing("a", "in", at.b, at)]],
    ["somebody is out while another is in", (at) => [passing("a", "out", at.aOut, at)]],
    ["somebody is in who is of no round", (at) => [passing("a", "in", at.end, at, { czxid: 1 })]],
    ["somebody is in another round", (at) => [passing("a", "in", at.end, at, { round: 2 })]],
  ],
  legal: [
    ["nobody is told of anything", () => []],
    ["somebody is in when it begins", (at) => [passing("a", "in", at.ready, at)]],
    ["somebody is told late, when it is over", (at) => [passing("b", "in", at.end, at)]],
    ["somebody is told of its beginning when he has lost his session", (at) => [passing("a", "in", at.aOut, at)]],
    ["all are out when the last has gone", (at) => [passing("a", "out", at.bOut, at), passing("b", "out", at.end, at)]],
  ],
};
test.each(PASSED.illegal)("illegal for a round: %s", (_name, passings) => {
  const { log, at } = round();
  expect(checkRounds(ROUNDS, 2, passings(at), log.tale)).toHaveLength(1);
});
test("illegal for a round: it begins with too few", () => {
  expect(checkRounds(ROUNDS, 2, [], round({ parties: 1 }).log.tale)).toHaveLength(1);
});
test("illegal for a round: its number is none", () => {
  expect(checkRounds(ROUNDS, 2, [], round({ number: 0 }).log.tale)).toHaveLength(1);
});
test.each(PASSED.legal)("legal for a round: %s", (_name, passings) => {
  const { log, at } = round();
  expect(checkRounds(ROUNDS, 2, passings(at), log.tale)).toEqual([]);
});
