/** Workloads of a disk that runs full, and of a log that is made out of another one's files. */
import { restore } from "@corral/log/testing";
import type { World } from "../../world.ts";
import { Stage } from "../stage.ts";
import { limitsOf, type Workload } from "../workload.ts";

const SEGMENT_BYTES = 16 << 10;

export const fullDisk: Workload = {
  name: "full-disk",
  async play(stage) {
    const owner = await stage.start();
    await stage.write(500);
    stage.disk.capacity = 3 * SEGMENT_BYTES;
    // Two of this size fill a segment. Beginning the second asks for a third, which is taken out of the reserve.
    for (let count = 0; count < 4; count += 1) await stage.write(5_000);
    if (owner.spaces.at(-1) !== "low" || stage.disk.names().includes("reserve"))
      throw new Error("the reserve was not needed");
    stage.disk.capacity = 100 * SEGMENT_BYTES;
    await stage.pass(1_000);
    if (owner.spaces.at(-1) !== "ok") throw new Error("there is room again, and the log does not say so");
    await stage.write(5_000);
    await stage.owner.save();
    await stage.close();
  },
};

export const fullToTheEnd: Workload = {
  name: "full-to-the-end",
  async play(stage) {
    const owner = await stage.start();
    stage.disk.capacity = 3 * SEGMENT_BYTES;
    for (let count = 0; count < 10; count += 1) stage.propose(5_000);
    await stage.pass(0);
    await stage.pass(0);
    if (owner.failure?.code !== "NO_SPACE") throw new Error("the disk is full, and the log goes on");
    await stage.close();
    stage.disk.capacity = 100 * SEGMENT_BYTES;
    await stage.start();
    await stage.write(5_000);
    await stage.close();
  },
};

export const restored: Workload = {
  name: "restored",
  async play(stage) {
    const { disk, state } = await backup();
    await stage.restore(state, async () => {
      await restore(disk.mount(), undefined, stage.world.mount(), stage.world.random, SEGMENT_BYTES);
    });
    await stage.start();
    await stage.write(700);
    await stage.owner.save();
    await stage.close();
  },
};

/** What another log has left: two snapshots, and records after them. */
async function backup(): Promise<{ disk: World["disk"]; state: Stage["owner"]["state"] }> {
  const source = new Stage(limitsOf(restored));
  const owner = await source.start();
  for (let count = 1; count <= 8; count += 1) {
    await source.write(3_000);
    if (count % 3 === 0) await owner.save();
  }
  await source.close();
  return { disk: source.disk, state: owner.state };
}
