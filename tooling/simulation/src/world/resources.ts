/** What may be held while the world runs, on both sides, on the wire and on the disk. */
import { SERVER_BOUNDS } from "@corral/server";
import type { Host, Network } from "@corral/testing/world";
import { type Counted, exceeded, tooMany } from "../check/rest.ts";
import type { Inhabitants } from "./inhabitants.ts";
import type { Plan } from "./plan.ts";

/** Timers of one program's clients and recipes: none is made for each call. */
const TIMERS_MAX = 100;
/** Beside those kept: the one being written, one that was found damaged, one whose removal is under way. */
const SNAPSHOTS_MORE = 3;
/** A file is written under another name first: a segment, the reserve, a snapshot. */
const TEMPORARY_MAX = 3;

/** Which bounds are exceeded. */
export function resourcesExceeded(plan: Plan, host: Host, network: Network, inhabitants: Inhabitants): string[] {
  return [
    ...exceeded(host.server.figures, plan.limits),
    ...tooMany([...filesOf(host.disk.names(), plan), ...waitingOn(network, plan), ...timersOf(inhabitants)]),
  ];
}

/** Of a directory. */
export function filesOf(names: readonly string[], plan: Pick<Plan, "fileLog" | "snapshotsKept">): Counted[] {
  const count = (name: string, is: RegExp, most: number): Counted => ({
    name,
    actual: names.filter((file) => is.test(file)).length,
    most,
  });
  return [
    count("snapshots", /^snapshot-\d+$/, plan.snapshotsKept + SNAPSHOTS_MORE),
    // One more while the oldest is not yet removed.
    count("torn tails", /\.torn-\d+$/, plan.fileLog.tornFilesKept + 1),
    count("temporary files", /\.tmp$/, TEMPORARY_MAX),
  ];
}

/** What a server has sent and its machine has not taken. What one turn adds comes on top: it is cut off at the next look. */
function waitingOn(network: Network, { limits }: Plan): Counted[] {
  const { unsentBytesHard = SERVER_BOUNDS.unsentBytesHard.default, frameBytes = SERVER_BOUNDS.frameBytes.default } =
    limits;
  const most = unsentBytesHard + 2 * frameBytes;
  return network.links.map(({ id, untakenBytes }) => ({
    name: `bytes that wait on connection ${id}`,
    actual: untakenBytes,
    most,
  }));
}

const timersOf = (inhabitants: Inhabitants): Counted[] =>
  inhabitants.all.map(({ name, timers }) => ({ name: `timers of client ${name}`, actual: timers, most: TIMERS_MAX }));

/** When nothing is going on: what is left lying on the disk is what is kept. */
export function leftOnDisk(
  names: readonly string[],
  plan: Pick<Plan, "snapshotsKept">,
  rotten: ReadonlySet<string>,
): string[] {
  const snapshots = names.filter((name) => /^snapshot-\d+$/.test(name) && !rotten.has(name)).length;
  const temporary = names.filter((name) => name.endsWith(".tmp"));
  return [
    ...tooMany([{ name: "snapshots are kept", actual: snapshots, most: plan.snapshotsKept + 1 }]),
    ...(temporary.length === 0 ? [] : [`${temporary.join(", ")} ${temporary.length === 1 ? "is" : "are"} left`]),
  ];
}
