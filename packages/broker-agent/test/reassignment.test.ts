import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  cancelReassignment,
  checkPartition,
  completeReassignment,
  isReassigning,
  type PartitionState,
  type Reassigned,
  reassignmentProgress,
  startReassignment,
  targetOf,
  withIsr,
} from "../src/index.ts";
import { BROKERS, brokerSet, partition, quiet, set } from "./states.ts";

const ALL = new Set(Array.from({ length: BROKERS }, (_, id) => id));

function changed(result: Reassigned): PartitionState {
  if (result.outcome !== "changed") throw new Error(`expected a change, got ${result.outcome}`);
  return result.state;
}

describe("a reassignment", () => {
  test("starts with the target first, those that go behind it, and no new epoch", () => {
    expect(changed(startReassignment(partition(), [5, 2, 4], ALL))).toEqual(
      partition({ replicas: [5, 2, 4, 1, 3], adding: [4, 5], removing: [1, 3], isr: [1, 2, 3], leader: 1 }),
    );
  });

  test("is complete when all of the target are in sync, and not before", () => {
    const moving = changed(startReassignment(partition(), [4, 5, 2], ALL));
    expect(reassignmentProgress(moving)).toEqual({
      originals: [2, 1, 3],
      target: [4, 5, 2],
      missing: [4, 5],
      complete: false,
    });
    const half = withIsr(moving, [1, 2, 3, 4]);
    expect(completeReassignment(half, ALL)).toEqual({ outcome: "unchanged" });
    const all = withIsr(moving, [1, 2, 4, 5]);
    expect(reassignmentProgress(all)?.complete).toBe(true);
    expect(changed(completeReassignment(all, ALL))).toEqual(
      partition({ replicas: [4, 5, 2], leader: 4, leaderEpoch: 6, isr: [2, 4, 5] }),
    );
  });

  test("keeps a leader that stays, hands over to a live one otherwise, and waits if there is none", () => {
    const moving = changed(startReassignment(partition({ leader: 2 }), [4, 2], ALL));
    expect(changed(completeReassignment(withIsr(moving, [1, 2, 4]), ALL))).toMatchObject({ leader: 2, leaderEpoch: 6 });
    const leaving = withIsr(changed(startReassignment(partition(), [4, 5], ALL)), [1, 4, 5]);
    expect(changed(completeReassignment(leaving, set(1, 5)))).toMatchObject({ leader: 5, isr: [4, 5] });
    expect(completeReassignment(leaving, set(1))).toMatchObject({ outcome: "refused", why: /none of the target/ });
  });

  test("that only adds ends in the same epoch; another order alone is done at once", () => {
    const wider = withIsr(changed(startReassignment(partition(), [1, 2, 3, 4], ALL)), [1, 2, 3, 4]);
    expect(changed(completeReassignment(wider, ALL))).toMatchObject({ leaderEpoch: 5, adding: [] });
    const turned = changed(startReassignment(partition(), [3, 1, 2], ALL));
    expect(turned).toEqual(partition({ replicas: [3, 1, 2], isr: [1, 2, 3], leader: 1 }));
    expect(isReassigning(turned)).toBe(false);
    expect(startReassignment(partition(), [1, 2, 3], ALL)).toEqual({ outcome: "unchanged" });
  });

  test("replaced keeps the first originals, and drops at once what only the old one wanted", () => {
    const first = withIsr(changed(startReassignment(partition(), [4, 5, 6], ALL)), [1, 2, 3, 5]);
    const second = changed(startReassignment(first, [4, 7], ALL));
    expect(second).toMatchObject({
      replicas: [4, 7, 1, 2, 3],
      adding: [4, 7],
      removing: [1, 2, 3],
      isr: [1, 2, 3],
      leaderEpoch: 6,
    });
    expect(reassignmentProgress(second)?.originals).toEqual([1, 2, 3]);
  });

  test("whose leader is dropped by a replacement or a cancel gets another, in a new epoch", () => {
    const led = { ...withIsr(changed(startReassignment(partition(), [4, 5], ALL)), [1, 3, 4]), leader: 4 };
    expect(changed(startReassignment(led, [5, 6], ALL))).toMatchObject({ leader: 1, isr: [1, 3], leaderEpoch: 6 });
    expect(changed(cancelReassignment(led, set(3, 4)))).toMatchObject({ leader: 3, isr: [1, 3], leaderEpoch: 6 });
    expect(changed(cancelReassignment(led, set(4)))).toMatchObject({ leader: null, isr: [1, 3], leaderEpoch: 6 });
  });

  test("is not cancelled where nobody of before is in sync, unless unclean", () => {
    const gone = { ...withIsr(changed(startReassignment(partition(), [4, 5], ALL)), [1, 4]), isr: [4], leader: 4 };
    expect(cancelReassignment(gone, ALL)).toMatchObject({ outcome: "refused", why: /none would stay/ });
    expect(changed(cancelReassignment(gone, set(2, 3, 4), { unclean: true }))).toMatchObject({
      leader: 2,
      isr: [2],
      recovering: true,
      leaderEpoch: 6,
    });
    expect(cancelReassignment(partition(), ALL)).toMatchObject({ outcome: "refused", why: /no reassignment/ });
  });

  test("to dead brokers, to nobody or to one twice is refused", () => {
    expect(startReassignment(partition(), [1, 4, 6], set(1, 2, 3, 4))).toMatchObject({
      outcome: "refused",
      why: /\[6\]/,
    });
    expect(startReassignment(partition(), [3, 4], set(1, 4)).outcome).toBe("changed");
    expect(() => startReassignment(partition(), [], ALL)).toThrow(/target is empty/);
    expect(() => startReassignment(partition(), [4, 4], ALL)).toThrow(/target has broker 4 twice/);
    const many = Array.from({ length: 64 }, (_, at) => at + 10);
    expect(() => startReassignment(partition(), many, new Set(many))).toThrow(/67 replicas, more than 64/);
  });
});

