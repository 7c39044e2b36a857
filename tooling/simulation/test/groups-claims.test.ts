/** Claims and offsets in the log of a group: what must never stand there is refused, what only looks odd is taken. */
import { describe, expect, test } from "vitest";
import { checkClaims } from "../src/check/groups/claims.ts";
import { type Book, group, said } from "./groups-hand-made.ts";

const judged = (book: Book): string => said(checkClaims(book.facts, book.notes.sought));

describe("claims", () => {
  test("refuses a claim of what another has", () => {
    const book = group({ a: "t0", b: "" });
    book.claim("a", "t0");
    book.divide("a", { a: "", b: "t0" }).claim("b", "t0");
    expect(judged(book)).toContain("b claims t/0, which a has");
  });

  test("refuses a token that is not greater than all before", () => {
    const book = group({ a: "t0" });
    book.let(book.claim("a", "t0"));
    book.claim("a", "t0", 2);
    expect(judged(book)).toContain("a claims t/0 with 2, after");
  });

  test("refuses a claim by who is no member, or was one in another session", () => {
    const gone = group({ a: "t0" }).leave("a");
    gone.claim("a", "t0");
    expect(judged(gone)).toContain("is no member");
    const earlier = group({ a: "t0" });
    const held = { key: "t/0", member: "a", token: earlier.at + 1, session: earlier.sessionOf("a") - 1 };
    earlier.entry({ kind: "claim", ...held });
    expect(judged(earlier)).toContain("is no member");
  });

  test("refuses a claim of what is another's to have, or nobody's", () => {
    const book = group({ a: "t0", b: "t1" });
    book.claim("a", "t1");
    expect(judged(book)).toContain("a claims t/1, which it is not to have");
    const before = group({ a: "" });
    before.claim("a", "t0");
    expect(judged(before)).toContain("which it is not to have");
  });

  test("refuses the end of a claim that did not stand", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    book.let(held).let(held);
    expect(judged(book)).toContain("is let go");
  });

  test("takes a claim in the very next entry after the last owner's end, however that came", () => {
    for (const gone of ["own", "foreign", "closed", "expired"] as const) {
      const book = group({ a: "t0", b: "" });
      const held = book.claim("a", "t0");
      book.divide("a", { a: "", b: "t0" }).let(held, gone).claim("b", "t0");
      expect(judged(book)).toBe("");
    }
  });

  test("takes two claims with one token: of two partitions, in one transaction", () => {
    const book = group({ a: "t0 t1" });
    const token = book.at + 1;
    const held = { member: "a", token, session: book.sessionOf("a") };
    book.entry({ kind: "claim", key: "t/0", ...held }, { kind: "claim", key: "t/1", ...held });
    expect(judged(book)).toBe("");
  });

  test("takes a claim that goes on although its target is another's by now, and its member is gone before it", () => {
    const book = group({ a: "t0", b: "" });
    const held = book.claim("a", "t0");
    book.divide("a", { a: "", b: "t0" }).commit(held, 3).leave("a").commit(held, 4).let(held);
    expect(judged(book)).toBe("");
  });

  test("takes the same member with the same partition again, in a later session", () => {
    const book = group({ a: "t0" });
    book.let(book.claim("a", "t0"), "expired").leave("a", "expired").join("a").claim("a", "t0");
    expect(judged(book)).toBe("");
  });
});

describe("offsets", () => {
  test("refuses a commit by a claim that is over, or that never was", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    book.let(held).commit(held, 1);
    expect(judged(book)).toContain("which nobody has");
    const other = group({ a: "t0" });
    other.commit({ key: "t/0", member: "a", token: 1, session: 1 }, 1);
    expect(judged(other)).toContain("which nobody has");
  });

  test("refuses a commit by an earlier claim of the same member, by another member and from another session", () => {
    const book = group({ a: "t0" });
    const first = book.claim("a", "t0");
    const second = book.let(first).claim("a", "t0");
    expect(judged(book.commit(first, 1))).toContain("by " + first.token);
    for (const wrong of [{ member: "b" }, { session: 1 }]) {
      const again = group({ a: "t0" });
      expect(judged(again.commit({ ...again.claim("a", "t0"), ...wrong }, 1))).toContain("which a has");
    }
    expect(second.token).toBeGreaterThan(first.token);
  });

  test("refuses an offset that goes back, also where another one was asked for, or asked for too late", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    expect(judged(book.commit(held, 5).seek(held, 3).commit(held, 2))).toContain("goes back from 5 to 2");
    const late = group({ a: "t0" });
    const claim = late.claim("a", "t0");
    expect(judged(late.commit(claim, 5).commit(claim, 2).seek(claim, 2))).toContain("goes back");
  });

  test("refuses an offset that goes back with another owner", () => {
    const book = group({ a: "t0", b: "" });
    const first = book.claim("a", "t0");
    book.commit(first, 5).divide("a", { a: "", b: "t0" }).let(first);
    expect(judged(book.commit(book.claim("b", "t0"), 4))).toContain("goes back from 5 to 4");
  });

  test("refuses an administrator who sets or deletes what somebody has", () => {
    const set = group({ a: "t0" });
    set.claim("a", "t0");
    expect(judged(set.reset("t0", 0))).toContain("an administrator sets");
    const deleted = group({ a: "t0" });
    deleted.claim("a", "t0");
    deleted.entry({ kind: "unoffset", key: "t/0" });
    expect(judged(deleted)).toContain("is deleted");
  });

  test("takes the same offset again, and the last one together with the end of its claim", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    const { key, member, token, session } = held;
    book.commit(held, 4).commit(held, 4);
    book.entry(
      { kind: "offset", key, offset: 6, claim: token, member, session },
      { kind: "unclaim", key, token, gone: "own" },
    );
    expect(judged(book)).toBe("");
  });

  test("takes an offset that goes back because it was sought, written long after it was asked for", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    book.commit(held, 5).seek(held, 1).commit(held, 6).commit(held, 1);
    expect(judged(book)).toBe("");
  });

  test("takes an administrator who sets back or deletes what nobody has, and who begins from there", () => {
    const book = group({ a: "t0" });
    const held = book.claim("a", "t0");
    book.commit(held, 9).let(held).reset("t0", 2);
    book.commit(book.claim("a", "t0"), 3);
    expect(judged(book)).toBe("");
    const deleted = group({ a: "t0" });
    const first = deleted.claim("a", "t0");
    deleted.commit(first, 9).let(first).entry({ kind: "unoffset", key: "t/0" });
    deleted.commit(deleted.claim("a", "t0"), 1);
    expect(judged(deleted)).toBe("");
  });
});
