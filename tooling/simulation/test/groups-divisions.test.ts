/** Who is to have what: by whom it was written, of whom, in which shares, and whether it came to rest. */
import { describe, expect, test } from "vitest";
import { checkDivisions } from "../src/check/groups/divisions.ts";
import { type Book, group, keyIn, said } from "./groups-hand-made.ts";

const judged = (book: Book): string => said(checkDivisions(book.facts));
const atRest = (book: Book, partitions: string): string =>
  said(checkDivisions(book.facts, { until: book.at, partitions: partitions.split(" ").filter(Boolean).map(keyIn) }));

describe("divisions", () => {
  test("refuses one by who does not lead, or who leads no more", () => {
    expect(judged(group({ a: "t0", b: "t1" }).divide("b", { a: "t1", b: "t0" }))).toContain("while");
    const book = group({ a: "t0", b: "t1" }).resign("a");
    expect(judged(book.divide("a", { a: "t0", b: "t1" }))).toContain("leads");
  });

  test("refuses an epoch that does not grow", () => {
    const book = group({ a: "t0" }).join("b").divide("a", { a: "t0", b: "" }, { epoch: 5 });
    expect(judged(book.leave("b").divide("a", { a: "t0" }, { epoch: 4 }))).toContain("epoch 4: after epoch 5");
  });

  test("refuses targets of one who was never there, and of one who is long gone", () => {
    expect(judged(group({ a: "t0" }).divide("a", { a: "", ghost: "t0" }))).toContain("who were never the members");
    const book = group({ a: "t0", b: "t1" }).leave("b", "expired").divide("a", { a: "t0 t1" });
    book.join("c").divide("a", { a: "t0", c: "t1" });
    expect(judged(book.divide("a", { a: "t0", b: "t1" }))).toContain("who were never the members");
  });

  test("refuses a division that forgets a member which was there all the time", () => {
    const book = group({ a: "t0 t1" }).join("b").divide("a", { a: "t0", b: "t1" });
    expect(judged(book.divide("a", { a: "t0 t1" }))).toContain("who were never the members");
  });

  test("refuses a new leader that goes by the members of the leader before it", () => {
    const book = group({ a: "t0", b: "t1", c: "t2" }).leave("c").divide("a", { a: "t0 t2", b: "t1" });
    book.leave("a").resign("a");
    expect(judged(book.divide("b", { a: "t0 t2", b: "t1" }))).toContain("who were never the members");
  });

  test("refuses one partition for two", () => {
    expect(judged(group({ a: "t0", b: "t0" }))).toContain("t/0 is for a and for b");
  });

  test("refuses a partition for nobody between others", () => {
    expect(judged(group({ a: "t0", b: "t2" }))).toContain("t/2 is for somebody, one before it not");
  });

  test("refuses shares that are not even", () => {
    expect(judged(group({ a: "t0 t1", b: "" }))).toContain("shares of 2, 0");
    expect(judged(group({ a: "t0 t1 u0 u1", b: "" }).join("c"))).toContain("shares of 4, 0");
  });

  test("refuses moves that nobody needed", () => {
    const swapped = group({ a: "t0", b: "t1" }).join("c").divide("a", { a: "t1", b: "t0", c: "" });
    expect(judged(swapped)).toContain("0 partitions stay with whom they were, where 2 could");
    const spread = group({ a: "t0 t1", b: "t2 t3" }).join("c").divide("a", { a: "t0 t2", b: "t3", c: "t1" });
    expect(judged(spread)).toContain("2 partitions stay with whom they were, where 3 could");
  });

  test("takes a division of the members as they were a moment ago, as long as later ones do not go back behind it", () => {
    const book = group({ a: "t0 t1" }).join("b").join("c").divide("a", { a: "t0", b: "t1" });
    expect(judged(book.divide("a", { a: "t0", b: "t1", c: "" }))).toBe("");
  });

  test("takes what waits for a static member that is away, and shares of the rest alone", () => {
    const book = group({ a: "t0", b: "t1", s: "t2" }).leave("s", "own", true).leave("b", "expired");
    expect(judged(book.divide("a", { a: "t0 t1", s: "t2" }))).toBe("");
  });

  test("takes what is left when all have gone but one that is away: gaps and all", () => {
    const book = group({ a: "t0 t2", s: "t1 t3" }).leave("s", "own", true).leave("a");
    expect(judged(book.divide("a", { s: "t1 t3" }))).toBe("");
  });

  test("takes other shares by assignors that go topic by topic, and refuses those shares of a sticky one", () => {
    const more = { assignor: "range" };
    const range = group({ a: "", b: "" }).divide("a", { a: "t0 u0 v0", b: "" }, more);
    expect(judged(range)).toBe("");
    expect(judged(group({ a: "t0 u0 v0", b: "" }))).toContain("shares of 3, 0");
  });

  test("takes any move by an assignor that does not look at what was", () => {
    const book = group({ a: "t0", b: "t1" }).join("c");
    expect(judged(book.divide("a", { a: "t1", b: "t0", c: "" }, { assignor: "roundrobin" }))).toBe("");
  });

  test("takes it again after a partition was claimed that was for nobody: when the leader saw that cannot be told", () => {
    const book = group({ a: "t0", b: "t1" });
    book.claim("a", "t2");
    expect(judged(book.divide("a", { a: "t1", b: "t0 t2" }))).toBe("");
  });

  test("takes it that a partition stays with who has not given it back yet, when who was to have it is gone", () => {
    const book = group({ a: "t0 t1", b: "t2" });
    book.claim("a", "t0");
    book.join("c").divide("a", { a: "t1", b: "t2", c: "t0" }).leave("c");
    expect(judged(book.divide("a", { a: "t0", b: "t1 t2" }))).toBe("");
  });

  test("takes a record that is written again as it was, and one that leaves nobody", () => {
    const book = group({ a: "t0" }).divide("a", { a: "t0" }, { epoch: 1 }).leave("a");
    expect(judged(book.divide("a", {}))).toBe("");
  });
});

