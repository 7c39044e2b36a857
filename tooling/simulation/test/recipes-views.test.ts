import { expect, test } from "vitest";
import type { Run, View } from "../src/check/recipes/book.ts";
import { checkRuns, leaderText, statesOfElection } from "../src/check/recipes/elections.ts";
import { checkFollowing } from "../src/check/recipes/numbers.ts";
import { cacheLine, checkViews, memberLine } from "../src/check/recipes/views.ts";
import type { Sleep } from "../src/history.ts";
import { RecipeLog, ROOT } from "./recipes-log.ts";

const CACHED = `${ROOT}/cached`;
const A = `${CACHED}/a`;

/** The root comes at 3, a at 4, changes at 5, goes at 7; at 6 something happens beside it. */
function cached(): RecipeLog {
  const log = new RecipeLog();
  log.create(1, CACHED, "r");
  log.create(1, A, "x");
  log.set(1, A, "y");
  log.create(1, `${ROOT}/other`);
  log.delete(1, A);
  return log;
}
const root = cacheLine(CACHED, 3, 3, "r");
const view = (zxid: number, lines: readonly string[], at = 9): View => ({
  who: "r1",
  of: "cache",
  path: CACHED,
  zxid,
  at,
  lines,
});
const VIEWS: Readonly<Record<"illegal" | "legal", readonly (readonly [string, readonly View[]])[]>> = {
  illegal: [
    ["what was before", [view(5, [root, cacheLine(A, 4, 4, "x")])]],
    ["what was not yet", [view(4, [root, cacheLine(A, 4, 5, "y")])]],
    ["a znode that has gone", [view(7, [root, cacheLine(A, 4, 5, "y")])]],
    ["a znode too few", [view(5, [root])]],
    ["other data", [view(5, [root, cacheLine(A, 4, 5, "z")])]],
    ["a zxid of the future", [view(7, [root], 6)]],
    ["an older state after a newer one", [view(7, [root]), view(4, [root, cacheLine(A, 4, 4, "x")])]],
  ],
  legal: [
    ["nothing, before there is anything", [view(2, [])]],
    ["what is there", [view(4, [root, cacheLine(A, 4, 4, "x")])]],
    ["the same at a later zxid, since nothing changed", [view(6, [root, cacheLine(A, 4, 5, "y")])]],
    ["the states one after the other, with some left out", [view(3, [root]), view(7, [root])]],
    ["the same twice", [view(7, [root]), view(7, [root])]],
    ["an older state, to another", [view(7, [root]), { ...view(3, [root]), who: "r2" }]],
  ],
};
test.each(VIEWS.illegal)("illegal for a cache to show %s", (_name, views) => {
  expect(checkViews(views, cached().tale)).toHaveLength(1);
});
test.each(VIEWS.legal)("legal for a cache to show %s", (_name, views) => {
  expect(checkViews(views, cached().tale)).toEqual([]);
});
test("a group has its ephemeral children, and no others", () => {
  const log = new RecipeLog();
  const session = log.open();
  const group = `${ROOT}/group`;
  log.create(1, group);
  log.create(1, `${group}/stays`);
  const epoch = log.hold(session, `${group}/a`, "x");
  const seen = (lines: readonly string[]): View => ({ ...view(epoch, lines), of: "group", path: group });
  expect(checkViews([seen([memberLine("a", epoch, "x")])], log.tale)).toEqual([]);
  expect(checkViews([seen([])], log.tale)).toHaveLength(1);
  expect(checkViews([seen([memberLine("a", 1, "x")])], log.tale)).toHaveLength(1);
});

const ELECTION = `${ROOT}/election`;
const stands = (number: number): string => `${ELECTION}/x-lock-${String(number).padStart(10, "0")}`;
const says = (value?: string): string =>
  JSON.stringify({ identity: "x", ...(value === undefined ? {} : { value: Buffer.from(value).toString("base64") }) });

