/**
 * `corral groups reset-offsets`: moves how far a group is, in the words of Kafka's tool. As there, it only says what it would do until it is
 * told to `--execute`.
 */
import type { Client } from "@corral/client";
import type { GroupAdmin, ResetTo, TopicPartition } from "@corral/consumer-group";
import type { Call, Command } from "../command.ts";
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../values.ts";
import { BOUNDS_FLAGS, boundsFrom, type KnownBounds } from "./bounds.ts";
import { GROUP_FLAGS } from "./flags.ts";
import { type Place, placeFrom } from "./place.ts";
import { cell, printTable } from "./table.ts";

type Open = (call: Call, group: string) => Promise<{ readonly admin: GroupAdmin; readonly client: Client }>;

const WHERE = ["to-earliest", "to-latest", "to-offset", "shift-by", "to-datetime"];

export function resetOffsets(open: Open): Command {
  return {
    name: "reset-offsets",
    usage: "GROUP [TOPIC[:PARTITION]...]",
    summary:
      "moves the offsets of a group that does not run (default: all that it has); says what it would do, or --execute",
    flags: {
      "to-earliest": { type: "boolean", help: "to the beginning; wants --start-offset or --source" },
      "to-latest": { type: "boolean", help: "to the end; wants --end-offset or --source" },
      "to-offset": { type: "string", value: "N", help: "to this one; within the bounds, if they are given" },
      "shift-by": { type: "string", value: "N", help: "so many further, or back: -10; within the bounds" },
      "to-datetime": {
        type: "string",
        value: "TIME",
        help: "to the first message that is not older: 2026-01-31T12:00:00Z; wants --source",
      },
      execute: { type: "boolean", help: "do it" },
      ...BOUNDS_FLAGS,
      ...GROUP_FLAGS,
    },
    async run(call) {
      const { args, flags, output } = call;
      const [group, ...texts] = args as [string, ...string[]];
      const to = targetFrom(flags);
      const places = texts.map(placeFrom);
      const bounds = boundsFrom(flags);
      const { admin, client } = await open(call, group);
      const known = await bounds(client);
      const partitions = await partitionsAt(admin, group, places);
      checkKnown(to, known, partitions);
      const how = { to, partitions, source: known.source, dryRun: !flags.has("execute") };
      const changes = await admin.resetOffsets(group, how);
      const rows = changes.map(({ topic, partition, before, after }) => ({
        key: `${topic}:${partition}`,
        object: { topic, partition, before: before ?? null, after },
        cells: [topic, String(partition), cell(before), String(after)],
      }));
      printTable(output, ["TOPIC", "PARTITION", "BEFORE", "AFTER"], rows);
      if (!flags.has("execute")) output.note("nothing was changed; --execute does it");
    },
  };
}

function targetFrom(flags: Call["flags"]): ResetTo {
  const [where, ...others] = WHERE.filter((flag) => flags.has(flag));
  if (where === undefined || others.length > 0) throw new UsageError(`where to? One of --${WHERE.join(", --")}`);
  const text = flags.get(where)![0]!;
  switch (where) {
    case "to-earliest":
      return "earliest";
    case "to-latest":
      return "latest";
    case "to-offset":
      return { offset: wholeNumber("--to-offset", text) };
    case "shift-by":
      return {
        shift: text.startsWith("-") ? -wholeNumber("--shift-by", text.slice(1)) : wholeNumber("--shift-by", text),
      };
    default:
      return { atMs: timeFrom(text) };
  }
}

function timeFrom(text: string): number {
  const atMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs)) throw new UsageError(`--to-datetime is '${text}', not a time such as 2026-01-31T12:00:00Z`);
  return atMs;
}

/** A whole topic: all that the group has offsets for. Undefined: all of all topics. */
async function partitionsAt(
  admin: GroupAdmin,
  group: string,
  places: readonly Place[],
): Promise<readonly TopicPartition[]> {
  const committed = await admin.offsets(group);
  if (places.length === 0) return committed.map(({ topic, partition }) => ({ topic, partition }));
  return places.flatMap(({ topic, partition }) => {
    if (partition !== undefined) return [{ topic, partition }];
    const own = committed.filter((one) => one.topic === topic);
    if (own.length === 0)
      throw new UsageError(`${group} has no offsets of topic ${topic}: name its partitions, ${topic}:0 …`);
    return own.map((one) => ({ topic, partition: one.partition }));
  });
}

/** What the tree does not know must be said: nothing is guessed. */
function checkKnown(to: ResetTo, known: KnownBounds, partitions: readonly TopicPartition[]): void {
  if (typeof to === "object" && "atMs" in to && known.source.offsetAt === undefined) {
    throw new UsageError(
      "--to-datetime: when messages were written is not in the tree; it wants --source, one that has offsetAt",
    );
  }
  const [knows, flag, what] =
    to === "earliest" ? [known.knowsStart, "--start-offset", "begin"] : [known.knowsEnd, "--end-offset", "end"];
  if (to !== "earliest" && to !== "latest") return;
  const unknown = partitions.find((one) => !knows(one));
  if (unknown === undefined) return;
  const name = `${unknown.topic}:${unknown.partition}`;
  throw new UsageError(`--to-${to}: where partitions ${what} is not in the tree; give ${flag} ${name}=N, or --source`);
}
