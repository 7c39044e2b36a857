/** What may be held while the world runs, on both sides, on the wire and on the disk. */
import { SERVER_BOUNDS } from "@corral/server";
import type { Host, Network } from "@corral/testing/world";
import { exceeded } from "../check/rest.ts";
import type { Inhabitants } from "./inhabitants.ts";
import type { Plan } from "./plan.ts";
import { fileLimits } from "./surroundings.ts";

/** Timers of one program's clients and recipes: none is made for each call. */
const TIMERS_MAX = 100;
/** Beside those kept: the one being written, one that was found damaged, one whose removal is under way. */
const SNAPSHOTS_MORE = 3;
/** A file is written under another name first: a segment, the reserve, a snapshot. */
const TEMPORARY_MAX = 3;

/** Which bounds are exceeded. */
export function resourcesExceeded(plan: Plan, host: Host, network: Network, inhabitants: Inhabitants): string[] {
  const names = host.disk.names();
  const { unsentBytesHard, frameBytes } = plan.limits;
  const counts: readonly [name: string, actual: number, most: number][] = [
    ["snapshots", names.filter((name) => /^snapshot-\d+$/.test(name)).length, plan.snapshotsKept + SNAPSHOTS_MORE],
    // One more while the oldest is not yet removed.
    ["torn tails", names.filter((name) => /\.torn-\d+$/.test(name)).length, fileLimits(plan).tornFilesKept! + 1],
    ["temporary files", names.filter((name) => name.endsWith(".tmp")).length, TEMPORARY_MAX],
    ...inhabitants.all.map(({ name, timers }): [string, number, number] => [
      `timers of client ${name}`,
      timers,
      TIMERS_MAX,
    ]),
    // What one turn adds comes on top: it is cut off at the next look.
    ...network.links.map(({ id, untakenBytes }): [string, number, number] => [
      `bytes that wait on connection ${id}`,
      untakenBytes,
      (unsentBytesHard ?? SERVER_BOUNDS.unsentBytesHard.default) + 2 * (frameBytes ?? SERVER_BOUNDS.frameBytes.default),
    ]),
  ];
  return [
    ...exceeded(host.server.figures, plan.limits),
    ...counts.flatMap(([name, actual, most]) => (actual > most ? [`${actual} ${name}, of ${most}`] : [])),
  ];
}
