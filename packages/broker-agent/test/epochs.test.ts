import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dropBefore, dropFrom, endOffsetFor, EPOCHS_MAX, type Epochs, truncationFor, withEpoch } from "../src/index.ts";

const THREE: Epochs = [
  { epoch: 2, startOffset: 10 },
  { epoch: 5, startOffset: 20 },
  { epoch: 6, startOffset: 35 },
];

describe("where an epoch ends", () => {
  test.each([
    ["the last one, where the log ends", 6, { epoch: 6, endOffset: 50 }],
    ["another, where the next begins", 5, { epoch: 5, endOffset: 35 }],
    ["one without records, where the one before it ends", 4, { epoch: 2, endOffset: 20 }],
    ["one from before the log, where the log begins", 1, { epoch: 1, endOffset: 10 }],
    ["a later one, nobody knows", 7, undefined],
  ])("%s", (_, epoch, end) => {
    expect(endOffsetFor(THREE, epoch, 50)).toEqual(end);
  });

  test("of an empty log nobody knows", () => {
    expect(endOffsetFor([], 0, 0)).toBeUndefined();
  });
});

describe("a log's epochs", () => {
  test("forget what a new one contradicts", () => {
    expect(withEpoch(THREE, 7, 50)).toEqual([...THREE, { epoch: 7, startOffset: 50 }]);
    expect(withEpoch(THREE, 6, 40)).toBe(THREE);
    expect(withEpoch(THREE, 5, 15)).toEqual([THREE[0], { epoch: 5, startOffset: 15 }]);
    expect(withEpoch(THREE, 8, 20)).toEqual([THREE[0], { epoch: 8, startOffset: 20 }]);
  });

  test("lose those that begin at the cut or after it", () => {
    expect(dropFrom(THREE, 35)).toEqual(THREE.slice(0, 2));
    expect(dropFrom(THREE, 36)).toEqual(THREE);
    expect(dropFrom(THREE, 0)).toEqual([]);
  });

  test("begin with the one that the log's new beginning belongs to", () => {
    expect(dropBefore(THREE, 25)).toEqual([{ epoch: 5, startOffset: 25 }, THREE[2]]);
    expect(dropBefore(THREE, 35)).toEqual([THREE[2]]);
    expect(dropBefore(THREE, 99)).toEqual([{ epoch: 6, startOffset: 99 }]);
    expect(dropBefore(THREE, 3)).toBe(THREE);
  });

  test("are bounded, and take whole numbers", () => {
    const full: Epochs = Array.from({ length: EPOCHS_MAX }, (_, at) => ({ epoch: at, startOffset: at }));
    expect(() => withEpoch(full, EPOCHS_MAX, EPOCHS_MAX)).toThrow(/more than 100000 epochs/);
    expect(() => withEpoch([], -1, 0)).toThrow(/epoch is -1/);
    expect(() => endOffsetFor([], 0, 0.5)).toThrow(/logEnd is 0.5/);
  });
});

describe("a follower's truncation", () => {
  test.each<[string, Parameters<typeof truncationFor>[3], { offset: number; done: boolean }]>([
    ["to what is committed, when the leader cannot know", undefined, { offset: 30, done: true }],
    ["to the leader's end of the same epoch", { epoch: 6, endOffset: 40 }, { offset: 40, done: true }],
    ["to its own end of it, if that is less", { epoch: 5, endOffset: 60 }, { offset: 35, done: true }],
    ["not beyond its own log", { epoch: 6, endOffset: 70 }, { offset: 50, done: true }],
    [
      "to its last common epoch's end at most, and asks again",
      { epoch: 4, endOffset: 28 },
      { offset: 20, done: false },
    ],
    ["by the leader's word where it knows nothing", { epoch: 9, endOffset: 45 }, { offset: 45, done: true }],
  ])("goes %s", (_, answer, truncation) => {
    expect(truncationFor(THREE, 50, 30, answer)).toEqual(truncation);
  });

  /** A log as the epoch of each record; two of them share a beginning and then go their own ways. */
  const logs = fc
    .tuple(
      fc.array(fc.nat(5), { maxLength: 12 }),
      fc.array(fc.integer({ min: 6, max: 14 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 6, max: 14 }), { maxLength: 8 }),
    )
    .map(([common, one, two]) => {
      const sorted = (epochs: number[]): number[] => epochs.toSorted((a, b) => a - b);
      // One leader an epoch: what the two have apart is of epochs that the other has not.
      const leader = sorted([...common, ...one.filter((epoch) => epoch % 2 === 0)]);
      const behind = sorted([...common, ...two.filter((epoch) => epoch % 2 === 1)]);
      return { leader, follower: behind };
    });

  function epochsOf(log: readonly number[]): Epochs {
    return log.reduce<Epochs>((epochs, epoch, offset) => withEpoch(epochs, epoch, offset), []);
  }

  test("ends with a log that the leader's begins with, and keeps all that both have", () => {
    fc.assert(
      fc.property(logs, ({ leader, follower }) => {
        let log = follower;
        let common = 0;
        while (common < log.length && log[common] === leader[common]) common += 1;
        for (let asked = 0; ; asked += 1) {
          expect(asked).toBeLessThan(20);
          const last = log.at(-1);
          if (last === undefined) break;
          const answer = endOffsetFor(epochsOf(leader), last, leader.length);
          const { offset, done } = truncationFor(epochsOf(log), log.length, common, answer);
          log = log.slice(0, offset);
          if (done) break;
        }
        expect(log).toEqual(leader.slice(0, log.length));
        expect(log.length).toBe(common);
      }),
    );
  });
});
