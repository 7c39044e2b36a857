import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkPartition,
  isReassigning,
  type PartitionState,
  REPLICAS_MAX,
  targetOf,
  withIsr,
  withoutBrokers,
  withRecovered,
} from "../src/index.ts";
import { brokerSet, partition, quiet, set } from "./states.ts";

describe("a partition's invariants", () => {
  test.each<[string, Partial<PartitionState>, RegExp]>([
    ["a broker twice", { replicas: [1, 2, 1] }, /replicas has broker 1 twice/],
    ["a broker that is no id", { replicas: [1, -2] }, /replicas\[1\] is -2, not a whole number from 0 to 2147483647/],
    ["too many", { replicas: Array.from({ length: REPLICAS_MAX + 1 }, (_, id) => id) }, /65 replicas, more than 64/],
    ["a stranger in sync", { isr: [1, 4] }, /isr has broker 4, which is not in replicas/],
    ["a stranger that comes", { adding: [4] }, /adding has broker 4/],
    ["a stranger that goes", { removing: [4] }, /removing has broker 4/],
    ["one that comes and goes", { adding: [2], removing: [2] }, /broker 2 is in adding and in removing/],
    ["nobody stays", { removing: [1, 2, 3] }, /removing takes all 3 replicas/],
    ["nobody in sync", { isr: [], leader: null }, /isr is empty/],
    ["a leader that is not in sync", { isr: [2, 3] }, /leader 1 is not in isr \[2,3\]/],
    ["two in sync while recovering", { recovering: true }, /recovering, but isr has 3 members/],
    ["an epoch that is none", { leaderEpoch: 0.5 }, /leaderEpoch is 0.5/],
  ])("refuse %s", (_, change, error) => {
    expect(() => checkPartition(partition(change))).toThrow(error);
    expect(() => checkPartition(partition(change))).toThrow(RangeError);
  });

  test("hold for what is made here", () => {
    fc.assert(fc.property(quiet, checkPartition));
  });
});

describe("the end of brokers", () => {
  test("takes a leader from its partition with a new epoch, and a follower out of sync without one", () => {
    expect(withoutBrokers(partition(), set(1))).toEqual(partition({ leader: null, leaderEpoch: 6, isr: [2, 3] }));
    expect(withoutBrokers(partition(), set(3))).toEqual(partition({ isr: [1, 2] }));
  });

  test("leaves the last known in sync", () => {
    expect(withoutBrokers(partition({ isr: [1] }), set(1))).toEqual(
      partition({ leader: null, leaderEpoch: 6, isr: [1] }),
    );
    expect(withoutBrokers(partition(), set(1, 2, 3)).isr).toEqual([1, 2, 3]);
  });

  test("told twice changes nothing more, and keeps the invariants", () => {
    fc.assert(
      fc.property(quiet, brokerSet, (state, gone) => {
        const once = withoutBrokers(state, gone);
        checkPartition(once);
        expect(withoutBrokers(once, gone)).toBe(once);
        expect(once.leader !== null && gone.has(once.leader)).toBe(false);
        expect(once.leaderEpoch - state.leaderEpoch).toBe(once.leader === state.leader ? 0 : 1);
      }),
    );
  });
});

describe("a leader's own changes", () => {
  test("of the in-sync replicas leave the epoch", () => {
    expect(withIsr(partition(), [1, 3])).toEqual(partition({ isr: [1, 3] }));
  });

  test("are refused from nobody, without itself, and with others while it recovers", () => {
    expect(() => withIsr(partition({ leader: null }), [1])).toThrow(/nobody leads/);
    expect(() => withIsr(partition(), [2, 3])).toThrow(/leader 1 is not in isr/);
    const recovering = partition({ isr: [1], recovering: true });
    expect(() => withIsr(recovering, [1, 2])).toThrow(/recovering/);
    expect(withIsr(withRecovered(recovering), [1, 2]).isr).toEqual([1, 2]);
    expect(() => withRecovered({ ...recovering, leader: null })).toThrow(/nobody leads/);
  });
});

test("a partition with somebody coming or going is reassigning, and its target is who stays", () => {
  expect(isReassigning(partition())).toBe(false);
  expect(isReassigning(partition({ adding: [1] }))).toBe(true);
  expect(targetOf(partition({ removing: [2] }))).toEqual([1, 3]);
  expect(isReassigning(partition({ removing: [2] }))).toBe(true);
});
