import { describe, expect, test } from "vitest";
import type { Entry, Proposal } from "../src/entry.ts";
import { judge, type Known, mayRefuse, NOTHING_KNOWN } from "../src/judge.ts";

const proposal = (id: number, more: Partial<Proposal> = {}): Proposal => ({
  id,
  size: 10,
  sum: id * 7,
  count: 1,
  level: 1,
  ...more,
});
const entry = (id: number, more: Partial<Entry> = {}): Entry => ({ ...proposal(id), firstZxid: 100 + id, ...more });

function known(certain: readonly Entry[], open: readonly Proposal[], more: Partial<Known> = {}): Known {
  return {
    ...NOTHING_KNOWN,
    certain,
    open,
    given: new Map(certain.map(({ firstZxid, id }) => [firstZxid, id])),
    ...more,
  };
}

const two = [entry(1), entry(2)];
const acked = known(two, [proposal(3), proposal(4)]);

describe("is wrong", () => {
  test.each<[string, Known, Entry[], string]>([
    ["an acknowledged record that is gone", acked, [entry(1)], "lost: #2"],
    ["an empty log where something was acknowledged", acked, [], "lost: #1"],
    ["other bytes than were acknowledged", acked, [entry(1), entry(2, { sum: 1 })], "changed: #2"],
    ["an acknowledged record at another zxid", acked, [entry(1), entry(2, { firstZxid: 150 })], "changed: #2"],
    ["two acknowledged records in the other order", acked, [entry(2), entry(1)], "changed: #2"],
    ["a record that nobody proposed", acked, [...two, entry(9)], "invented: #9"],
    ["a later proposal without the one before it", acked, [...two, entry(4)], "invented: #4"],
    ["a proposal of which half the bytes came back", acked, [...two, entry(3, { size: 5, sum: 5 })], "invented: #3"],
    ["a proposal with another number of entries", acked, [...two, entry(3, { count: 2 })], "invented: #3"],
    ["more than was proposed", known(two, []), [...two, entry(3)], "nothing was proposed"],
    ["a record twice", known([], [proposal(1), proposal(1)]), [entry(1), entry(1, { firstZxid: 102 })], "twice: #1"],
    [
      "zxids that overlap",
      known([], [proposal(1, { count: 5 }), proposal(2)]),
      [entry(1, { count: 5 }), entry(2)],
      "order: #2",
    ],
    [
      "a zxid that once stood for something else",
      known([], [proposal(3)], { given: new Map([[103, 2]]) }),
      [entry(3)],
      "zxid: 103 stood for #2",
    ],
    ["half of a restored log", known([], [proposal(1), proposal(2)], { isRestore: true }), [entry(1)], "half: 1 of 2"],
  ])("%s", (_, before, recovered, what) => {
    expect(judge(before, recovered).join("\n")).toContain(what);
  });

  test("a log that does not start, but for a restore that was cut short", () => {
    const cutShort = "DAMAGED: a restore into this directory was cut short: empty it and restore again";
    expect(mayRefuse(acked, cutShort)).toBe(false);
    expect(mayRefuse(NOTHING_KNOWN, cutShort)).toBe(false);
    expect(mayRefuse(known([], [proposal(1)], { isRestore: true }), "DAMAGED: file log-1")).toBe(false);
    expect(mayRefuse(known([], [proposal(1)], { isRestore: true }), cutShort)).toBe(true);
  });
});

describe("is right, odd as it looks", () => {
  test.each<[string, Known, Entry[]]>([
    ["nothing, where nothing is known", NOTHING_KNOWN, []],
    ["none of what was under way", acked, two],
    ["a prefix of what was under way", acked, [...two, entry(3)]],
    ["all of what was under way", acked, [...two, entry(3), entry(4)]],
    ["a gap in the zxids, where a new epoch began", acked, [...two, entry(3, { firstZxid: 2 ** 32 + 1 })]],
    [
      "the same bytes again under another number",
      known([entry(1)], [proposal(2, { sum: 7 })]),
      [entry(1), entry(2, { sum: 7 })],
    ],
    ["a body of no bytes", known([], [proposal(1, { size: 0, sum: 0 })]), [entry(1, { size: 0, sum: 0 })]],
    ["a restored log that is not there", known([], [proposal(1)], { isRestore: true }), []],
    ["a restored log that is there", known([], [proposal(1)], { isRestore: true }), [entry(1)]],
    [
      "a zxid that stands for what it always stood for",
      known([], [proposal(3)], { given: new Map([[103, 3]]) }),
      [entry(3)],
    ],
  ])("%s", (_, before, recovered) => {
    expect(judge(before, recovered)).toEqual([]);
  });
});
