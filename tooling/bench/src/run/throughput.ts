/**
 * Throughput and latency: every workload in every shape. In each round every system starts anew on an empty directory, one
 * system after the other, and the next round begins with another: what changes on the machine meets all of them.
 */
import { micros, rate } from "../report/numbers.ts";
import type { SystemName, Throughput } from "../report/results.ts";
import { WORKLOADS, type Workload } from "../generator/job.ts";
import type { System } from "../systems/system.ts";
import type { Lab } from "./lab.ts";
import { missingForOneCore } from "./one-core.ts";
import { ONE_CORE_WORKLOADS, PARTIAL, type Scale, SHAPES, type Shape } from "./scale.ts";
import { Stage, variantsOf } from "./stage.ts";

export async function throughput(lab: Lab): Promise<void> {
  const canPin = missingForOneCore() === undefined;
  for (let round = 1; round <= lab.scale.rounds; round++) {
    for (const system of turned(lab.systems, round - 1)) {
      lab.say(`throughput, round ${round} of ${lab.scale.rounds}: ${system.name}`);
      await lab.attempt(system.name, `throughput, round ${round}`, () => oneRound(lab, system, round, canPin));
    }
  }
}

async function oneRound(lab: Lab, system: System, round: number, canPin: boolean): Promise<void> {
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
        const [, , place] = shape;
        if (place === undefined) await oneLoad(lab, stage, variant, round, workload, shape);
        // Around the attempt: a load may fail and the next is measured; processes that could not be let go end the round.
        else if (canPin) await stage.onOneCore(() => oneLoad(lab, stage, variant, round, workload, shape));
      }
    }
  } finally {
    await stage.close();
    lab.drop(directory);
  }
}

async function oneLoad(
  lab: Lab,
  stage: Stage,
  variant: string,
  round: number,
  workload: Workload,
  [connections, inFlight, place]: Shape,
): Promise<void> {
  const { name: system } = stage.system;
  const what = `${variant}, ${workload} ${connections}×${inFlight}${place === undefined ? "" : `, ${place}`}`;
  await lab.attempt(system, `${what}, round ${round}`, async () => {
    const { warmUpMs, measureMs } = lab.scale;
    const job = { job: "load", workload, connections, inFlight, warmUpMs, measureMs, keys: 0 } as const;
    const { end: _, ...measured } = await stage.measure(job);
    const load = { system, variant, round, workload, connections, inFlight, ...measured };
    const row: Throughput = place === undefined ? load : { ...load, place };
    lab.results.throughput.push(row);
    lab.say(`  ${what}: ${rate(row.operations / row.seconds)}/s, p50 ${micros(row.latencies?.p50 ?? 0)}`);
  });
}

function loadsOf(variant: string): readonly (readonly [Workload, Shape])[] {
  const { workloads, shapes } = PARTIAL[variant] ?? { workloads: WORKLOADS, shapes: SHAPES };
  return workloads.flatMap((workload) =>
    shapes
      .filter(([, , place]) => place === undefined || ONE_CORE_WORKLOADS.includes(workload))
      .map((shape) => [workload, shape] as const),
  );
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
export const LOAD_EXTRA_MS: Readonly<Record<SystemName, number>> = { corral: 100, zookeeper: 100, etcd: 600 };

/** Begins `by` further on. */
function turned<T>(list: readonly T[], by: number): readonly T[] {
  const from = by % Math.max(list.length, 1);
  return [...list.slice(from), ...list.slice(0, from)];
}
