/** The search for an order: hand-made histories, and random ones against every order there is. */
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import { describe, expect, test } from "vitest";
import { linearize, type Machine, type Operation } from "../src/check/linearizable.ts";
import { checkRegisters, type Given, type Part, type Refused, type RegisterCall } from "../src/check/registers.ts";

const OPEN = Number.POSITIVE_INFINITY;
const X = "/r/x";
const Y = "/r/y";

const create = (value: string, path = X): Part => ({ kind: "create", path, value });
const set = (value: string, version?: number, path = X): Part => ({ kind: "set", path, value, version });
const remove = (version?: number, path = X): Part => ({ kind: "delete", path, version });
const read = (path = X): Part => ({ kind: "read", path });
const at = (version: number, value: string): Given => ({ version, value });

const call = (start: number, end: number, parts: readonly Part[], answer: RegisterCall["answer"]): RegisterCall => ({
  client: "1",
  tag: `${start}`,
  start,
  end,
  parts,
  answer,
});
const done = (start: number, end: number, part: Part, given?: Given): RegisterCall =>
  call(start, end, [part], { kind: "done", given: [given] });
const refused = (start: number, end: number, part: Part, code: Refused): RegisterCall =>
  call(start, end, [part], { kind: "refused", code });
const open = (start: number, ...parts: readonly Part[]): RegisterCall => call(start, OPEN, parts, { kind: "open" });

const isFine = (...calls: readonly RegisterCall[]): boolean => checkRegisters(calls).violations.length === 0;

describe("takes", () => {
  test("what happened one after the other", () => {
    expect(
      isFine(done(1, 2, create("a")), done(3, 4, set("b"), 1), done(5, 6, read(), at(1, "b")), done(7, 8, remove(1))),
    ).toBe(true);
  });
  test("calls that overlap, in whichever order explains the answers", () => {
    expect(
      isFine(done(1, 2, create("a")), done(3, 9, set("b"), 2), done(4, 8, set("c"), 1), done(5, 7, read(), at(0, "a"))),
    ).toBe(true);
  });
  test("a write without an answer that happened later than it was given up", () => {
    expect(isFine(done(1, 2, create("a")), open(3, set("b")), done(5, 6, read(), at(0, "a")), done(7, 8, read(), at(1, "b")))).toBe(true); // prettier-ignore
  });
  test("a write without an answer that never happened", () => {
    expect(isFine(done(1, 2, create("a")), open(3, remove()), done(5, 6, read(), at(0, "a")))).toBe(true);
  });
  test("a refusal, by a state that there was while it was called", () => {
    expect(
      isFine(done(1, 2, create("a")), done(3, 8, remove()), refused(4, 5, create("b"), "NODE_EXISTS"), refused(6, 7, set("c"), "NO_NODE")), // prettier-ignore
    ).toBe(true);
  });
  test("a transaction of two registers, seen in both or in none", () => {
    expect(
      isFine(
        done(1, 2, create("a")),
        done(1, 2, create("a", Y)),
        call(3, 9, [set("b"), set("b", undefined, Y)], { kind: "done", given: [1, 1] }),
        done(4, 5, read(), at(0, "a")),
        done(6, 7, read(Y), at(1, "b")),
        done(8, 10, read(), at(1, "b")),
      ),
    ).toBe(true);
  });
  test("what was never sent, whatever it says", () => {
    expect(isFine(call(1, 2, [set("a")], { kind: "never" }), done(3, 4, read(), undefined))).toBe(true);
  });
});

describe("refuses", () => {
  test("a read of what was overwritten before it began", () => {
    expect(isFine(done(1, 2, create("a")), done(3, 4, set("b"), 1), done(5, 6, read(), at(0, "a")))).toBe(false);
  });
  test("two reads that see two writes in different orders", () => {
    expect(
      isFine(done(1, 2, create("a")), done(3, 10, set("b"), 1), done(4, 5, read(), at(1, "b")), done(6, 7, read(), at(0, "a"))), // prettier-ignore
    ).toBe(false);
  });
  test("a write that was acknowledged and is lost", () => {
    expect(isFine(done(1, 2, create("a")), done(3, 4, read(), undefined))).toBe(false);
  });
  test("a write that happened twice", () => {
    expect(isFine(done(1, 2, create("a")), done(3, 4, set("b"), 1), done(5, 6, read(), at(2, "b")))).toBe(false);
  });
  test("a write that was seen before it was called", () => {
    expect(isFine(done(1, 2, create("a")), done(3, 4, read(), at(1, "b")), done(5, 6, set("b"), 1))).toBe(false);
  });
  test("a refusal by a state that there never was", () => {
    expect(isFine(done(1, 2, create("a")), refused(3, 4, set("b"), "NO_NODE"))).toBe(false);
  });
  test("a write without an answer that happened, and then had not", () => {
    expect(
      isFine(
        done(1, 2, create("a")),
        open(3, set("b")),
        done(5, 6, read(), at(1, "b")),
        done(7, 8, read(), at(0, "a")),
      ),
    ).toBe(false);
  });
  test("half of a transaction", () => {
    expect(
      isFine(
        done(1, 2, create("a")),
        done(1, 2, create("a", Y)),
        open(3, set("b"), set("b", undefined, Y)),
        done(4, 5, read(), at(1, "b")),
        done(6, 7, read(Y), at(0, "a")),
      ),
    ).toBe(false);
  });
  test("two transactions that each saw the other's work", () => {
    expect(
      isFine(
        done(1, 2, create("a")),
        call(3, 9, [set("b"), create("b", Y)], { kind: "done", given: [2, undefined] }),
        call(3, 9, [set("c"), remove(undefined, Y)], { kind: "done", given: [2, undefined] }),
      ),
    ).toBe(false);
  });
});