describe("a group at rest", () => {
  const settled = (targets: Readonly<Record<string, string>>): Book => {
    const book = group(targets);
    for (const [member, text] of Object.entries(targets))
      for (const name of text.split(" ").filter(Boolean)) book.claim(member, name);
    return book;
  };

  test("refuses a partition for nobody, one that nobody has and one that another has", () => {
    expect(atRest(settled({ a: "t0" }), "t0 t1")).toContain("t/1 is for nobody at rest");
    expect(atRest(group({ a: "t0" }), "t0")).toContain("t/0 is for a at rest, and undefined has it");
    const book = settled({ a: "t0", b: "t1" });
    expect(atRest(book.divide("a", { a: "t1", b: "t0" }, { assignor: "range" }), "t0 t1")).toContain(
      "is for b at rest, and a has it",
    );
  });

  test("refuses a member that nothing was said of, and one that is gone", () => {
    expect(atRest(settled({ a: "t0" }).join("b"), "t0")).toContain("b is a member at rest, and nothing was said of it");
    expect(atRest(settled({ a: "t0", b: "" }).leave("b"), "t0")).toContain(
      "b is to have something at rest, and is gone",
    );
  });

  test("refuses a claim that is left of what is for nobody", () => {
    const book = settled({ a: "t0" });
    book.claim("a", "u0");
    expect(atRest(book, "t0")).toContain("u/0 is for undefined at rest, and a has it");
  });

  test("refuses a group that is divided again and again, though nobody comes or goes", () => {
    const book = settled({ a: "t0", b: "t1" });
    for (let round = 0; round < 6; round++) book.divide("a", { a: "t0", b: "t1" });
    expect(atRest(book, "t0 t1")).toContain("7 divisions after the last change of members");
  });

  test("takes one that is settled, whatever happens to it after that", () => {
    const book = settled({ a: "t0", b: "t1" });
    const until = book.at;
    book.leave("a").leave("b").join("z");
    const rest = { until, partitions: ["t/0", "t/1"] };
    expect(said(checkDivisions(book.facts, rest))).toBe("");
  });

  test("takes members that have nothing, and a few rounds", () => {
    const book = settled({ a: "t0", b: "", c: "" });
    for (let round = 0; round < 3; round++) book.divide("a", { a: "t0", b: "", c: "" });
    expect(atRest(book, "t0")).toBe("");
  });

  test("takes many rounds while members come and go", () => {
    const book = settled({ a: "t0" });
    for (let round = 0; round < 8; round++)
      book
        .join(`m${round}`)
        .divide("a", { a: "t0", [`m${round}`]: "" })
        .leave(`m${round}`)
        .divide("a", { a: "t0" });
    expect(atRest(book, "t0")).toBe("");
  });

  test("takes a claim that moved and came back", () => {
    const book = group({ a: "t0", b: "t1" });
    const first = book.claim("a", "t0");
    book.claim("b", "t1");
    const moved = book
      .join("c")
      .divide("a", { a: "", b: "t1", c: "t0" }, { assignor: "range" })
      .let(first)
      .claim("c", "t0");
    book.leave("c").divide("a", { a: "t0", b: "t1" }).let(moved).claim("a", "t0");
    expect(atRest(book, "t0 t1")).toBe("");
  });

  test("takes a group without partitions", () => {
    expect(atRest(group({ a: "" }), "")).toBe("");
  });
});
