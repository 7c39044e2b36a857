/**
 * Throughput and latency: every workload in every shape. In each round every system starts anew on an empty directory, one
 * system after the other, and the next round begins with another: what changes on the machine meets all of them.
 */
import { micros, rate } from "../report/numbers.ts";
import type { SystemName, Throughput } from "../report/results.ts";
import { WORKLOADS, type Workload } from "../generator/job.ts";
import type { System } from "../systems/system.ts";
import type { Lab } from "./lab.ts";
import { type Scale, SHAPES, type Shape, SINGLE_VARIANT, SINGLE_WORKLOADS } from "./scale.ts";
import { Stage, variantsOf } from "./stage.ts";

export async function throughput(lab: Lab): Promise<void> {
  for (let round = 1; round <= lab.scale.rounds; round++) {
    for (const system of turned(lab.systems, round - 1)) {
      lab.say(`throughput, round ${round} of ${lab.scale.rounds}: ${system.name}`);
      await lab.attempt(system.name, `throughput, round ${round}`, () => oneRound(lab, system, round));
    }
  }
}

async function oneRound(lab: Lab, system: System, round: number): Promise<void> {
  const directory = lab.freshDirectory(system.name);
  const stage = await Stage.open(lab, system, directory);
  try {
    const variants = turned(variantsOf(system), round - 1);
    await stage.start(variants[0]!);
    for (const variant of variants) {
      // The first was there to see the server begin.
      if (variant !== variants[0]) await stage.load(variant);
      await stage.warmUp(lab.scale.firstWarmUpMs);
      for (const [workload, shape] of loadsOf(variant)) {
        const [connections, inFlight] = shape;
        const what = `${variant}, ${workload} ${connections}×${inFlight}`;
        await lab.attempt(system.name, `${what}, round ${round}`, async () => {
          const { warmUpMs, measureMs } = lab.scale;
          const job = { job: "load", workload, connections, inFlight, warmUpMs, measureMs, keys: 0 } as const;
          const { end: _, ...measured } = await stage.measure(job);
          const row: Throughput = { system: system.name, variant, round, workload, connections, inFlight, ...measured };
          lab.results.throughput.push(row);
          lab.say(`  ${what}: ${rate(row.operations / row.seconds)}/s, p50 ${micros(row.latencies?.p50 ?? 0)}`);
        });
      }
    }
  } finally {
    await stage.close();
    lab.drop(directory);
  }
}

/** With one in flight a batching client sends one request a frame too: the other has only the bulk to show. */
function loadsOf(variant: string): readonly (readonly [Workload, Shape])[] {
  const isSingle = variant === SINGLE_VARIANT;
  const shapes = isSingle ? SHAPES.slice(-1) : SHAPES;
  const workloads = isSingle ? SINGLE_WORKLOADS : WORKLOADS;
  return workloads.flatMap((workload) => shapes.map((shape) => [workload, shape] as const));
}

/** Seconds that all rounds take, about. */
export function throughputSeconds(scale: Scale, systems: readonly System[]): number {
  const ofRound = systems.map((system) =>
    variantsOf(system).map(
      (variant) =>
        CLIENT_SECONDS +
        scale.firstWarmUpMs / 1000 +
        (loadsOf(variant).length * (scale.warmUpMs + scale.measureMs + LOAD_EXTRA_MS[system.name])) / 1000,
    ),
  );
  const all = ofRound.flat().reduce((sum, seconds) => sum + seconds, 0);
  return scale.rounds * (all + systems.length * SERVER_SECONDS);
}

/** To start a server, to start a client, and what a load takes beside its own time: connecting, letting go, and resting. */
const SERVER_SECONDS = 1.5;
const CLIENT_SECONDS = 0.7;
const LOAD_EXTRA_MS: Readonly<Record<SystemName, number>> = { corral: 100, zookeeper: 100, etcd: 600 };

/** Begins `by` further on. */
function turned<T>(list: readonly T[], by: number): readonly T[] {
  const from = by % Math.max(list.length, 1);
  return [...list.slice(from), ...list.slice(0, from)];
}
