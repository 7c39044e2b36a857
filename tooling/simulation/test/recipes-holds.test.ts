import { expect, test } from "vitest";
import type { Attempt, Hold } from "../src/check/recipes/book.ts";
import { checkFencing, checkGuarded, checkHolds } from "../src/check/recipes/holds.ts";
import { creation, deletion, RecipeLog, ROOT } from "./recipes-log.ts";

const LOCK = `${ROOT}/lock`;
const place = (number: number, mark = "-lock-"): string => `${LOCK}/_c_x${mark}${String(number).padStart(10, "0")}`;

function held(node: string, czxid: number, more: Partial<Hold> = {}): Hold {
  const [kind, holder] = ["lock", "r1"] as const;
  return { kind, place: LOCK, node, czxid, token: czxid, holder, gotAt: czxid, validAt: 0, lateAt: undefined, ...more };
}

/** A log in which a, b and c stand in the queue, one behind the other. */
function queued(mark = "-lock-"): { log: RecipeLog; a: number; b: number; c: number; zxids: readonly number[] } {
  const log = new RecipeLog();
  const [a, b, c] = [log.open(), log.open(), log.open()];
  const zxids = [a, b, c].map((session, i) => log.hold(session, place(i, mark)));
  return { log, a, b, c, zxids };
}

const wrong = (log: RecipeLog, holds: readonly Hold[], isLease = true): string[] =>
  checkHolds(holds, log.tale, isLease);

test("illegal: told to hold before its turn", () => {
  const { log, zxids } = queued();
  expect(wrong(log, [held(place(1), zxids[1]!, { gotAt: 9 })])).toHaveLength(1);
});
test("illegal: told to hold by a znode that is not in the log", () => {
  const { log } = queued();
  expect(wrong(log, [held(place(7), 5)])).toHaveLength(1);
});
test("illegal: told to hold by a znode of another life", () => {
  const { log, zxids } = queued();
  expect(wrong(log, [held(place(0), zxids[0]! + 1)])).toHaveLength(1);
});
test("illegal: told to hold before its znode was there", () => {
  const { log, zxids } = queued();
  expect(wrong(log, [held(place(0), zxids[0]!, { gotAt: zxids[0]! - 1 })])).toHaveLength(1);
});
test("illegal: told to hold although it went before those before it", () => {
  const { log, a, b, zxids } = queued();
  log.close(b);
  log.close(a);
  expect(wrong(log, [held(place(1), zxids[1]!, { gotAt: log.zxid })])).toHaveLength(1);
});
test("illegal: found valid when its session was over", () => {
  const { log, a, zxids } = queued();
  const over = log.expire(a);
  expect(wrong(log, [held(place(0), zxids[0]!, { validAt: over })])).toHaveLength(1);
});
test("illegal: another had it, and its signal had told nothing", () => {
  const { log, a, zxids } = queued();
  const over = log.expire(a);
  expect(wrong(log, [held(place(0), zxids[0]!, { lateAt: over + 1 })])).toHaveLength(1);
});
test("illegal: a later holder has no greater token", () => {
  const { log, a, zxids } = queued();
  log.close(a);
  const holds = [held(place(0), zxids[0]!, { token: 99 }), held(place(1), zxids[1]!, { gotAt: log.zxid })];
  expect(wrong(log, holds)).toHaveLength(1);
});
test("illegal: a writer beside a reader", () => {
  const { log, a } = queued("-__READ__");
  const writer = log.hold(a, place(4, "-__WRIT__"));
  expect(wrong(log, [held(place(4, "-__WRIT__"), writer, { kind: "write", gotAt: log.zxid })])).toHaveLength(1);
});
test("illegal: a reader that overtakes a writer", () => {
  const { log, a, b } = queued("-__READ__");
  log.hold(a, place(4, "-__WRIT__"));
  const reader = log.hold(b, place(5, "-__READ__"));
  expect(wrong(log, [held(place(5, "-__READ__"), reader, { kind: "read", gotAt: log.zxid })])).toHaveLength(1);
});
test("illegal: more permits than there are", () => {
  const log = new RecipeLog();
  const a = log.open();
  log.create(a, `${LOCK}/permits`, "1");
  log.create(a, `${LOCK}/leases`);
  const first = log.hold(a, `${LOCK}/leases/x-0000000000`);
  log.hold(a, `${LOCK}/leases/x-0000000001`);
  expect(wrong(log, [held(`${LOCK}/leases/x-0000000000`, first, { kind: "permit" })])).toHaveLength(1);
});

