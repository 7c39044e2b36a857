/** What handlers were given, beside the log of a group. */
import { describe, expect, test } from "vitest";
import { checkHandling, type HandlingRules } from "../src/check/groups/handling.ts";
import { type Book, group, said } from "./groups-hand-made.ts";

const RULES: HandlingRules = { concurrency: 1, commits: true, counts: "work", clocksTell: true };
const judged = (book: Book, rules: Partial<HandlingRules> = {}): string =>
  said(checkHandling(book.facts, book.notes, { ...RULES, ...rules }));

describe("what is handed out", () => {
  test("refuses a call without a claim, before it, or by another partition's", () => {
    const book = group({ a: "t0 t1" });
    book.handle({ key: "t/0", member: "a", token: book.at + 1, session: 1 }, 0);
    const held = book.claim("a", "t0");
    book.handle({ ...held, key: "t/1" }, 0);
    expect(judged(book).match(/there is no such claim yet/g)).toHaveLength(2);
  });

  test("refuses a call after the own session gave the claim back", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    book.let(held).handle(held, 0);
    expect(judged(book)).toContain("its own session had given the claim back");
  });

  test("refuses a call after the session's end where clocks tell of it; takes it where they cannot", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    book.let(held, "expired").handle(held, 0);
    expect(judged(book)).toContain("the clocks told so");
    expect(judged(book, { clocksTell: false })).toBe("");
  });

  test("takes a call after another has taken the claim away: only the server knows yet", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    book.let(held, "foreign").handle(held, 0);
    expect(judged(book)).toBe("");
  });

  test("refuses a message that is left out, also the first ones of a claim", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    book.handle(held, 0);
    book.handle(held, 2);
    expect(judged(book)).toContain("1 is to come, and it was never begun");
    const skipping = group({ a: "t0" });
    skipping.handle(skipping.claim("a", "t0"), 1);
    expect(judged(skipping)).toContain("0 is to come");
  });

  test("refuses a claim that begins behind or before what is committed", () => {
    for (const from of [1, 3]) {
      const book = group({ a: "t0" });
      const first = book.claim("a", "t0");
      book.handle(first, 0);
      book.handle(first, 1);
      book.commit(first, 2).let(first);
      book.handle(book.claim("a", "t0"), from);
      expect(judged(book)).toContain("2 is to come");
    }
  });

  test("refuses a message that the same claim has handled, and one out of order", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    for (const offset of [0, 1, 0]) book.handle(held, offset);
    expect(judged(book)).toContain("2 is to come, and this very claim has handled it");
  });

  test("refuses two at once where one is to run, and three where two are", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    const all = [0, 1, 2].map((offset) => book.handle(held, offset, "runs"));
    for (const call of all) book.end(call);
    expect(judged(book)).toContain("while 1 others run");
    expect(judged(book, { concurrency: 2 })).toContain("while 2 others run");
    expect(judged(book, { concurrency: 3 })).toBe("");
  });

  test("refuses a call by a new claim while one of the same consumer runs for the old one", () => {
    const book = group({ a: "t0" });
    const first = book.claim("a", "t0");
    const call = book.handle(first, 0, "runs");
    book.handle(book.let(first).claim("a", "t0"), 0);
    book.end(call);
    expect(judged(book, { concurrency: 5 })).toContain("runs");
  });

  test("takes it by another consumer in the same process, and after a handler whose process is dead", () => {
    const book = group({ a: "t0", b: "" });
    const first = book.claim("a", "t0");
    book.handle(first, 0, "runs", "p");
    const second = book.let(first, "closed").claim("a", "t0");
    book.handle(second, 0, "runs", "p", 2);
    book.divide("a", { a: "", b: "t0" }).let(second, "expired");
    book.handle(book.claim("b", "t0"), 0, "done", "p'2");
    expect(judged(book)).toBe("");
  });

  test("takes a message again that threw, and all from where somebody sought, whichever comes first", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    book.handle(held, 0);
    book.handle(held, 1, "throws");
    book.handle(held, 1);
    book.seek(held, 0);
    for (const offset of [2, 0, 1]) book.handle(held, offset);
    expect(judged(book)).toBe("");
  });

  test("takes a message that threw and is sought too, and then goes on from either", () => {
    for (const rest of [
      [2, 3],
      [1, 2],
    ]) {
      const book = group({ a: "t0" });
      const held = book.claim("a", "t0");
      book.handle(held, 0, "throws");
      book.handle(held, 1);
      book.seek(held, 0).handle(held, 0);
      for (const offset of rest) book.handle(held, offset);
      expect(judged(book, { concurrency: 2 })).toBe("");
    }
  });

  test("takes a claim that begins where the last commit was, though more had been handled", () => {
    const book = group({ a: "t0" });
    const first = book.claim("a", "t0");
    for (const offset of [0, 1, 2]) book.handle(first, offset);
    book.commit(first, 1).let(first, "expired");
    book.handle(book.claim("a", "t0"), 1);
    expect(judged(book)).toBe("");
  });
});

