/** Effects that are promised exactly once: in the tree with the offset, and in a sink that keeps the place. */
import { describe, expect, test } from "vitest";
import { checkSink, checkTogether } from "../src/check/groups/effects.ts";
import { type Book, group, said } from "./groups-hand-made.ts";

describe("effects together with the offset", () => {
  const judged = (book: Book): string => said(checkTogether(book.facts));
  const begun = (): { readonly book: Book; readonly held: ReturnType<Book["claim"]> } => {
    const book = group({ a: "t0", b: "" });
    return { book, held: book.claim("a", "t0") };
  };

  test("refuses an effect that stands alone, with the offset before it, or with that of another partition", () => {
    const alone = begun();
    alone.book.entry({ kind: "effect", key: "t/0", offset: 0 });
    expect(judged(alone.book)).toContain("without the offset after it");
    const { book, held } = begun();
    expect(judged(book.commit(held, 0, 0))).toContain("without the offset after it");
    const other = begun();
    const { member, token, session } = other.held;
    other.book.entry(
      { kind: "effect", key: "t/0", offset: 0 },
      { kind: "offset", key: "t/1", offset: 1, claim: token, member, session },
    );
    expect(judged(other.book)).toContain("without the offset after it");
  });

  test("refuses an effect that comes twice, at once or by the next owner", () => {
    const { book, held } = begun();
    expect(judged(book.commit(held, 1, 0).commit(held, 1, 0))).toContain("the effect of t/0@0, where 1 is the next");
    const later = begun();
    later.book.commit(later.held, 1, 0).commit(later.held, 2, 1).let(later.held);
    expect(judged(later.book.commit(later.book.claim("b", "t0"), 1, 0))).toContain("where 2 is the next");
  });

  test("refuses an effect that leaves one out", () => {
    const { book, held } = begun();
    expect(judged(book.commit(held, 1, 0).commit(held, 3, 2))).toContain("the effect of t/0@2, where 1 is the next");
  });

  test("refuses an effect behind a commit that left it out", () => {
    const { book, held } = begun();
    expect(judged(book.commit(held, 1).commit(held, 1, 0))).toContain("where 1 is the next");
  });

  test("takes each once, whoever the owners are", () => {
    const { book, held } = begun();
    book.commit(held, 0).commit(held, 1, 0).commit(held, 2, 1).let(held, "expired");
    expect(judged(book.commit(book.claim("b", "t0"), 3, 2))).toBe("");
  });

  test("takes one again for each time that an administrator sets the offset back, or deletes it", () => {
    const { book, held } = begun();
    book.commit(held, 1, 0).let(held).reset("t0", 0);
    const again = book.claim("a", "t0");
    book.commit(again, 1, 0).let(again).entry({ kind: "unoffset", key: "t/0" });
    expect(judged(book.commit(book.claim("b", "t0"), 1, 0))).toBe("");
  });

  test("takes one again after a seek, and refuses it after that again", () => {
    const { book, held } = begun();
    book.commit(held, 1, 0).commit(held, 0).commit(held, 1, 0);
    expect(judged(book)).toBe("");
    expect(judged(book.commit(held, 1, 0))).toContain("where 1 is the next");
  });

  test("takes commits without effects, and effects of two partitions in turn", () => {
    const { book, held } = begun();
    const other = { ...held, key: "t/1" };
    book.commit(held, 1, 0).commit(other, 1, 0).commit(held, 2, 1).commit(other, 2, 1).commit(held, 2);
    expect(judged(book)).toBe("");
  });

  test("takes a world in which nothing was handled", () => {
    expect(judged(begun().book)).toBe("");
  });
});

describe("a sink that checks tokens", () => {
  const judged = (book: Book): string => said(checkSink(book.facts, book.notes));
  const begun = (end: number): { readonly book: Book; readonly held: ReturnType<Book["claim"]> } => {
    const book = group({ a: "t0", b: "" }).append("t0", end);
    return { book, held: book.claim("a", "t0") };
  };

  test("refuses a message that it took twice, or left out", () => {
    const twice = begun(1);
    expect(judged(twice.book.apply(twice.held, 0).apply(twice.held, 0))).toContain(
      "the sink takes t/0@0, where 1 is the next",
    );
    const { book, held } = begun(3);
    expect(judged(book.apply(held, 0).apply(held, 2))).toContain("the sink takes t/0@2, where 1 is the next");
  });

  test("refuses a smaller token after a greater one", () => {
    const { book, held } = begun(2);
    const second = book.let(held, "expired").claim("b", "t0");
    expect(judged(book.apply(second, 0).apply(held, 1))).toContain("with " + held.token);
  });

  test("refuses a token that was never a claim, or one of another partition, or is not one yet", () => {
    const never = begun(1);
    expect(judged(never.book.apply({ ...never.held, token: 1 }, 0))).toContain("which is no claim");
    const other = begun(0);
    other.book.append("t1", 1);
    expect(judged(other.book.apply({ ...other.held, key: "t/1" }, 0))).toContain("which is no claim");
    const early = begun(1);
    const { key, member, session } = early.held;
    early.book
      .apply({ key, member, session, token: early.book.at + 1 }, 0)
      .let(early.held)
      .claim("b", "t0");
    expect(judged(early.book)).toContain("which is no claim");
  });

  test("refuses a message that never came to it, also where none did", () => {
    const { book, held } = begun(2);
    expect(judged(book.apply(held, 0))).toContain("the sink has taken 1 of t/0, of 2");
    expect(judged(begun(1).book)).toContain("the sink has taken 0 of t/0, of 1");
  });

  test("refuses more than there was", () => {
    const { book, held } = begun(1);
    expect(judged(book.apply(held, 0).apply(held, 1))).toContain("the sink has taken 2 of t/0, of 1");
  });

  test("takes each once, by one claim after the other", () => {
    const { book, held } = begun(2);
    const second = book.apply(held, 0).let(held).claim("b", "t0");
    expect(judged(book.apply(second, 1))).toBe("");
  });

  test("takes a late one of a claim that has ended, as long as nobody after it has begun", () => {
    const { book, held } = begun(2);
    const second = book.let(held, "expired").claim("b", "t0");
    expect(judged(book.apply(held, 0).apply(second, 1))).toBe("");
  });

  test("takes a claim between two others that did nothing", () => {
    const { book, held } = begun(2);
    const second = book.apply(held, 0).let(held).claim("b", "t0");
    const third = book.let(second).claim("a", "t0");
    expect(judged(book.apply(third, 1))).toBe("");
  });

  test("takes partitions that nothing was appended to, and two of them in turn", () => {
    const { book, held } = begun(1);
    book.append("t1", 1).append("t2", 0);
    const other = book.claim("b", "t1");
    expect(judged(book.apply(other, 0).apply(held, 0))).toBe("");
  });
});