test("legal: told late of what was its own long ago, and is over by now", () => {
  const { log, a, zxids } = queued();
  log.close(a);
  expect(wrong(log, [held(place(0), zxids[0]!, { gotAt: log.zxid })])).toEqual([]);
});
test("legal: the one in the middle goes, and the last waits for the first only", () => {
  const { log, a, b, zxids } = queued();
  log.close(b);
  log.close(a);
  expect(wrong(log, [held(place(2), zxids[2]!, { gotAt: log.zxid })])).toEqual([]);
});
test("legal: found valid after somebody deleted its znode, of which it had not heard", () => {
  const { log, b, zxids } = queued();
  const gone = log.delete(b, place(0));
  expect(wrong(log, [held(place(0), zxids[0]!, { validAt: gone + 3, lateAt: gone + 3 })])).toEqual([]);
});
test("legal: found valid after its session was ended by order, where there are orders", () => {
  const { log, a, zxids } = queued();
  const over = log.expire(a);
  expect(wrong(log, [held(place(0), zxids[0]!, { validAt: over })], false)).toEqual([]);
});
test("legal: found valid up to the very entry before the end of its session", () => {
  const { log, a, zxids } = queued();
  const over = log.expire(a);
  expect(wrong(log, [held(place(0), zxids[0]!, { validAt: over - 1 })])).toEqual([]);
});
test("legal: many readers at once, and behind them a writer when they have gone", () => {
  const { log, a, b, c, zxids } = queued("-__READ__");
  const holds = zxids.map((czxid, i) => held(place(i, "-__READ__"), czxid, { kind: "read" }));
  const late = log.open();
  const writer = log.hold(late, place(3, "-__WRIT__"));
  for (const session of [c, a, b]) log.close(session);
  holds.push(held(place(3, "-__WRIT__"), writer, { kind: "write", gotAt: log.zxid }));
  expect(wrong(log, holds)).toEqual([]);
});
test("legal: the queue's numbers begin anew with a new life of its znode, and tokens grow on", () => {
  const { log, a, b, c, zxids } = queued();
  for (const session of [a, b, c]) log.close(session);
  log.delete(1, LOCK);
  const next = log.open();
  const first = log.hold(next, place(0));
  expect(wrong(log, [held(place(2), zxids[2]!, { gotAt: 12 }), held(place(0), first)])).toEqual([]);
});
test("legal: a writer that became a reader keeps its token, which is smaller than those of readers", () => {
  const { log, a, zxids } = queued("-__WRIT__");
  const reader = log.multi(a, creation(place(0, "-__READ__"), "", 1), deletion(place(0, "-__WRIT__")));
  const now = log.tale.livesOf(place(0, "-__READ__"))[0];
  expect(now?.czxid).toBe(reader);
  const hold = held(place(0, "-__READ__"), reader, { kind: "read", token: zxids[0]! });
  expect(wrong(log, [held(place(0, "-__WRIT__"), zxids[0]!, { kind: "write" }), hold])).toEqual([]);
});
test("legal: fewer permits than are held, after the number was lowered", () => {
  const log = new RecipeLog();
  const a = log.open();
  log.create(a, `${LOCK}/permits`, "2");
  log.create(a, `${LOCK}/leases`);
  const first = log.hold(a, `${LOCK}/leases/x-0000000000`);
  log.hold(a, `${LOCK}/leases/x-0000000001`);
  log.set(a, `${LOCK}/permits`, "1");
  expect(wrong(log, [held(`${LOCK}/leases/x-0000000000`, first, { kind: "permit" })])).toEqual([]);
});

/** A lock that changes hands from a to b, and what a store makes of it. */
function fenced(
  ...attempts: readonly (readonly [who: "a" | "b", isTaken: boolean, at: "before" | "after"])[]
): string[] {
  const { log, a, zxids } = queued();
  const before = log.sync();
  log.expire(a);
  const after = log.sync();
  const holds = [held(place(0), zxids[0]!), held(place(1), zxids[1]!, { gotAt: after })];
  const tokens = { a: zxids[0]!, b: zxids[1]! };
  const made = attempts.map(([who, isTaken, at]): Attempt => {
    const token = tokens[who];
    return { store: LOCK, token, shown: token, isTaken, at: at === "before" ? before : after };
  });
  return checkFencing(made, holds, log.tale);
}

