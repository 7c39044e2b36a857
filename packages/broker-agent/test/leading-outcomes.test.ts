/**
 * What a leader makes of each outcome of its changes, whatever the image shows by then: an image that is being sent again is behind the
 * answers to the leader's own writes.
 */
import { CorralError } from "@corral/client";
import { describe, expect, test } from "vitest";
import type { IsrChange, IsrOutcome } from "../src/host/isr-changes.ts";
import { Leader } from "../src/host/leading.ts";
import type { Life } from "../src/host/life.ts";
import type { PartitionState } from "../src/partition/state.ts";
import { fresh } from "./cluster.ts";

const STANDING = { epoch: 7, fenced: false, draining: false };
const ID = { topic: "t", topicId: "i", partition: 0 };

interface Stage {
  readonly leader: Leader;
  readonly asked: IsrChange[];
  readonly show: (version: number, state: PartitionState) => void;
  /** Of the latest change. */
  readonly answer: (outcome: IsrOutcome) => void;
}

/** A leader whose followers have all before 10; the third one is not in sync, and asks to be. */
function asking(): Stage {
  const asked: IsrChange[] = [];
  let now = 0;
  const life = { isValid: true, guard: { path: "/brokers/1", czxid: 5 } } as Partial<Life> as Life;
  const view = (version: number, state: PartitionState) => ({ ...ID, state, version, mzxid: version });
  const stage: Stage = {
    asked,
    leader: new Leader(ID, view(0, fresh([1, 2, 3], { isr: [1, 2] })), {
      broker: 1,
      life,
      path: "/p/i/0",
      nowMs: () => now,
      lagTimeMs: () => 1_000,
      minInSync: () => 1,
      standings: () => new Map([2, 3].map((id) => [id, STANDING])),
      unchanged: (id) => ({ path: `/brokers/${id}`, mzxid: 8 }),
      sameLife: (id) => ({ path: `/brokers/${id}`, czxid: STANDING.epoch }),
      write: (change) => asked.push(change),
      failed: (error) => {
        throw error;
      },
    }),
    show: (version, state) => {
      stage.leader.update(view(version, state));
    },
    answer: (outcome) => {
      asked.at(-1)?.settle(outcome);
    },
  };
  stage.leader.appended(10);
  for (const follower of [2, 3]) stage.leader.fetched(follower, 10, STANDING.epoch);
  expect(asked.map(({ state, version, guards }) => [state.isr, version, guards])).toEqual([
    [
      [1, 2, 3],
      0,
      [
        { path: "/brokers/3", mzxid: 8 },
        { path: "/brokers/2", czxid: 7 },
      ],
    ],
  ]);
  // From here on only the second one goes on, and the third one is not caught up any more.
  now = 5_000;
  stage.leader.appended(20);
  stage.leader.fetched(2, 20, STANDING.epoch);
  return stage;
}

describe("a change of in-sync replicas that is answered before the image shows anything", () => {
  test("as written: the new state counts at once, and what the image shows of before is not taken for newer", () => {
    const { leader, answer, show } = asking();
    answer({ kind: "written", version: 1, mzxid: 1 });
    expect([leader.state.isr, leader.token.version, leader.highWatermark]).toEqual([[1, 2, 3], 1, 10]);
    show(0, fresh([1, 2, 3], { isr: [1, 2] }));
    show(1, fresh([1, 2, 3]));
    expect([leader.state.isr, leader.token.version, leader.highWatermark]).toEqual([[1, 2, 3], 1, 10]);
  });

  test("as overtaken: the larger set counts until the image shows what is there, and nothing else is asked for", () => {
    const { leader, answer, show, asked } = asking();
    answer({ kind: "overtaken" });
    leader.fetched(3, 10, STANDING.epoch);
    leader.checkLag();
    expect([leader.highWatermark, asked.length]).toEqual([10, 1]);
    show(1, fresh([1, 2, 3], { isr: [1, 2] }));
    expect(leader.highWatermark).toBe(20);
  });

  test.each(["ineligible", "later"] as const)("as %s: nothing was written, and the state is as it was", (kind) => {
    const { leader, answer, asked } = asking();
    expect(leader.highWatermark).toBe(10);
    answer({ kind });
    expect([leader.state.isr, leader.token.version, leader.highWatermark]).toEqual([[1, 2], 0, 20]);
    leader.fetched(3, 20, STANDING.epoch);
    expect(asked).toHaveLength(2);
  });

  test("late, when the image was quicker: it says nothing any more", () => {
    const { leader, answer, show } = asking();
    show(1, fresh([1, 2, 3], { isr: [1] }));
    expect(leader.highWatermark).toBe(20);
    answer({ kind: "written", version: 1, mzxid: 1 });
    answer({ kind: "overtaken" });
    answer({ kind: "later" });
    expect([leader.state.isr, leader.token.version]).toEqual([[1], 1]);
  });

  test("late, when it leads no more: nothing comes of it", () => {
    const { leader, answer, asked } = asking();
    leader.end(new CorralError("GUARD_FAILED"));
    answer({ kind: "later" });
    leader.fetched(3, 20, STANDING.epoch);
    expect([asked.length, leader.highWatermark, leader.canAppend]).toEqual([1, 10, "NOT_LEADER"]);
  });
});

describe("the repair of a log", () => {
  test("that could not be written is written later, once, by itself", async () => {
    const { leader, answer, asked, show } = asking();
    show(1, fresh([1, 2, 3], { isr: [1], recovering: true }));
    const repaired = leader.recovered();
    answer({ kind: "later" });
    expect(asked.map(({ state }) => state.recovering)).toEqual([false, false, false]);
    show(2, fresh([1, 2, 3], { isr: [1] }));
    await repaired;
    answer({ kind: "later" });
    expect(asked).toHaveLength(3);
  });
});