test("a write without an answer that does not stand in the log never happened", () => {
  const calls = [done(1, 2, create("a")), open(3, set("b")), done(5, 6, read(), at(1, "b"))];
  expect(checkRegisters(calls, new Set(["1", "3"])).violations).toEqual([]);
  expect(checkRegisters(calls, new Set(["1"])).violations).toHaveLength(1);
});

test("a search that takes too long is given up, and says so", () => {
  const calls = Array.from({ length: 12 }, (): Operation<number> => ({ start: 1, end: 2, what: 0 }));
  const machine: Machine<number, number> = {
    initial: 0,
    step: (state) => (state < 11 ? state + 1 : undefined),
    keyOf: String,
  };
  expect(linearize(calls, machine, 100).kind).toBe("unknown");
});

/** Calls at random; half of them with answers that a machine gave, some with answers made up. */
function made(draw: Draw): RegisterCall[] {
  let now: { version: number; value: string } | undefined;
  return Array.from({ length: between(draw, 3, 6) }, (_, i): RegisterCall => {
    const start = between(draw, 0, 12);
    const end = start + between(draw, 1, 6);
    const part = oneOf(draw, [create(`c${i}`), set(`s${i}`), read(), read(), remove()]);
    const before = now;
    if (draw() < 0.15) return open(start, part);
    if (part.kind === "read") return done(start, end, part, draw() < 0.8 ? before : at(1, "s1"));
    if (part.kind === "create") {
      if (before !== undefined) return refused(start, end, part, "NODE_EXISTS");
      now = { version: 0, value: part.value };
      return done(start, end, part);
    }
    if (before === undefined) return refused(start, end, part, "NO_NODE");
    now = part.kind === "set" ? { version: before.version + 1, value: part.value } : undefined;
    return done(start, end, part, part.kind === "set" ? before.version + 1 : undefined);
  });
}

/** Every order of every choice of the unanswered, tried one by one. */
function hasOrder(left: readonly RegisterCall[], state: ReturnType<typeof stateOf>): boolean {
  if (left.every(({ end }) => end === OPEN)) return true;
  const firstEnd = Math.min(...left.map(({ end }) => end));
  return left.some((next, i) => {
    if (next.start > firstEnd) return false;
    const after = performed(state, next);
    return after !== "no" && hasOrder(left.toSpliced(i, 1), after);
  });
}
const stateOf = (): { version: number; value: string } | undefined => undefined;
function performed(
  state: ReturnType<typeof stateOf>,
  { parts, answer }: RegisterCall,
): ReturnType<typeof stateOf> | "no" {
  const [part] = parts as [Part];
  const isOpen = answer.kind === "open";
  const says = (code: Refused): typeof state | "no" =>
    isOpen || (answer.kind === "refused" && answer.code === code) ? state : "no";
  const gives = (given: Given, after: typeof state): typeof state | "no" =>
    isOpen || (answer.kind === "done" && JSON.stringify(answer.given[0]) === JSON.stringify(given)) ? after : "no";
  if (part.kind === "create")
    return state === undefined ? gives(undefined, { version: 0, value: part.value }) : says("NODE_EXISTS");
  if (part.kind === "read") return gives(state, state);
  if (state === undefined) return says("NO_NODE");
  if (part.kind === "set") return gives(state.version + 1, { version: state.version + 1, value: part.value });
  return gives(undefined, undefined);
}

test("over 3000 random histories it finds an order exactly where there is one", () => {
  const found = { yes: 0, no: 0 };
  for (let seed = 1; seed <= 3_000; seed++) {
    const calls = made(drawFrom(seed, "history"));
    const meant = hasOrder(calls, stateOf());
    expect([seed, isFine(...calls)]).toEqual([seed, meant]);
    found[meant ? "yes" : "no"]++;
  }
  expect(Math.min(found.yes, found.no)).toBeGreaterThan(300);
});
