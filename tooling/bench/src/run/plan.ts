/** Which parts a run has, and how long they take, about: what it says before it begins. */
import type { SystemName } from "../report/results.ts";
import type { System } from "../systems/system.ts";
import { fanOut, sessions } from "./connections.ts";
import { floors } from "../floors/floors.ts";
import type { Lab } from "./lab.ts";
import { BULK_WORKLOADS, type Part, type Scale } from "./scale.ts";
import { bigTree, takesSnapshots } from "./size.ts";
import { pairsOf } from "./snapshot.ts";
import { LOAD_EXTRA_MS, throughput, throughputSeconds } from "./throughput.ts";

export interface Step {
  readonly name: string;
  readonly seconds: number;
  readonly run: (lab: Lab) => Promise<void>;
}

/** What each keeps up with on two cores, about. */
const CREATES_PER_SECOND: Readonly<Record<SystemName, number>> = { corral: 100_000, zookeeper: 35_000, etcd: 20_000 };
const WATCHES_PER_SECOND = 30_000;
const CONNECTIONS_PER_SECOND = 4_000;
const RESTARTED_PER_SECOND = 300_000;
const START_SECONDS = 2;
const FLOORS = 8;

export function stepsOf(scale: Scale, systems: readonly System[], parts: readonly Part[]): readonly Step[] {
  const steps: Step[] = [];
  const has = (part: Part): boolean => parts.includes(part);
  const fresh = START_SECONDS + scale.firstWarmUpMs / 1000;
  const settle = scale.settleMsMax / 1000;
  if (has("floors")) steps.push({ name: "floors", seconds: (FLOORS * scale.floorMs) / 1000 + 1, run: floors });
  if (has("throughput")) {
    steps.push({ name: "throughput", seconds: throughputSeconds(scale, systems), run: throughput });
  }
  if (has("fanout")) {
    const connecting = scale.fanOutZnodes.length * (scale.watchers / CONNECTIONS_PER_SECOND);
    const told = (scale.fanOutZnodes.length * scale.fanOutRounds * 2 * scale.watchers) / WATCHES_PER_SECOND;
    steps.push({ name: "fan-out", seconds: systems.length * (fresh + connecting + told), run: fanOut });
  }
  if (has("sessions")) {
    const each = START_SECONDS + (2 * scale.sessions) / CONNECTIONS_PER_SECOND + scale.idleMs / 1000 + settle / 2;
    steps.push({ name: "sessions", seconds: systems.length * each, run: sessions });
  }
  const size = has("size");
  const snapshot = has("snapshot");
  if (size || snapshot) {
    const znodes = scale.sizes.at(-1)!;
    const starting = START_SECONDS + znodes / RESTARTED_PER_SECOND;
    const loads = scale.sizes.length * BULK_WORKLOADS.length * scale.costLoads;
    let seconds = 0;
    for (const system of systems) {
      const pairs = snapshot && takesSnapshots(system) ? pairsOf(scale, system) : 0;
      if (!size && pairs === 0) continue;
      seconds += fresh + znodes / CREATES_PER_SECOND[system.name];
      if (size) {
        seconds += settle + (loads * (scale.warmUpMs + scale.costMs + LOAD_EXTRA_MS[system.name])) / 1000;
        seconds += scale.restarts * starting;
      }
      seconds += pairs * 2 * (starting + scale.firstWarmUpMs / 1000);
      seconds += (pairs * (scale.withoutSnapshotsMs + scale.withSnapshotsMs)) / 1000;
    }
    const name = [size ? "size and restart" : "", snapshot ? "snapshots" : ""].filter((part) => part !== "").join(", ");
    steps.push({ name, seconds, run: (lab) => bigTree(lab, { size, snapshot }) });
  }
  return steps;
}

export function planText(steps: readonly Step[]): string {
  const minutes = (seconds: number): string => (seconds / 60).toFixed(1);
  const total = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const parts = steps.map(({ name, seconds }) => `${name} ${minutes(seconds)}`).join(" · ");
  return `plan, minutes about: ${parts} · together ${minutes(total)}`;
}