describe("whatever happens to a reassignment", () => {
  const target = fc.uniqueArray(fc.nat({ max: BROKERS - 1 }), { minLength: 1, maxLength: 5 });
  const step = fc.oneof(
    fc.record({ do: fc.constant("start" as const), target }),
    fc.record({ do: fc.constant("cancel" as const) }),
    fc.record({ do: fc.constant("complete" as const) }),
    fc.record({ do: fc.constant("isr" as const), isr: brokerSet }),
  );

  test("the invariants hold, the epoch never falls, and rises when the leader changes or a replica goes", () => {
    fc.assert(
      fc.property(quiet, fc.array(step, { maxLength: 12 }), brokerSet, (first, steps, live) => {
        let state = first;
        for (const next of steps) {
          const before = state;
          if (next.do === "isr") {
            if (state.leader === null || state.recovering) continue;
            const { leader } = state;
            state = withIsr(
              state,
              state.replicas.filter((id) => id === leader || next.isr.has(id)),
            );
          } else {
            const result =
              next.do === "start"
                ? startReassignment(state, next.target, live)
                : next.do === "cancel"
                  ? cancelReassignment(state, live)
                  : completeReassignment(state, live);
            if (result.outcome === "changed") state = result.state;
          }
          checkPartition(state);
          const moved = state.leader !== before.leader || before.replicas.some((id) => !state.replicas.includes(id));
          expect(state.leaderEpoch).toBe(before.leaderEpoch + (moved ? 1 : 0));
          if (isReassigning(state)) expect(state.replicas).toEqual([...targetOf(state), ...state.removing]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("it ends with exactly the last target, in its order, once all are in sync", () => {
    fc.assert(
      fc.property(quiet, fc.array(target, { minLength: 1, maxLength: 4 }), (first, targets) => {
        let state: PartitionState = { ...first, leader: first.isr[0] ?? null, recovering: false };
        for (const wanted of targets) {
          const result = startReassignment(state, wanted, ALL);
          if (result.outcome === "changed") state = result.state;
        }
        if (isReassigning(state)) state = changed(completeReassignment(withIsr(state, state.replicas), ALL));
        expect(state.replicas).toEqual(targets.at(-1));
        expect(isReassigning(state)).toBe(false);
        expect(targets.at(-1)).toContain(state.leader);
      }),
    );
  });

  test("cancelled, however often it was replaced, the partition is on the brokers of before", () => {
    fc.assert(
      fc.property(quiet, fc.array(target, { minLength: 1, maxLength: 4 }), (first, targets) => {
        let state = first;
        for (const wanted of targets) {
          const result = startReassignment(state, wanted, ALL);
          if (result.outcome === "changed") state = result.state;
        }
        if (isReassigning(state)) state = changed(cancelReassignment(state, ALL));
        expect(new Set(state.replicas)).toEqual(new Set(first.replicas));
        expect(new Set(state.isr)).toEqual(new Set(first.isr));
      }),
    );
  });
});
