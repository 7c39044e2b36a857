/**
 * Every crash of a workload: at each moment, each decision that leaves another disk; and for those whose recovery has something
 * to cut, and some of the others, a second crash at each moment of that recovery.
 *
 * Owns the addresses by which one of them is named again: `WORKLOAD:OP:SUBSET`, and `:OP:SUBSET` once more for the second.
 */
import { crc32 } from "node:zlib";
import type { MemoryDisk } from "@corral/log/testing";
import { Owner } from "../owner.ts";
import { drained, type WrapDisk, World } from "../world.ts";
import { type Decision, decisionsAt, decisionText, fates, parseDecision } from "./decisions.ts";
import type { Moment } from "./stage.ts";
import { limitsOf, momentsOf, type Workload } from "./workload.ts";

/** Of the crashes whose recovery has nothing to cut, every so-manieth is followed by second ones. */
const SECOND_EVERY = 7;
/** Of the moments of a recovery before the log serves, as many as were ever seen, and more. */
const SECOND_MOMENTS_MAX = 60;

export interface Crash {
  readonly address: string;
  /** When it was, in words. */
  readonly when: string;
  readonly moment: Moment;
  readonly disk: MemoryDisk;
}

/** `disk` of each is its own, to be used up. */
export async function* crashesAt(
  workload: Workload,
  moment: Moment,
  wrapDisk?: WrapDisk,
): AsyncGenerator<Crash, void, undefined> {
  let count = 0;
  for (const first of differing(workload.name, moment, decisionsAt(moment.disk.unsynced(), moment.operation))) {
    const recovery = await recoveryOf(workload, first, wrapDisk);
    yield first;
    count += 1;
    if (recovery.hasCut || count % SECOND_EVERY === 0)
      for (const second of recovery.moments) yield* differing(first.address, second, fewDecisions(second));
  }
}

/** One by its address. Throws when there is none. */
export async function crashAt(
  workload: Workload,
  [operation, subset, ...second]: readonly string[],
  wrapDisk?: WrapDisk,
): Promise<Crash> {
  const first = crashOf(workload.name, find(await momentsOf(workload, wrapDisk), operation), subset);
  if (second.length === 0) return first;
  const { moments } = await recoveryOf(workload, first, wrapDisk);
  return crashOf(first.address, find(moments, second[0]), second[1]);
}

function find(moments: readonly Moment[], operation: string | undefined): Moment {
  const moment = moments.find((each) => String(each.operation) === operation);
  if (moment !== undefined) return moment;
  throw new Error(`operation ${operation} is none of ${moments.map((each) => each.operation).join(" ")}`);
}

function crashOf(prefix: string, moment: Moment, subset = "-"): Crash {
  return make(prefix, moment, parseDecision(subset, moment.disk.unsynced()));
}

function make(prefix: string, moment: Moment, decision: Decision): Crash {
  const unsynced = moment.disk.unsynced();
  const disk = moment.disk.fork();
  disk.crashWith(fates(decision, unsynced));
  // A full disk has room again: what a full one does to a log that serves is the workload's.
  disk.capacity = Number.POSITIVE_INFINITY;
  const fated = unsynced.map(({ kind, name, length }, index) =>
    `${decision[index]} ${kind} ${name} ${length || ""}`.trim(),
  );
  return {
    address: `${prefix}:${moment.operation}:${decisionText(decision)}`,
    when: `before ${moment.next}; unsynced: ${fated.join(", ") || "nothing"}`,
    moment,
    disk,
  };
}

function* differing(prefix: string, moment: Moment, decisions: readonly Decision[]): Generator<Crash, void, undefined> {
  const seen = new Set<string>();
  for (const decision of decisions) {
    const crash = make(prefix, moment, decision);
    const image = imageOf(crash.disk);
    if (seen.has(image)) continue;
    seen.add(image);
    yield crash;
  }
}

/** Everything lost, everything kept, and the last write torn in its middle. */
function fewDecisions({ disk }: Moment): Decision[] {
  const unsynced = disk.unsynced();
  const all = [unsynced.map(() => "l"), unsynced.map(() => "k")];
  const last = unsynced.at(-1);
  if (last?.kind !== "write") return all;
  const sectors = Math.ceil((last.at + last.length) / 512) - Math.floor(last.at / 512);
  if (sectors > 1) all.push([...unsynced.slice(1).map(() => "k"), `512p${Math.floor(sectors / 2)}`]);
  return all;
}

/** The moments from the start of a log on that disk until it serves and rests. Nothing new is proposed. */
async function recoveryOf(
  workload: Workload,
  { disk, moment }: Crash,
  wrapDisk?: WrapDisk,
): Promise<{ hasCut: boolean; moments: readonly Moment[] }> {
  const world = new World(limitsOf(workload), wrapDisk, disk.fork(), 3);
  const moments: Moment[] = [];
  world.disk.before = (operation, name, number) => {
    if (operation === "read" || moments.length === SECOND_MOMENTS_MAX) return;
    const { known } = moment;
    moments.push({ operation: number, next: `${operation} ${name}`.trim(), disk: world.disk.fork(), known });
  };
  let hasCut = false;
  const owner = new Owner(world.log({ warn: ({ kind }) => (hasCut ||= kind === "torn-tail") }));
  // Whether it starts is the trial's to judge.
  await owner.start().catch(() => undefined);
  await drained();
  return { hasCut, moments };
}

function imageOf(disk: MemoryDisk): string {
  const parts: string[] = [];
  for (const name of disk.names().toSorted()) {
    const bytes = disk.contents(name);
    parts.push(`${name} ${bytes.length} ${crc32(bytes)}`);
  }
  return parts.join("\n");
}