describe("what is committed and what is lost", () => {
  test("refuses a commit of what nobody has handled, has not handled yet, or has thrown at", () => {
    const never = group({ a: "t0" });
    expect(judged(never.commit(never.claim("a", "t0"), 1))).toContain("0 has not been handled");
    for (const how of ["runs", "throws"] as const) {
      const book = group({ a: "t0" });
      const held = book.claim("a", "t0");
      const call = book.handle(held, 0, how);
      book.commit(held, 1);
      if (how === "runs") book.end(call);
      expect(judged(book)).toContain("1 of t/0 is committed, and 0 has not been handled");
    }
  });

  test("refuses a commit behind a gap", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    const slow = book.handle(held, 0, "runs");
    book.handle(held, 1);
    book.commit(held, 2);
    book.end(slow);
    expect(judged(book, { concurrency: 2 })).toContain("0 has not been handled");
  });

  test("refuses a commit without the effect, where effects count, though a handler has run", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    book.handle(held, 0);
    expect(judged(book.commit(held, 1), { counts: "effects" })).toContain("0 has not been handled");
  });

  test("refuses a message that was appended and never handled, or whose effect is not there", () => {
    const book = group({ a: "t0" }).append("t0", 2);
    const held = book.claim("a", "t0");
    book.handle(held, 0);
    expect(judged(book)).toBe("t/0@1 was appended, and has never been handled");
    expect(judged(book.commit(held, 1, 0), { counts: "effects" })).toBe(
      "t/0@1 was appended, and has never been handled",
    );
  });

  test("refuses a message that was only begun", () => {
    const book = group({ a: "t0" }).append("t0", 1);
    book.handle(book.claim("a", "t0"), 0, "runs");
    expect(judged(book)).toContain("has never been handled");
  });

  test("takes what was handled by one whose commit never came, and what another has committed for it", () => {
    const book = group({ a: "t0", b: "" }).append("t0", 2);
    const first = book.claim("a", "t0");
    book.handle(first, 0);
    book.divide("a", { a: "", b: "t0" }).let(first, "expired");
    const second = book.claim("b", "t0");
    book.handle(second, 0);
    book.handle(second, 1);
    expect(judged(book.commit(second, 2))).toBe("");
  });

  test("takes a commit of nothing, and an effect in the entry of its offset", () => {
    const book = group({ a: "t0" }).append("t0", 1);
    const held = book.claim("a", "t0");
    const call = book.handle(held, 0, "runs");
    book.commit(held, 0).commit(held, 1, 0);
    book.end(call, true);
    expect(judged(book, { counts: "effects" })).toBe("");
  });

  test("takes a work that was done before its handler threw, and an administrator who sets what nobody handled", () => {
    const book = group({ a: "t0" }).append("t0", 1);
    const held = book.claim("a", "t0");
    const call = book.handle(held, 0, "runs");
    call.worked = book.at;
    book.end(call, true);
    book.commit(held, 1).let(held).reset("t0", 0);
    expect(judged(book)).toBe("");
  });
});
