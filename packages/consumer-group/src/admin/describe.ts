/** What stands in the tree of a group, as people are shown it: everything at one zxid, but for who leads. */
import { type Client, type Codec, type Deadline, type Entry, raw } from "@corral/client";
import { election } from "@corral/recipes";
import { decodeName, type GroupPaths, partitionAt } from "../layout.ts";
import { claimCodec, groupCodec, memberCodec, type PartitionsRecord, targetCodec } from "../records.ts";
import type { GroupDescription, GroupState, MemberDescription } from "./api.ts";
import { ENTRIES_MAX } from "./offsets.ts";

type Entries = ReadonlyMap<string, Entry<Uint8Array | null>>;

export async function describeGroup(
  client: Client,
  paths: GroupPaths,
  group: string,
  deadline: Deadline,
): Promise<GroupDescription> {
  const found = await treeOf(client, paths, deadline);
  if (found === undefined) return { ...NONE, group };
  const { entries, zxid } = found;
  const leader = await election(client, paths.leader).current(deadline.rest());
  const record = valueOf(entries.get(paths.group), groupCodec);
  const owned = ownedIn(entries, paths);
  const members = [...below(entries, paths.members)].flatMap(([member, entry]): MemberDescription[] => {
    const own = valueOf(entry, memberCodec);
    if (own === null) return [];
    const target = valueOf(entries.get(paths.target(member)), targetCodec);
    const { clientId, instance, rack, subscription, assignors, memberEpoch: epoch, rebalanceTimeoutMs } = own;
    return [
      {
        ...{ member, clientId, instance, rack, subscription, assignors, epoch, rebalanceTimeoutMs },
        target: target?.partitions ?? {},
        targetEpoch: target?.epoch ?? null,
        owned: owned.get(member) ?? {},
        refused: target?.refused ?? null,
      },
    ];
  });
  for (const { member } of members) owned.delete(member);
  return {
    group,
    state: stateOf(record, members),
    epoch: record?.epoch ?? 0,
    assignmentEpoch: record?.assignmentEpoch ?? 0,
    assignor: record?.assignor ?? null,
    leader: leader?.identity ?? null,
    emptySinceMs: record?.emptySinceMs ?? null,
    members: members.toSorted((a, b) => (a.member < b.member ? -1 : 1)),
    others: [...owned].map(([owner, partitions]) => ({ owner, owned: partitions })),
    zxid,
  };
}

const NONE: Omit<GroupDescription, "group"> = {
  state: "dead",
  epoch: 0,
  assignmentEpoch: 0,
  assignor: null,
  leader: null,
  emptySinceMs: null,
  members: [],
  others: [],
  zxid: 0,
};

async function treeOf(
  client: Client,
  paths: GroupPaths,
  deadline: Deadline,
): Promise<{ readonly entries: Entries; readonly zxid: number } | undefined> {
  const tree = await client.readTree(paths.group, { ...deadline.rest(), codec: raw, entriesMax: ENTRIES_MAX });
  return tree.entries.has(paths.group) ? tree : undefined;
}

function stateOf(
  record: { readonly epoch: number; readonly assignmentEpoch: number } | null,
  members: readonly MemberDescription[],
): GroupState {
  if (members.length === 0) return "empty";
  if (record === null || record.assignmentEpoch < record.epoch) return "assigning";
  if (members.some(({ targetEpoch }) => targetEpoch === null)) return "assigning";
  return members.every(({ target, owned }) => isSame(target, owned)) ? "stable" : "reconciling";
}

function isSame(a: PartitionsRecord, b: PartitionsRecord): boolean {
  const flat = (partitions: PartitionsRecord): string =>
    Object.entries(partitions)
      .flatMap(([topic, numbers]) => numbers.map((number) => `${topic}/${number}`))
      .toSorted()
      .join("\n");
  return flat(a) === flat(b);
}

/** By owner. */
function ownedIn(entries: Entries, paths: GroupPaths): Map<string, Record<string, number[]>> {
  const owned = new Map<string, Record<string, number[]>>();
  for (const [path, entry] of entries) {
    if (!path.startsWith(`${paths.own}/`)) continue;
    const at = partitionAt(paths.own, path);
    const claim = valueOf(entry, claimCodec);
    if (at === undefined || claim === null) continue;
    const own = owned.get(claim.member) ?? {};
    owned.set(claim.member, own);
    (own[at.topic] ??= []).push(at.partition);
  }
  for (const own of owned.values()) for (const numbers of Object.values(own)) numbers.sort((a, b) => a - b);
  return owned;
}

function* below(entries: Entries, parent: string): Generator<[name: string, entry: Entry<Uint8Array | null>]> {
  for (const [path, entry] of entries) {
    // What is further below has a slash, which no encoded name has.
    const name = path.startsWith(`${parent}/`) ? path.slice(parent.length + 1) : "/";
    const decoded = name.includes("/") ? undefined : decodeName(name);
    if (decoded !== undefined) yield [decoded, entry];
  }
}

/** Null where there is nothing. */
function valueOf<T>(entry: Entry<Uint8Array | null> | undefined, codec: Codec<T>): T | null {
  return entry === undefined || entry.value === null ? null : codec.decode(entry.value);
}
