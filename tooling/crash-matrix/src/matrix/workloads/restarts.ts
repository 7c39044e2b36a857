/** Workloads of several lives: clean stops, kills, power failures that leave torn ends, failed syncs, many epochs. */
import { diskError, type Fate, type Unsynced } from "@corral/log/testing";
import type { Stage } from "../stage.ts";
import type { Workload } from "../workload.ts";

const lost = (): Fate => "lost";
const kept = (): Fate => "kept";
/** Of each write only the sectors from the second on: what stood first is missing. */
const withoutFirst = ({ kind }: Unsynced): Fate =>
  kind === "name" ? "kept" : { sectorBytes: 512, keeps: (sector) => sector > 0 };
const onlyFirst = ({ kind }: Unsynced): Fate =>
  kind === "name" ? "kept" : { sectorBytes: 512, keeps: (sector) => sector === 0 };
const everyOther = ({ kind }: Unsynced): Fate =>
  kind === "name" ? "kept" : { sectorBytes: 512, keeps: (sector) => sector % 2 === 0 };

/** Otherwise the workload is not what its name says. */
function atLeast(cuts: number, { warnings }: Stage): void {
  const cut = warnings.filter(({ kind }) => kind === "torn-tail").length;
  if (cut < cuts) throw new Error(`only ${cut} torn tails were cut`);
}

export const reopen: Workload = {
  name: "reopen",
  async play(stage) {
    for (let life = 0; life < 4; life += 1) {
      await stage.start();
      await stage.write(1_000 + life);
      await stage.burst([2_000, 3_000]);
      await stage.close();
    }
  },
};

export const epochs: Workload = {
  name: "epochs",
  async play(stage) {
    for (let life = 0; life < 6; life += 1) {
      await stage.start();
      if (life % 3 === 2) await stage.write(700);
      if (life % 2 === 0) await stage.kill();
      else await stage.crash(life === 3 ? lost : kept);
    }
    await stage.start();
    await stage.burst([600, 600, 600]);
    if (stage.owner.state.length > 3) await stage.owner.save();
    await stage.close();
  },
};

export const tornRestart: Workload = {
  name: "torn-restart",
  async play(stage) {
    await stage.start();
    // Three, so that the next one's body is not zeros, which would be whole without a single sector of it.
    await stage.burst([200, 900, 100]);
    for (const decide of [onlyFirst, everyOther, onlyFirst]) {
      await stage.crashBefore({ operation: "sync", file: "log-" }, decide, () => {
        for (const size of [700, 1_500, 900]) stage.propose(size);
      });
      await stage.start();
      await stage.write(300);
    }
    atLeast(3, stage);
    await stage.close();
  },
};

export const ghosts: Workload = {
  name: "ghosts",
  async play(stage) {
    await stage.start();
    await stage.write(600);
    for (let round = 0; round < 2; round += 1) {
      // The first goes alone; the others share the next write, of which only the end survives.
      await stage.crashBefore({ operation: "sync", file: "log-", nth: 2 }, withoutFirst, () => {
        for (const size of [400, 600, 600, 600]) stage.propose(size);
      });
      await stage.start();
      // With the mark of the start it ends where the lost one ended, so that what followed that would follow this.
      await stage.write(600 - 32);
      await stage.kill();
      await stage.start();
    }
    atLeast(2, stage);
    await stage.close();
  },
};

export const tornRoll: Workload = {
  name: "torn-roll",
  limits: { segmentBytes: 8 << 10, maxRecordBytes: 3 << 10 },
  async play(stage) {
    await stage.start();
    for (const decide of [lost, everyOther, onlyFirst]) {
      await stage.burst([1_500, 1_500]);
      // The next record begins a segment; its header is in the same write.
      const next = stage.disk.names().filter(isSegment).toSorted().at(-1)!;
      await stage.crashBefore({ operation: "sync", file: next }, decide, () => stage.propose(2_000));
      await stage.start();
    }
    await stage.write(100);
    await stage.close();
  },
};

const isSegment = (name: string): boolean => /^log-\d+$/.test(name);

export const failedSync: Workload = {
  name: "failed-sync",
  async play(stage) {
    for (const operation of ["sync", "write", "sync"] as const) {
      await stage.start();
      await stage.burst([500, 1_500]);
      stage.fault = (each, name) => (each === operation && isSegment(name) ? diskError("EIO", name) : undefined);
      for (const size of [800, 2_500, 100]) stage.propose(size);
      await stage.pass(10);
      if (stage.owner.failure === undefined) throw new Error(`a ${operation} failed, and the log goes on`);
      stage.fault = () => undefined;
      // The machine goes on: the next life reads from the page cache what may never have reached the disk.
      await stage.kill();
    }
    await stage.start();
    await stage.write(200);
    await stage.close();
  },
};
