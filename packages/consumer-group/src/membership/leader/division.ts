/**
 * Who is to consume what: from what the leader sees of the group to a target for each member. Pure.
 *
 * Stickiness comes from the tree alone, so a new leader comes to the same as the one before: a partition stays with whom it is targeted to; where
 * two are, with the one that has it, else the newer target's; where none is, with whoever has it.
 */
import type { Assignor, GroupMember, Partitions, Topic } from "../../assignor.ts";
import type { MemberRecord, PartitionsRecord, TargetRecord } from "../../records.ts";
import { vote } from "../../vote.ts";
import { patternOf } from "../options.ts";
import { checkAssignment } from "./check-assignment.ts";
import { withoutPinned } from "./pins.ts";

export interface LiveMember {
  readonly id: string;
  /** Of its life: the smaller, the elder. */
  readonly czxid: number;
  readonly record: MemberRecord;
}

export interface ClaimSeen {
  readonly topic: string;
  readonly partition: number;
  readonly member: string;
}

export interface GroupImage {
  readonly members: readonly LiveMember[];
  /** Static members whose targets wait for them. */
  readonly away: ReadonlySet<string>;
  /** By member, also of those who are gone. */
  readonly targets: ReadonlyMap<string, TargetRecord>;
  readonly claims: Iterable<ClaimSeen>;
  readonly topics: readonly Topic[];
}

export interface Division {
  readonly assignor: string | null;
  /** Of each member, those who are away too; whoever is not among them has none. */
  readonly targets: ReadonlyMap<string, Wanted>;
}

export interface Wanted {
  readonly partitions: PartitionsRecord;
  /** Why a member is given nothing. */
  readonly refused?: string | undefined;
}

/**
 * `assignors`: those that this leader has. Undefined if the members have chosen one that it has not: then somebody else has to lead.
 * Throws what the assignor throws, and RangeError for what it should not have said.
 */
export function divide(image: GroupImage, assignors: readonly Assignor[]): Division | undefined {
  const targets = new Map<string, Wanted>();
  for (const id of image.away) {
    const target = image.targets.get(id);
    if (target !== undefined) targets.set(id, { partitions: target.partitions });
  }
  const { taken, assignor, isForeign } = takenIn(image, assignors, targets);
  if (isForeign) return undefined;
  if (assignor === undefined) return { assignor: null, targets };

  const owned = ownedBefore(image, taken);
  const members = taken.map(({ id, record, topics }) => memberOf(id, record, topics, owned.get(id)));
  const free = withoutPinned(members, image.topics, pinnedIn(image));
  const assignment = assignor.assign(free.members, free.topics);
  checkAssignment(assignor.name, free.members, free.topics, assignment);
  const restored = free.restore(assignment);
  for (const { id } of taken) targets.set(id, { partitions: recordOf(restored.get(id)) });
  return { assignor: assignor.name, targets };
}

type Taken = LiveMember & { readonly topics: readonly string[] };

/** Those that take part; the others are told why they do not. */
function takenIn(
  { members, topics }: GroupImage,
  assignors: readonly Assignor[],
  targets: Map<string, Wanted>,
): { taken: Taken[]; assignor: Assignor | undefined; isForeign: boolean } {
  const refuse = (id: string, refused: string): void => void targets.set(id, { partitions: {}, refused });
  const subscribed = subscriptionsTo(topics);
  const able: Taken[] = [];
  for (const member of members.toSorted((a, b) => a.czxid - b.czxid)) {
    try {
      able.push({ ...member, topics: subscribed(member.record.subscription) });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      refuse(member.id, error.message);
    }
  }
  const { common, refused } = vote(able.map(({ id, record }) => ({ member: id, assignors: record.assignors })));
  for (const id of refused)
    refuse(id, `it names none of the assignors that the members before it have in common: ${common.join(", ")}`);
  const isRefused = new Set(refused);
  const taken = able.filter(({ id }) => !isRefused.has(id));
  const known = new Map(assignors.map((assignor) => [assignor.name, assignor]));
  const winner = common.find((name) => known.has(name));
  return {
    taken,
    assignor: winner === undefined ? undefined : known.get(winner),
    isForeign: taken.length > 0 && winner === undefined,
  };
}