test.each([
  [
    "a former holder is let in after the next one",
    [
      ["b", true, "after"],
      ["a", true, "after"],
    ],
  ],
  [
    "a former holder is let in a second time",
    [
      ["a", true, "before"],
      ["b", true, "after"],
      ["a", true, "after"],
    ],
  ],
  ["the holder is refused", [["a", false, "before"]]],
  [
    "the next holder is refused",
    [
      ["a", true, "before"],
      ["b", false, "after"],
    ],
  ],
  [
    "the holder is let in once and then refused",
    [
      ["a", true, "before"],
      ["a", false, "before"],
    ],
  ],
] as const)("illegal for a fenced store: %s", (_name, attempts) => {
  expect(fenced(...attempts)).toHaveLength(1);
});
test("illegal for a fenced store: somebody comes with a token that nobody had", () => {
  const { log } = queued();
  expect(checkFencing([{ store: LOCK, token: 77, shown: 77, isTaken: true, at: 5 }], [], log.tale)).toHaveLength(1);
});
test.each([
  ["nobody comes", []],
  [
    "a former holder is refused after the next one",
    [
      ["b", true, "after"],
      ["a", false, "after"],
    ],
  ],
  [
    "a former holder is let in as long as the next one has not come",
    [
      ["a", true, "after"],
      ["b", true, "after"],
    ],
  ],
  [
    "a holder comes twice",
    [
      ["a", true, "before"],
      ["a", true, "after"],
    ],
  ],
  ["a former holder is refused for no reason", [["a", false, "after"]]],
] as const)("legal for a fenced store: %s", (_name, attempts) => {
  expect(fenced(...attempts)).toEqual([]);
});

const GUARDED = `${ROOT}/guarded`;
const says = (node: string, czxid: number): string => JSON.stringify({ node, czxid });

test.each([
  ["a write of one who waits", (one) => one.log.create(one.c, GUARDED, says(place(1), one.zxids[1]!))],
  [
    "a write of one whose session is over",
    (one) => (one.log.expire(one.a), one.log.create(one.c, GUARDED, says(place(0), one.zxids[0]!))),
  ],
  [
    "a write of one who was evicted",
    (one) => (one.log.delete(one.c, place(0)), one.log.create(one.c, GUARDED, says(place(0), one.zxids[0]!))),
  ],
  ["a write in the name of nobody", (one) => one.log.create(one.c, GUARDED, "x")],
  [
    "a second write, when the holder has gone",
    (one) => (
      one.log.create(one.c, GUARDED, says(place(0), one.zxids[0]!)),
      one.log.expire(one.a),
      one.log.set(one.c, GUARDED, says(place(0), one.zxids[0]!))
    ),
  ],
] as readonly (readonly [string, (one: ReturnType<typeof queued>) => number])[])("illegal: %s", (_name, act) => {
  const one = queued();
  act(one);
  expect(checkGuarded(GUARDED, one.log.tale)).toHaveLength(1);
});
test.each([
  ["nothing was written", () => 0],
  ["a write of the holder", (one) => one.log.create(one.c, GUARDED, says(place(0), one.zxids[0]!))],
  [
    "two writes of the holder",
    (one) => (
      one.log.create(one.c, GUARDED, says(place(0), one.zxids[0]!)),
      one.log.set(one.c, GUARDED, says(place(0), one.zxids[0]!))
    ),
  ],
  [
    "a write of the next one, when its turn has come",
    (one) => (one.log.close(one.a), one.log.create(one.c, GUARDED, says(place(1), one.zxids[1]!))),
  ],
  [
    "a write, and the holder goes right after it",
    (one) => (one.log.create(one.c, GUARDED, says(place(0), one.zxids[0]!)), one.log.close(one.a)),
  ],
] as readonly (readonly [string, (one: ReturnType<typeof queued>) => number])[])("legal: %s", (_name, act) => {
  const one = queued();
  act(one);
  expect(checkGuarded(GUARDED, one.log.tale)).toEqual([]);
});
