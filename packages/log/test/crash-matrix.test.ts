import { expect, test } from "vitest";
import { drawFrom, lying, type Lying } from "./lying.ts";
import { drained, expectSameFromEverySnapshot, History, Process } from "./model.ts";

/** A short life of a log. Every await may be cut short by a crash, after which `failure` is set or something throws. */
type Workload = (process: Process, history: History, world: Lying) => Promise<void>;

const workloads: Record<string, Workload> = {
  "single small batches, with idle marks between": async (process, history, world) => {
    for (let count = 1; count <= 4; count += 1) {
      history.propose(process, 30);
      await process.settled(count);
      world.timers.advance(5);
      await drained();
    }
    await process.log.close();
  },
  "bursts that go into one write": async (process, history) => {
    for (let index = 0; index < 12; index += 1) history.propose(process, 40 + index * 97);
    await process.settled(12);
    await process.log.close();
  },
  "records that cross sectors and fill segments": async (process, history) => {
    for (let count = 1; count <= 6; count += 1) {
      history.propose(process, 5000);
      if (count % 2 === 0) await process.settled(count);
    }
    await process.settled(6);
    await process.log.close();
  },
  "snapshots, and the removal of what they make unnecessary": async (process, history) => {
    for (let count = 1; count <= 9; count += 1) {
      history.propose(process, 3500);
      await process.settled(count);
      // Not where a segment ends: three of these fill one.
      if (count % 4 === 0) await process.save();
    }
    await process.log.close();
  },
};

/** All of the unsynced lost, all of it kept, and mixtures. Every subset, and many more workloads: `npm run crash-matrix`. */
const draws = [() => 0, () => 0.55, drawFrom(1), drawFrom(2)];

for (const [name, workload] of Object.entries(workloads)) {
  test(`no crash at any operation of the disk takes what was acknowledged, or leaves a log that will not start: ${name}`, async () => {
    const calm = lying(7);
    await run(calm, workload, new History());
    const operations = calm.disk.operations;
    expect(operations).toBeGreaterThan(20);
    let recoveries = 0;
    for (let crashAt = 1; crashAt <= operations; crashAt += 1) {
      for (const [index, draw] of draws.entries()) {
        const world = lying(7);
        const history = new History();
        world.disk.before = (_operation, _file, number) => {
          if (number === crashAt) world.disk.crash(draw);
        };
        await run(world, workload, history);
        // The first start after it may be cut short as well.
        const again = drawFrom(crashAt * 100 + index);
        const secondCrash = world.disk.operations + 1 + Math.floor(again() * 40);
        world.disk.before = (_operation, _file, number) => {
          if (number === secondCrash) world.disk.crash(again);
        };
        await run(world, workload, history);
        world.disk.before = () => {};
        await runAndCheck(world, history);
        recoveries += 2;
      }
    }
    expect(recoveries).toBe(operations * draws.length * 2);
  }, 120_000);
}

async function run(world: Lying, workload: Workload, history: History): Promise<void> {
  const process = new Process(world.log());
  let recovered = false;
  try {
    await process.log.recover(process);
    recovered = true;
    await process.log.open(process);
    history.recovered(process);
    await workload(process, history, world);
  } catch (error) {
    // Only the crash may do this; a log that does not start at all is found by the calm start that follows.
    if (!/is gone|IO_FAILED|failed: Error/.test(String(error) + String((error as { cause?: unknown }).cause)))
      throw error;
  }
  await drained();
  expect(process.afterFailure).toBe(0);
  if (recovered && process.acked > 0) history.ended(process);
}

/** A start without faults: everything is there, more can be added, and it is all there again. */
async function runAndCheck(world: Lying, history: History): Promise<void> {
  const first = new Process(world.log());
  await first.start();
  history.recovered(first);
  history.propose(first, 100);
  await first.settled(1);
  await drained();
  world.disk.crash(() => 0);
  history.ended(first);
  const second = new Process(world.log());
  await second.start();
  history.recovered(second);
  await second.log.close();
  await expectSameFromEverySnapshot(world, second.state);
}
