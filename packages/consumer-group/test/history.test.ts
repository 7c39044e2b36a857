/** The rules of a history: a clean one passes, and each mistake is seen. */
import { expect, test } from "vitest";
import { checkHistory, type TraceEvent } from "../src/index.ts";

const of = (member: string, token: number) => ({ partition: { topic: "t", partition: 0 }, member, token });

/** `a` handles 0 to 2, and `b` goes on. */
const clean: readonly TraceEvent[] = [
  { kind: "claim", ...of("a", 10), offset: undefined },
  { kind: "commit", ...of("a", 10), offset: 0, zxid: 11, sought: false },
  { kind: "deliver", ...of("a", 10), offset: 0 },
  { kind: "deliver", ...of("a", 10), offset: 1 },
  { kind: "commit", ...of("a", 10), offset: 2, zxid: 15, sought: false },
  { kind: "deliver", ...of("a", 10), offset: 2 },
  { kind: "lost", ...of("a", 10) },
  { kind: "claim", ...of("b", 20), offset: 2 },
  { kind: "deliver", ...of("b", 20), offset: 2 },
  { kind: "commit", ...of("b", 20), offset: 3, zxid: 25, sought: false },
  { kind: "release", ...of("b", 20) },
];
const sent = new Map([["t/0", [0, 1, 2]]]);

test("a history in which everything was handled by who had the claim is clean", () => {
  expect(checkHistory(clean, sent)).toEqual([]);
});

const at = (index: number, ...events: TraceEvent[]): TraceEvent[] => clean.toSpliced(index, 0, ...events);

test.each<[mistake: string, history: readonly TraceEvent[], seen: RegExp]>([
  ["two claims with one token", at(8, { kind: "claim", ...of("c", 20), offset: 2 }), /one token for two claims/],
  [
    "a claim of a member with a smaller token than before",
    at(11, { kind: "claim", ...of("b", 19), offset: 3 }),
    /claims that do not rise/,
  ],
  [
    "a commit after the next claim",
    at(8, { kind: "commit", ...of("a", 10), offset: 3, zxid: 21, sought: false }),
    /a commit after the next claim/,
  ],
  [
    "a commit before its claim",
    at(8, { kind: "commit", ...of("b", 20), offset: 3, zxid: 19, sought: false }),
    /a commit before its claim/,
  ],
  [
    "a commit by a claim that nobody made",
    at(8, { kind: "commit", ...of("c", 18), offset: 3, zxid: 19, sought: false }),
    /a commit of no claim/,
  ],
  [
    "a commit with the token of another",
    at(8, { kind: "commit", ...of("c", 20), offset: 3, zxid: 22, sought: false }),
    /a commit by another member/,
  ],
  [
    "an offset that goes back",
    at(10, { kind: "commit", ...of("b", 20), offset: 1, zxid: 26, sought: false }),
    /an offset that goes back/,
  ],
  [
    "a claim that begins before what was committed",
    clean.with(7, { kind: "claim", ...of("b", 20), offset: 1 }),
    /an offset that goes back/,
  ],
  ["a delivery after the loss", at(7, { kind: "deliver", ...of("a", 10), offset: 2 }), /a delivery without a claim/],
  [
    "a delivery after the giving back",
    at(11, { kind: "deliver", ...of("b", 20), offset: 3 }),
    /a delivery without a claim/,
  ],
  [
    "a delivery by an earlier claim of the same member",
    at(11, { kind: "claim", ...of("b", 30), offset: 3 }, { kind: "deliver", ...of("b", 20), offset: 3 }),
    /a delivery by an earlier claim/,
  ],
  [
    "a message that nobody was given",
    clean.filter((event) => event.kind !== "deliver" || event.offset !== 1),
    /1 never delivered: 1/,
  ],
])("the check sees %s", (_mistake, history, seen) => {
  const wrong = checkHistory(history, sent);
  expect(wrong.length).toBeGreaterThan(0);
  expect(wrong.join("\n")).toMatch(seen);
});

test("an offset may go back by a seek", () => {
  const history = at(10, { kind: "commit", ...of("b", 20), offset: 1, zxid: 26, sought: true });
  expect(checkHistory(history, sent)).toEqual([]);
});

test("a claim may begin where the claim before it wanted to go, though the answer never came; and where no other did", () => {
  const began = clean.with(7, { kind: "claim", ...of("b", 20), offset: 1 });
  const sought = (token: number, offset: number): readonly string[] =>
    checkHistory(began.toSpliced(6, 0, { kind: "seek", ...of("a", token), offset }), sent);
  expect(sought(10, 1)).toEqual([]);
  expect(sought(10, 0).length).toBe(1);
  expect(sought(9, 1).length).toBe(1);
});
