/**
 * Latency while snapshots are written, and without: the same load on the same tree, in turn. Whether there were snapshots is
 * not believed but seen: a new file in the data directory.
 */
import { readdirSync } from "node:fs";
import type { Ran } from "../generator/process.ts";
import type { System } from "../systems/system.ts";
import { micros } from "../report/numbers.ts";
import type { Lab } from "./lab.ts";
import { SNAPSHOT_SHAPE, type Scale } from "./scale.ts";
import { type Stage, plainVariant } from "./stage.ts";

const LOOK_EVERY_MS = 50;
/** A snapshot may come by itself in the load that should have none: it is then done again, so often at most. */
const TRIES_MAX = 3;

export async function snapshotLatency(lab: Lab, stage: Stage): Promise<void> {
  for (let pair = 1; pair <= pairsOf(lab.scale, stage.system); pair++) {
    for (const entries of [undefined, lab.scale.snapshotEntries]) {
      await restarted(lab, stage, entries);
      const { ran, snapshots } = await loaded(lab, stage, entries !== undefined);
      const { end: _, ...measured } = ran;
      const znodes = lab.scale.sizes.at(-1)!;
      const row = { system: stage.system.name, variant: plainVariant(stage.system), znodes, pair, snapshots };
      lab.results.snapshots.push({ ...row, ...measured });
      lab.say(
        `  8×1 mix with ${snapshots} snapshots: p99 ${micros(measured.latencies?.p99 ?? 0)}, p99.9 ${micros(measured.latencies?.p999 ?? 0)}`,
      );
    }
  }
}

export function pairsOf(scale: Scale, system: System): number {
  return system.name === "corral" ? scale.snapshotPairs : 1;
}

async function restarted(lab: Lab, stage: Stage, entries: number | undefined): Promise<void> {
  const variant = plainVariant(stage.system);
  await stage.killServer();
  await stage.start(variant, entries);
  await stage.warmUp(lab.scale.firstWarmUpMs, lab.scale.sizes.at(-1));
}

async function loaded(lab: Lab, stage: Stage, wanted: boolean): Promise<{ ran: Ran; snapshots: number }> {
  for (let tried = 1; ; tried++) {
    const [connections, inFlight] = SNAPSHOT_SHAPE;
    const { warmUpMs, withSnapshotsMs, withoutSnapshotsMs, sizes } = lab.scale;
    const watch = new SnapshotWatch(stage.directory);
    try {
      const ran = await stage.measure({
        job: "load",
        workload: "mix",
        connections,
        inFlight,
        warmUpMs,
        measureMs: wanted ? withSnapshotsMs : withoutSnapshotsMs,
        keys: sizes.at(-1)!,
      });
      const snapshots = watch.count();
      if (wanted && snapshots === 0) throw new Error("no snapshot was finished during the load: nothing is measured");
      if (wanted || snapshots === 0) return { ran, snapshots };
      if (tried === TRIES_MAX) throw new Error(`snapshots came by themselves in each of ${TRIES_MAX} loads`);
    } finally {
      watch.end();
    }
  }
}

/** Counts snapshot files that appear. Old ones are removed meanwhile, so the directory is looked at all the time. */
export class SnapshotWatch {
  readonly #directory: string;
  readonly #before: ReadonlySet<string>;
  readonly #new = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  constructor(directory: string) {
    this.#directory = directory;
    this.#before = new Set(snapshotFiles(directory));
    this.#timer = setInterval(() => this.count(), LOOK_EVERY_MS);
  }

  count(): number {
    for (const name of snapshotFiles(this.#directory)) if (!this.#before.has(name)) this.#new.add(name);
    return this.#new.size;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

/** By name. corrald writes under another name until it is whole; of ZooKeeper the last one may be only begun. */
function snapshotFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
    /(^|\/)snapshot[-.][0-9a-f]+$/.test(name),
  );
}