/** The topics that there are of a subscription. Throws TypeError for a pattern that is none. */
function subscriptionsTo(topics: readonly Topic[]): (subscription: MemberRecord["subscription"]) => readonly string[] {
  const names = topics.map(({ name }) => name);
  const known = new Set(names);
  /** Members of one group mostly say the same. */
  const matching = new Map<string, readonly string[]>();
  return (subscription) => {
    if ("topics" in subscription) return subscription.topics.filter((topic) => known.has(topic));
    const { pattern } = subscription;
    let found = matching.get(pattern);
    if (found === undefined) {
      const expression = patternOf(pattern);
      matching.set(pattern, (found = names.filter((name) => expression.test(name))));
    }
    return found;
  };
}

function memberOf(
  id: string,
  { instance, rack }: MemberRecord,
  topics: readonly string[],
  owned: Partitions | undefined,
): GroupMember {
  return {
    id,
    // Unique as its id is.
    instance: instance === id ? id : undefined,
    topics,
    owned: owned && { generation: 0, partitions: owned },
    rack: rack ?? undefined,
  };
}

/** Each partition once. */
function ownedBefore({ targets, claims, topics }: GroupImage, members: readonly Taken[]): Map<string, Partitions> {
  const counts = new Map(topics.map(({ name, partitions }) => [name, partitions]));
  const living = new Set(members.map(({ id }) => id));
  const having = new Map<string, Map<number, string>>();
  for (const { topic, partition, member } of claims) {
    if (!living.has(member) || partition >= (counts.get(topic) ?? 0)) continue;
    const ofTopic = having.get(topic);
    if (ofTopic === undefined) having.set(topic, new Map([[partition, member]]));
    else ofTopic.set(partition, member);
  }
  const owners = new Map<string, Map<number, string>>();
  for (const { id } of members) {
    const target = targets.get(id);
    for (const [topic, numbers] of Object.entries(target?.partitions ?? {})) {
      let ofTopic = owners.get(topic);
      if (ofTopic === undefined) owners.set(topic, (ofTopic = new Map()));
      for (const number of numbers) {
        if (number >= (counts.get(topic) ?? 0)) continue;
        const other = ofTopic.get(number);
        const has = having.get(topic)?.get(number);
        const isNewer = other === undefined || (targets.get(other)?.epoch ?? 0) < target!.epoch;
        if (has === id || (has !== other && isNewer) || other === undefined) ofTopic.set(number, id);
      }
    }
  }
  for (const [topic, held] of having) {
    let ofTopic = owners.get(topic);
    if (ofTopic === undefined) owners.set(topic, (ofTopic = new Map()));
    for (const [number, id] of held) if (!ofTopic.has(number)) ofTopic.set(number, id);
  }
  return byMember(owners);
}

function byMember(owners: ReadonlyMap<string, ReadonlyMap<number, string>>): Map<string, Partitions> {
  const owned = new Map<string, Map<string, number[]>>();
  for (const [topic, ofTopic] of owners) {
    for (const [number, id] of ofTopic) {
      let partitions = owned.get(id);
      if (partitions === undefined) owned.set(id, (partitions = new Map()));
      const numbers = partitions.get(topic);
      if (numbers === undefined) partitions.set(topic, [number]);
      else numbers.push(number);
    }
  }
  for (const partitions of owned.values()) for (const numbers of partitions.values()) numbers.sort((a, b) => a - b);
  return owned;
}

/** What waits for those who are away, of the topics that there are. */
function pinnedIn({ away, targets, topics }: GroupImage): Map<string, Set<number>> {
  const pinned = new Map<string, Set<number>>();
  if (away.size === 0) return pinned;
  const known = new Set(topics.map(({ name }) => name));
  for (const id of away) {
    for (const [topic, numbers] of Object.entries(targets.get(id)?.partitions ?? {})) {
      if (!known.has(topic)) continue;
      let pins = pinned.get(topic);
      if (pins === undefined) pinned.set(topic, (pins = new Set()));
      for (const number of numbers) pins.add(number);
    }
  }
  return pinned;
}

function recordOf(partitions: Partitions | undefined): PartitionsRecord {
  return Object.fromEntries(partitions ?? []);
}