/** a leads and says something, b leads after it and says something, then nobody. */
function elected(): { readonly log: RecipeLog; readonly a: number; readonly b: number } {
  const log = new RecipeLog();
  const [first, second] = [log.open(), log.open()];
  const a = log.hold(first, stands(0), says());
  log.set(first, stands(0), says("one"));
  const b = log.hold(second, stands(1), says());
  log.close(first);
  log.set(second, stands(1), says("two"));
  log.close(second);
  return { log, a, b };
}
type Leads = (terms: {
  readonly a: string;
  readonly aOne: string;
  readonly b: string;
  readonly bTwo: string;
}) => readonly string[];
function observed(told: Leads): string[] {
  const { log, a, b } = elected();
  const terms = {
    a: leaderText(a, undefined),
    aOne: leaderText(a, "one"),
    b: leaderText(b, undefined),
    bTwo: leaderText(b, "two"),
  };
  const all = told(terms).map((what) => ({ what, at: log.zxid }));
  return checkFollowing({ who: "r1", path: ELECTION, told: all }, statesOfElection(ELECTION, log.tale));
}
const LED: Readonly<Record<"illegal" | "legal", readonly (readonly [string, Leads])[]>> = {
  illegal: [
    ["a term after a later one", ({ b, aOne }) => [b, aOne]],
    ["an earlier value of the same term", ({ aOne, a }) => [aOne, a]],
    ["a term that never was", () => [leaderText(1, undefined)]],
    ["a value that the leader never said", ({ a }) => [a.replace("-", "three")]],
    ["nobody, between two who followed each other", ({ aOne, b }) => [aOne, "nobody", b]],
  ],
  legal: [
    ["nothing", () => []],
    ["all, in their order", ({ a, aOne, b, bTwo }) => ["nobody", a, aOne, b, bTwo, "nobody"]],
    ["the newest only", () => ["nobody"]],
    ["the leader twice, after a new connection", ({ b }) => [b, b]],
    ["a later value and then the next leader's", ({ aOne, bTwo }) => [aOne, bTwo]],
  ],
};
test.each(LED.illegal)("illegal to be told who leads: %s", (_name, told) => {
  expect(observed(told)).toHaveLength(1);
});
test.each(LED.legal)("legal to be told who leads: %s", (_name, told) => {
  expect(observed(told)).toEqual([]);
});

const JOB = `${ROOT}/job`;
const EVERY_MS = 100;
const candidate = (number: number): string => `${JOB}/candidates/x-lock-${String(number).padStart(10, "0")}`;
type RunStep = "a begins" | "b begins" | "a ends";
/** Two stand; who begins a run, and whose session ends, one after the other. */
function begun(...steps: readonly RunStep[]): {
  readonly log: RecipeLog;
  readonly terms: readonly number[];
} {
  const log = new RecipeLog();
  const sessions = [log.open(), log.open()];
  const terms = sessions.map((session, i) => log.hold(session, candidate(i)));
  for (const step of steps) {
    const data = JSON.stringify({ identity: "x", term: terms[step[0] === "a" ? 0 : 1] });
    if (step === "a ends") log.close(sessions[0]!);
    else if (log.tale.at(`${JOB}/last`, log.zxid) === undefined) log.create(1, `${JOB}/last`, data);
    else log.set(1, `${JOB}/last`, data);
  }
  return { log, terms };
}
const runs = (...times: readonly number[]): Run[] => times.map((timeMs) => ({ who: "r1", path: JOB, term: 0, timeMs }));
type Begun = readonly [string, readonly RunStep[], readonly Run[], number | undefined];
const BEGUN: Readonly<Record<"illegal" | "legal", readonly Begun[]>> = {
  illegal: [
    ["one runs who does not lead", ["b begins"], [], EVERY_MS],
    ["one runs who leads no more", ["a ends", "a begins"], [], EVERY_MS],
    ["a run that was not begun", ["a begins"], runs(0, 200), EVERY_MS],
    ["a run too early", ["a begins", "a begins"], runs(0, 99), EVERY_MS],
    ["two runs at once", ["a begins", "a begins"], runs(0, 0), EVERY_MS],
  ],
  legal: [
    ["it never runs", [], [], EVERY_MS],
    ["runs of one leader after the other", ["a begins", "a ends", "b begins"], runs(0, 100), EVERY_MS],
    ["a run is begun and never made", ["a begins", "a begins"], runs(300), EVERY_MS],
    ["a run long after the one before", ["a begins", "a begins"], runs(0, 9_999), EVERY_MS],
    ["runs too early by a clock that was set", ["a begins", "a begins"], runs(0, 5), undefined],
  ],
};
test.each(BEGUN.illegal)("illegal for a periodic job: %s", (_name, steps, made, everyMs) => {
  expect(checkRuns(made, JOB, everyMs, begun(...steps).log.tale)).toHaveLength(1);
});
test.each(BEGUN.legal)("legal for a periodic job: %s", (_name, steps, made, everyMs) => {
  expect(checkRuns(made, JOB, everyMs, begun(...steps).log.tale)).toEqual([]);
});

/** Runs that the server's clock tells as 60 ms apart; it slept once, with its log stamped up to then. */
const wrongWith = (sleep: Sleep): readonly string[] =>
  checkRuns(runs(60, 120), JOB, EVERY_MS, begun("a begins", "a begins").log.tale, [sleep]);
test("legal for a periodic job: the server's clock does not count what its machine slept between two runs", () => {
  expect(wrongWith({ timeMs: 60, ms: 40 })).toEqual([]);
  expect(wrongWith({ timeMs: 110, ms: 5_000 })).toEqual([]);
});
test("illegal for a periodic job: a run too early by more than the server slept between it and the one before", () => {
  expect(wrongWith({ timeMs: 60, ms: 39 })).toHaveLength(1);
  expect(wrongWith({ timeMs: 50, ms: 5_000 })).toHaveLength(1);
  expect(wrongWith({ timeMs: 130, ms: 5_000 })).toHaveLength(1);
});
