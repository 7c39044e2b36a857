/** Workloads with snapshots: taken, refused by the disk, written while others write; and what they let go. */
import { diskError } from "@corral/log/testing";
import { drained } from "../../world.ts";
import type { Stage } from "../stage.ts";
import type { Workload } from "../workload.ts";

export const snapshots: Workload = {
  name: "snapshots",
  async play(stage) {
    await stage.start();
    for (let count = 1; count <= 10; count += 1) {
      await stage.write(3_500);
      // Not where a segment ends: three of these fill one.
      if (count % 4 === 0) await stage.owner.save({ pieceBytes: 300 });
    }
    await stage.close();
    await stage.start();
    await stage.write(3_500);
    await stage.owner.save();
    await stage.close();
  },
};

export const retention: Workload = {
  name: "retention",
  limits: { snapshotsKept: 1, segmentBytes: 8 << 10, maxRecordBytes: 3 << 10 },
  async play(stage) {
    await stage.start();
    await stage.write(1_500);
    await stage.owner.save();
    // Five segments leave at once, and the older snapshot.
    for (let count = 0; count < 10; count += 1) await stage.write(1_900);
    await stage.owner.save();
    await stage.write(1_900);
    await stage.kill();
    await stage.start();
    await stage.write(100);
    await stage.owner.save();
    await stage.close();
  },
};

export const snapshotWhileWriting: Workload = {
  name: "snapshot-while-writing",
  async play(stage) {
    const owner = await stage.start();
    await stage.burst([900, 900, 900]);
    for (let round = 0; round < 3; round += 1) {
      await owner.save({
        pieceBytes: 150,
        between: async () => {
          stage.propose(1_000);
          if (stage.moments.length % 2 === 0) await drained();
        },
      });
      await drained();
    }
    await stage.close();
  },
};

export const snapshotFails: Workload = {
  name: "snapshot-fails",
  async play(stage) {
    const owner = await stage.start();
    await stage.write(500);
    await owner.save();
    for (const operation of ["create", "write", "sync", "rename", "syncDirectory"] as const) {
      await stage.write(2_000);
      let isDue = true;
      stage.fault = (each, name) => {
        if (!isDue || each !== operation || !(name === "" || name.startsWith("snapshot-"))) return undefined;
        isDue = false;
        return diskError("ENOSPC", name);
      };
      const outcome = await owner.save({ pieceBytes: 40 }).then(
        () => "saved",
        () => "refused",
      );
      if (outcome !== "refused") throw new Error(`a snapshot whose ${operation} fails was ${outcome}`);
      stage.fault = () => undefined;
    }
    await stage.write(2_000);
    await owner.save();
    await stage.write(500);
    await owner.save();
    await stage.close();
  },
};

export const snapshotWithinBatch: Workload = {
  name: "snapshot-within-batch",
  async play(stage) {
    await stage.start();
    for (let count = 0; count < 4; count += 1) {
      await stage.write(2_500);
      await stage.write(1_200, { count: 5 });
      await stage.owner.save({ isWithinBatch: true });
      await stage.write(200);
    }
    await stage.close();
    await again(stage);
  },
};

async function again(stage: Stage): Promise<void> {
  await stage.start();
  await stage.write(50);
  await stage.kill();
}
