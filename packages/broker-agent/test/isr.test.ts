import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  acknowledgement,
  afterFetch,
  type BrokerStanding,
  type FollowerProgress,
  hasEnoughInSync,
  judgeJoin,
  laggards,
  type LeaderView,
  maximalIsr,
  nextHighWatermark,
  type PartitionState,
  startProgress,
} from "../src/index.ts";
import { partition } from "./states.ts";

const LAG = 30_000;

function follower(change: Partial<FollowerProgress> = {}): FollowerProgress {
  return { endOffset: 100, caughtUpAt: 0, fetchedAt: 0, leaderEndAtFetch: 100, brokerEpoch: 7, ...change };
}

function view(
  state: Partial<PartitionState>,
  followers: readonly (readonly [number, Partial<FollowerProgress>])[],
  { leaderEnd = 100, now = 0 }: { leaderEnd?: number; now?: number } = {},
): LeaderView {
  const known = followers.map(([id, change]): [number, FollowerProgress] => [id, follower(change)]);
  return { state: partition(state), leaderEnd, now, followers: new Map(known) };
}

const well: BrokerStanding = { epoch: 7, fenced: false, draining: false };

describe("a follower's fetch", () => {
  test("at the leader's end: caught up now", () => {
    expect(afterFetch(follower(), { offset: 120, at: 50, brokerEpoch: 7 }, 120)).toEqual({
      endOffset: 120,
      caughtUpAt: 50,
      fetchedAt: 50,
      leaderEndAtFetch: 120,
      brokerEpoch: 7,
    });
  });

  test("at the end as it was at the fetch before: caught up then", () => {
    const before = follower({ caughtUpAt: 10, fetchedAt: 40, leaderEndAtFetch: 100 });
    expect(afterFetch(before, { offset: 100, at: 50, brokerEpoch: 7 }, 500).caughtUpAt).toBe(40);
    expect(afterFetch(before, { offset: 99, at: 50, brokerEpoch: 7 }, 500).caughtUpAt).toBe(10);
  });

  test("of an earlier life of its broker changes nothing", () => {
    const before = follower();
    expect(afterFetch(before, { offset: 100, at: 50, brokerEpoch: 6 }, 100)).toBe(before);
  });

  test("never takes back when it was caught up", () => {
    const step = fc.record({ offset: fc.nat(50), grow: fc.nat(20), wait: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        let [progress, end, at] = [follower({ endOffset: 0, leaderEndAtFetch: 0 }), 0, 0];
        for (const { offset, grow, wait } of steps) {
          end += grow;
          at += wait;
          const next = afterFetch(progress, { offset: Math.min(offset, end), at, brokerEpoch: 7 }, end);
          expect(next.caughtUpAt).toBeGreaterThanOrEqual(progress.caughtUpAt);
          expect(next.caughtUpAt).toBeLessThanOrEqual(at);
          progress = next;
        }
      }),
    );
  });

  test("as fast as the leader writes keeps a follower in sync that never reaches the end", () => {
    let progress = follower({ endOffset: 0, leaderEndAtFetch: 0 });
    for (let second = 1; second <= 120; second += 1) {
      progress = afterFetch(progress, { offset: (second - 1) * 10, at: second * 1_000, brokerEpoch: 7 }, second * 10);
    }
    const late: LeaderView = {
      state: partition({ replicas: [1, 2] }),
      leaderEnd: 1_200,
      now: 121_000,
      followers: new Map([[2, progress]]),
    };
    expect(progress.endOffset).toBeLessThan(1_200);
    expect(laggards(late)).toEqual([]);
  });
});

describe("falling behind", () => {
  test("takes the lag time, to the millisecond, and needs another end than the leader's", () => {
    const at = (now: number, endOffset = 99): number[] =>
      laggards(view({ replicas: [1, 2] }, [[2, { endOffset, caughtUpAt: 0 }]], { now }));
    expect(at(LAG)).toEqual([]);
    expect(at(LAG + 1)).toEqual([2]);
    expect(at(LAG + 1, 100)).toEqual([]);
  });

  test("of those in sync only, never of the leader", () => {
    const followers = [
      [2, { endOffset: 1 }],
      [3, { endOffset: 1 }],
    ] as const;
    expect(laggards(view({ isr: [1, 3] }, followers, { now: LAG * 2 }))).toEqual([3]);
  });

  test("counts from its first moment for a new leader's followers in sync; the others are behind at once", () => {
    const state = partition({ isr: [1, 2] });
    const followers = startProgress(state, 1, 5_000);
    expect([...followers.keys()]).toEqual([2, 3]);
    const everybody = { ...state, isr: [1, 2, 3] };
    expect(laggards({ state: everybody, leaderEnd: 9, now: 5_000, followers })).toEqual([3]);
    expect(laggards({ state, leaderEnd: 9, now: 5_000 + LAG, followers })).toEqual([]);
    expect(laggards({ state, leaderEnd: 9, now: 5_001 + LAG, followers })).toEqual([2]);
  });

  test("of a replica that nobody knows is refused", () => {
    expect(() => laggards(view({}, []))).toThrow(/no progress of replica 2/);
  });
});

