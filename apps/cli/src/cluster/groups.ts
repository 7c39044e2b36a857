/** `corral groups`: who consumes what, how far, and offsets that are moved by hand. */
import type { GroupAdmin, GroupDescription, MemberDescription } from "@corral/consumer-group";
import type { Client } from "@corral/client";
import type { Call, Command } from "../command.ts";
import { didYouMean } from "../nearest.ts";
import { notFound } from "../not-found.ts";
import { UsageError } from "../usage-error.ts";
import { GROUP_FLAGS, WATCH_FLAG } from "./flags.ts";
import { BOUNDS_FLAGS, boundsFrom } from "./bounds.ts";
import { show, type Shown } from "./live.ts";
import { offsetRows, OFFSET_COLUMNS } from "./offset-rows.ts";
import { inTree, placeFrom } from "./place.ts";
import { resetOffsets } from "./reset-offsets.ts";
import { cell, counted, type Row } from "./table.ts";

/** As in the package, which is loaded only when it is used. */
const GROUPS_ROOT = "/groups";

/** A group as its administrator and its watchers reach it. */
interface Groups {
  readonly admin: GroupAdmin;
  readonly client: Client;
  readonly root: string;
  /** Where a group stands. */
  readonly at: (group: string) => string;
}

async function open(call: Call): Promise<Groups> {
  const root = inTree("--root", call.flags.get("root")?.[0] ?? GROUPS_ROOT);
  // Both take their time: so at once.
  const [client, { groupAdmin, pathsOf }] = await Promise.all([call.connect(), import("@corral/consumer-group")]);
  return { admin: groupAdmin(client, { root }), client, root, at: (group) => pathsOf(group, root).group };
}

/** NO_NODE, with the nearest name, if there is no such group. */
async function describeGroup({ admin, root, at }: Groups, group: string): Promise<GroupDescription> {
  const description = await admin.describe(group);
  if (description.state !== "dead") return description;
  const names = (await admin.list()).map((one) => one.group);
  const means = `there is no group ${group} in ${root}${didYouMean(group, names)}`;
  throw await notFound("group", at(group), means);
}

/** Rows of a subtree: looked at again after each change below it. */
async function showBelow(
  call: Call,
  { client }: Groups,
  path: string,
  shown: Pick<Shown, "columns" | "rows">,
): Promise<void> {
  const [listeners, over, ending] = [new Set<() => void>(), new AbortController(), new AbortController()];
  if (call.flags.has("watch")) {
    const events = await client.subscribe(path, { values: false, coalesce: true, signal: ending.signal });
    tellEach(events, listeners).catch((error: unknown) => {
      over.abort(error);
    });
  }
  try {
    await show(call, {
      ...shown,
      onChange: (changed) => {
        listeners.add(changed);
        return () => listeners.delete(changed);
      },
      over: over.signal,
    });
  } finally {
    ending.abort();
  }
}

async function tellEach(events: AsyncIterable<unknown>, listeners: ReadonlySet<() => void>): Promise<void> {
  for await (const _ of events) for (const listener of listeners) listener();
}

const groupsList: Command = {
  name: "list",
  usage: "",
  summary: "every group, with its members and its epoch",
  flags: { watch: WATCH_FLAG, ...GROUP_FLAGS },
  async run(call) {
    const groups = await open(call);
    await showBelow(call, groups, groups.root, {
      columns: ["GROUP", "MEMBERS", "EPOCH"],
      rows: async () =>
        (await groups.admin.list()).map((one) => ({
          key: one.group,
          object: one,
          cells: [one.group, String(one.members), String(one.epoch)],
        })),
    });
  },
};

const describe: Command = {
  name: "describe",
  usage: "GROUP",
  summary: "how far a group is, partition by partition; the lag, where the ends of partitions are given",
  flags: { ...BOUNDS_FLAGS, watch: WATCH_FLAG, ...GROUP_FLAGS },
  async run(call) {
    const [group] = call.args as [string];
    const bounds = boundsFrom(call.flags);
    const groups = await open(call);
    const { state, members } = await describeGroup(groups, group);
    call.output.note(`${group} is ${state}; ${counted(members.length, "member")}`);
    const source = await bounds(groups.client);
    if (!source.hasEnds) {
      call.output.note("where partitions end is not in the tree; for the lag give --end-offset or --source");
    }
    await showBelow(call, groups, groups.at(group), {
      columns: OFFSET_COLUMNS,
      rows: () => offsetRows(groups.admin, group, source),
    });
  },
};

