/** For the scripted replays: a log on the disk in memory, what it was given, and the states that come back. */
import type { FileLogLimits, LogWarning } from "@corral/log";
import type { MemoryDisk } from "@corral/log/testing";
import type { Entry } from "../../src/entry.ts";
import { Ledger } from "../../src/ledger.ts";
import { Owner } from "../../src/owner.ts";
import { drained, SMALL_LIMITS, World } from "../../src/world.ts";

export interface Lives {
  readonly world: World;
  readonly ledger: Ledger;
  readonly warnings: LogWarning[];
  /** A life that serves. Throws what is wrong with what it recovered. */
  readonly start: () => Promise<Owner>;
  /** So many batches, one after the other. */
  readonly write: (owner: Owner, count: number, size?: number) => Promise<void>;
  /** Power fails, and nothing unsynced survives. */
  readonly crash: () => void;
}

export function lives(limits: Partial<FileLogLimits> = {}, disk?: MemoryDisk, ledger = new Ledger()): Lives {
  const world = new World({ ...SMALL_LIMITS, ...limits }, undefined, disk);
  const warnings: LogWarning[] = [];
  return {
    world,
    ledger,
    warnings,
    async start() {
      const owner = new Owner(world.log({ warn: (warning) => void warnings.push(warning) }));
      await owner.start();
      const wrong = ledger.serves(owner);
      if (wrong.length > 0) throw new Error(wrong.join("; "));
      await drained();
      return owner;
    },
    async write(owner, count, size = 100) {
      for (let index = 0; index < count; index += 1) {
        const { acked } = owner;
        ledger.propose(owner.log, size);
        await owner.settled(acked + 1);
      }
    },
    crash() {
      world.disk.crashWith(() => "lost");
      ledger.ended();
    },
  };
}

/** What a log on a copy of that disk recovers to, without being opened. */
export async function readBack(disk: MemoryDisk, limits: Partial<FileLogLimits> = {}): Promise<readonly Entry[]> {
  const owner = new Owner(new World({ ...SMALL_LIMITS, ...limits }, undefined, disk.fork()).log());
  await owner.start(false);
  return owner.state;
}

export function named(disk: MemoryDisk, prefix: string): string[] {
  return disk
    .names()
    .filter((name) => name.startsWith(prefix))
    .toSorted();
}
