/**
 * The controller fails at each of its writes, in each way: it dies before or after the write, or loses the reply. In the end the cluster
 * is what it is when nothing fails.
 */
import type { NthMatch } from "@corral/testing";
import { describe, expect, test } from "vitest";
import type { MakeDuty } from "../src/controller/duty.ts";
import { elections } from "../src/controller/duties/elections.ts";
import { preferred } from "../src/controller/duties/preferred.ts";
import { reassignments } from "../src/controller/duties/reassignments.ts";
import { rebalance } from "../src/controller/duties/rebalance.ts";
import { startCluster, type TestCluster } from "./cluster.ts";
import { standAll } from "./controllers.ts";
import { duty } from "./duties.ts";
import { catchUp, loads, moving, quiet, statesOf } from "./replicas.ts";
import { CONTROLLERS, FIRST, seeTo } from "./troubled.ts";

/** Real milliseconds that seven runs may take on a busy machine: each is a whole life of a cluster. */
const SEVEN_RUNS_MS = 60_000;
/** What a controller changes anything by. */
const WRITES = ["multiEach", "multi"] as const;

/** Something happens to the first controller at one write of it. */
type Strike = (cluster: TestCluster, write: NthMatch) => void;

/** Its process is gone when it has sent this, and its session with it. */
const dies: Strike = (cluster, write) => {
  cluster.server.faults.at(write, () => {
    void cluster.kill(CONTROLLERS[0] as number);
  });
};

const undisturbed = seeTo();

describe("a controller that fails at any of its writes leaves the cluster as if nothing had failed", () => {
  test.each<[how: string, strike: Strike, terms: readonly number[]]>([
    [
      "when it dies and the write is not done",
      (cluster, write) => {
        cluster.server.faults.dropRequest(write);
        dies(cluster, write);
      },
      [1, 1],
    ],
    ["when it dies and the write is done", dies, [1, 1]],
    [
      "when the write is done and its reply is lost",
      ({ server }, write) => void server.faults.dropReply(write),
      [1, 0],
    ],
  ])(
    "%s",
    async (_how, strike, terms) => {
      const { states, versions, asked } = await undisturbed;
      expect(WRITES.map(asked)).toEqual([5, 2]);
      for (const op of WRITES) {
        for (let nth = 1; nth <= asked(op); nth += 1) {
          const where = `${op} ${nth}`;
          const outcome = await seeTo((cluster) => {
            strike(cluster, { op, client: FIRST, nth });
          });
          expect(outcome.states, where).toEqual(states);
          expect(outcome.versions, where).toEqual(versions);
          expect(outcome.requests, where).toEqual(["/done-a", "/done-b"]);
          const served = outcome.candidates.map((candidate) => [candidate.terms.length, candidate.errors]);
          expect(served, where).toEqual(terms.map((count) => [count, []]));
        }
      }
    },
    SEVEN_RUNS_MS,
  );
});

test("the comparison notices a controller that leaves undone what the one before had begun", async () => {
  // It has in mind what there was to do when the first term began, and goes on from there.
  let isBegun = false;
  const forgetful: MakeDuty = (term) => {
    const own = elections(term);
    const isFirst = !isBegun;
    isBegun = true;
    return isFirst ? own : duty(() => ({ notice: (delta) => own.notice(delta), next: () => own.next() }))(term);
  };
  const outcome = await seeTo((cluster) => {
    cluster.server.faults.dropRequest({ op: "multiEach", client: FIRST });
    dies(cluster, { op: "multiEach", client: FIRST });
  }, forgetful);
  expect(outcome.candidates.map(({ terms }) => terms.length)).toEqual([1, 1]);
  expect(outcome.states).not.toEqual((await undisturbed).states);
});

test("a rebalance that is taken over again and again comes to the same balance, and moves no more at once than it may", async () => {
  await using cluster = await startCluster({ brokers: 5 });
  // Brokers 1, 2 and 3 stand; 4 and 5 are the ones that carry all.
  const id = await cluster.topic("orders", {
    replicas: Array.from({ length: 30 }, (_, at) => (at % 2 === 0 ? [4, 5] : [5, 4])),
  });
  await cluster.configureAll({
    "auto.partition.rebalance.enable": "true",
    "auto.partition.rebalance.moves.max": "3",
    "leader.imbalance.check.interval.seconds": "10",
  });
  await standAll(cluster, [elections, reassignments, rebalance, preferred], [1, 2, 3]);
  const most: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    await cluster.bounce(1 + (round % 3));
    most.push(moving(statesOf(cluster, id)));
    await catchUp(cluster);
    await cluster.settle(100);
    most.push(moving(statesOf(cluster, id)));
  }
  await quiet(cluster, 10_000);
  expect(Math.max(...most)).toBeLessThanOrEqual(3);
  expect(Object.values(loads(statesOf(cluster, id)))).toEqual(Array(5).fill([12, 6, 6]));
});