const groupState: Command = {
  name: "state",
  usage: "GROUP",
  summary: "how a group is: empty, assigning, reconciling or stable; who leads it, by which assignor",
  flags: { watch: WATCH_FLAG, ...GROUP_FLAGS },
  async run(call) {
    const [group] = call.args as [string];
    const groups = await open(call);
    await describeGroup(groups, group);
    await showBelow(call, groups, groups.at(group), {
      columns: ["GROUP", "STATE", "EPOCH", "ASSIGNOR", "LEADER", "MEMBERS"],
      rows: async () => [stateRow(await groups.admin.describe(group))],
    });
  },
};

function stateRow(description: GroupDescription): Row {
  const { group, state, epoch, assignmentEpoch, assignor, leader } = description;
  const count = description.members.length;
  return {
    key: group,
    object: { group, state, epoch, assignmentEpoch, assignor, leader, members: count },
    cells: [group, state, String(epoch), cell(assignor), cell(leader), String(count)],
  };
}

const COLUMNS = ["MEMBER", "CLIENT", "INSTANCE", "EPOCH", "OWNS", "TARGET", "SUBSCRIBES TO"];

function memberRow(one: MemberDescription): Row {
  const { member, clientId, instance, epoch, owned, target, subscription, refused } = one;
  const topics = "topics" in subscription ? subscription.topics.join(",") : `/${subscription.pattern}/u`;
  const wanted = refused === null ? partitionsText(target) : `nothing: ${refused}`;
  return {
    key: member,
    object: one,
    cells: [member, cell(clientId), cell(instance), String(epoch), partitionsText(owned), wanted, cell(topics)],
  };
}

function partitionsText(partitions: Readonly<Record<string, readonly number[]>>): string {
  const topics = Object.entries(partitions).filter(([, numbers]) => numbers.length > 0);
  return cell(topics.map(([topic, numbers]) => `${topic}:${numbers.join(",")}`).join(" "));
}

const members: Command = {
  name: "members",
  usage: "GROUP",
  summary: "who is in a group, what each has and is to have",
  flags: { watch: WATCH_FLAG, ...GROUP_FLAGS },
  async run(call) {
    const [group] = call.args as [string];
    const groups = await open(call);
    await describeGroup(groups, group);
    await showBelow(call, groups, groups.at(group), {
      columns: COLUMNS,
      rows: async () => (await groups.admin.describe(group)).members.map(memberRow),
    });
  },
};

const remove: Command = {
  name: "delete",
  usage: "GROUP",
  summary: "deletes a group that has no members, with its offsets",
  flags: GROUP_FLAGS,
  async run(call) {
    const [group] = call.args as [string];
    const groups = await open(call);
    await describeGroup(groups, group);
    await groups.admin.deleteGroup(group);
    call.output.item({ group, deleted: true }, () => `deleted ${group}`);
  },
};

const deleteOffsets: Command = {
  name: "delete-offsets",
  usage: "GROUP TOPIC[:PARTITION]...",
  summary: "forgets how far a group is in topics that it does not consume now",
  flags: GROUP_FLAGS,
  async run(call) {
    const [group, ...texts] = call.args as [string, ...string[]];
    const places = texts.map(placeFrom);
    const topics = places.filter(({ partition }) => partition === undefined).map(({ topic }) => topic);
    const partitions = places.flatMap(({ topic, partition }) =>
      partition === undefined ? [] : [{ topic, partition }],
    );
    if (topics.length > 0 && partitions.length > 0)
      throw new UsageError("whole topics or single partitions: not both at once");
    const groups = await open(call);
    await describeGroup(groups, group);
    const what = topics.length > 0 ? { topics } : { partitions };
    const deleted = await groups.admin.deleteOffsets(group, what);
    call.output.item({ group, deleted }, () => `deleted ${counted(deleted, "offset")} of ${group}`);
  },
};

const reset: Command = resetOffsets(async (call, group) => {
  const groups = await open(call);
  await describeGroup(groups, group);
  return groups;
});

export const GROUPS: readonly Command[] = [groupsList, describe, groupState, members, reset, deleteOffsets, remove];