describe("coming into sync", () => {
  const offsets = { highWatermark: 90, epochStart: 80 };
  const lone = { replicas: [1, 2], isr: [1] };

  test.each<[string, Partial<PartitionState>, Partial<FollowerProgress>, BrokerStanding | undefined, typeof offsets]>([
    ["eligible", lone, { endOffset: 90 }, well, offsets],
    ["behind-high-watermark", lone, { endOffset: 89 }, well, offsets],
    ["behind-epoch-start", lone, { endOffset: 94 }, well, { highWatermark: 90, epochStart: 95 }],
    ["unregistered", lone, {}, undefined, offsets],
    ["fenced", lone, {}, { ...well, fenced: true }, offsets],
    ["draining", lone, {}, { ...well, draining: true }, offsets],
    ["stale-broker-epoch", lone, { brokerEpoch: 6 }, well, offsets],
    ["stale-broker-epoch", lone, { brokerEpoch: null }, well, offsets],
    ["recovering", { ...lone, recovering: true }, {}, well, offsets],
    ["in-sync", { replicas: [1, 2] }, {}, well, offsets],
    ["not-a-replica", { replicas: [1] }, {}, well, offsets],
  ])("is judged %s", (verdict, state, progress, broker, at) => {
    expect(judgeJoin(view(state, [[2, progress]]), 2, broker, at)).toBe(verdict);
  });
});

describe("the high watermark", () => {
  const mark = {
    current: 40,
    minInSync: 1,
    proposed: null,
    brokers: new Map([
      [2, well],
      [3, well],
    ]),
  };

  test("is the least end of those in sync", () => {
    expect(
      nextHighWatermark(
        view({}, [
          [2, { endOffset: 70 }],
          [3, { endOffset: 60 }],
        ]),
        mark,
      ),
    ).toBe(60);
  });

  test("counts those whose coming is asked for, and those whose leaving is", () => {
    const late = view(
      { isr: [1, 2] },
      [
        [2, { endOffset: 70, caughtUpAt: -LAG }],
        [3, { endOffset: 60, caughtUpAt: -LAG }],
      ],
      { now: 1 },
    );
    expect(nextHighWatermark(late, mark)).toBe(70);
    expect(nextHighWatermark(late, { ...mark, proposed: [1, 2, 3] })).toBe(60);
    expect(nextHighWatermark(late, { ...mark, proposed: [1] })).toBe(70);
    expect(maximalIsr(late.state, [1, 3])).toEqual([1, 2, 3]);
  });

  test("waits for a follower that is caught up and may join, not for one that may not", () => {
    const near = view(
      { isr: [1, 2] },
      [
        [2, { endOffset: 70 }],
        [3, { endOffset: 60 }],
      ],
      { now: 1 },
    );
    expect(nextHighWatermark(near, mark)).toBe(60);
    const brokers = new Map([...mark.brokers, [3, { ...well, fenced: true }]]);
    expect(nextHighWatermark(near, { ...mark, brokers })).toBe(70);
  });

  test("stands still while what one in sync has fetched is of an earlier life of its broker, or it is not registered", () => {
    const both = view({}, [
      [2, { endOffset: 70 }],
      [3, { endOffset: 60 }],
    ]);
    expect(
      nextHighWatermark(both, {
        ...mark,
        brokers: new Map([
          [2, well],
          [3, { ...well, epoch: 8 }],
        ]),
      }),
    ).toBe(40);
    expect(nextHighWatermark(both, { ...mark, brokers: new Map([[2, well]]) })).toBe(40);
  });

  test("stands still below min.insync, counted in what is committed", () => {
    const lonely = view({ isr: [1] }, [
      [2, {}],
      [3, {}],
    ]);
    expect(nextHighWatermark(lonely, { ...mark, minInSync: 2 })).toBe(40);
    expect(nextHighWatermark(lonely, { ...mark, minInSync: 2, proposed: [1, 2] })).toBe(40);
    expect(nextHighWatermark(lonely, mark)).toBe(100);
  });

  test("never falls, and never passes one that is in sync or may become so by the change in flight", () => {
    const any = fc.record({
      ends: fc.tuple(fc.nat(200), fc.nat(200)),
      isr: fc.subarray([2, 3]),
      proposed: fc.option(fc.subarray([2, 3])),
      current: fc.nat(100),
    });
    fc.assert(
      fc.property(any, ({ ends: [two, three], isr, proposed, current }) => {
        const asked = proposed === null ? null : [1, ...proposed];
        const at = view(
          { isr: [1, ...isr] },
          [
            [2, { endOffset: two }],
            [3, { endOffset: three }],
          ],
          { leaderEnd: 200 },
        );
        const next = nextHighWatermark(at, { ...mark, current, proposed: asked });
        expect(next).toBeGreaterThanOrEqual(current);
        for (const [id, end] of [
          [2, two],
          [3, three],
        ] as const) {
          if (isr.includes(id) || proposed?.includes(id) === true)
            expect(next).toBeLessThanOrEqual(Math.max(current, end));
        }
      }),
    );
  });
});

describe("a write that everybody must acknowledge", () => {
  test("needs min.insync, but no more than there are replicas", () => {
    expect(hasEnoughInSync(partition({ isr: [1] }), 2)).toBe(false);
    expect(hasEnoughInSync(partition({ isr: [1, 2] }), 2)).toBe(true);
    expect(hasEnoughInSync(partition({ replicas: [1], isr: [1] }), 2)).toBe(true);
    expect(() => hasEnoughInSync(partition(), 0)).toThrow(/minInSync is 0/);
  });

  test("waits for the high watermark, then is acknowledged or had too few", () => {
    const alone = partition({ isr: [1] });
    expect(acknowledgement(alone, 11, { current: 10, minInSync: 2, proposed: null })).toBe("waiting");
    expect(acknowledgement(alone, 10, { current: 10, minInSync: 2, proposed: null })).toBe("too-few");
    expect(acknowledgement(alone, 10, { current: 10, minInSync: 2, proposed: [1, 2] })).toBe("acknowledged");
    expect(acknowledgement(alone, 10, { current: 10, minInSync: 1, proposed: null })).toBe("acknowledged");
  });
});
