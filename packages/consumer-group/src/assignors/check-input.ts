/** Refuses input that no assignor can work on, saying what is wrong and where. */
import {
  MAX_MEMBERS,
  MAX_PARTITIONS,
  MAX_SUBSCRIPTIONS,
  MAX_TOPICS,
  type GroupMember,
  type Topic,
} from "../assignor.ts";

export function checkInput(members: readonly GroupMember[], topics: readonly Topic[]): void {
  atMost("topics", topics.length, MAX_TOPICS);
  const names = new Set<string>();
  let partitions = 0;
  for (const [at, topic] of topics.entries()) {
    const where = `topics[${at}]`;
    checkTopic(topic, where);
    once(names, topic.name, where, "topic");
    partitions += topic.partitions;
  }
  atMost("partitions of all topics", partitions, MAX_PARTITIONS);
  checkMembers(members);
  let subscriptions = 0;
  for (const [at, { id, topics: subscribed }] of members.entries()) {
    for (const topic of subscribed) {
      if (!names.has(topic))
        throw new RangeError(
          `members[${at}] (${quote(id)}) subscribes to ${quote(topic)}, which is not among the topics`,
        );
    }
    subscriptions += subscribed.length;
  }
  atMost("subscriptions of all members", subscriptions, MAX_SUBSCRIPTIONS);
}

/** The part that needs no topics: ids, instances and what is owned. */
export function checkMembers(members: readonly GroupMember[]): void {
  atMost("members", members.length, MAX_MEMBERS);
  const ids = new Set<string>();
  const instances = new Set<string>();
  for (const [at, { id, instance, owned }] of members.entries()) {
    const where = `members[${at}]`;
    checkName(id, `${where}.id`);
    once(ids, id, where, "member");
    if (instance !== undefined) {
      checkName(instance, `${where}.instance`);
      once(instances, instance, where, "instance");
    }
    if (owned === undefined) continue;
    if (!Number.isSafeInteger(owned.generation))
      throw new TypeError(`${where}.owned.generation is ${owned.generation}, not a whole number`);
    for (const [topic, numbers] of owned.partitions) checkNumbers(numbers, where, topic);
  }
}

function checkTopic({ name, partitions, racks }: Topic, where: string): void {
  checkName(name, `${where}.name`);
  if (!Number.isInteger(partitions))
    throw new TypeError(`${where} (${quote(name)}) has ${partitions} partitions, not a whole number`);
  if (partitions < 0) throw new RangeError(`${where} (${quote(name)}) has ${partitions} partitions, less than 0`);
  if (racks !== undefined && racks.length !== partitions)
    throw new RangeError(`${where} (${quote(name)}) gives racks for ${racks.length} partitions, but has ${partitions}`);
}

function checkNumbers(numbers: readonly number[], member: string, topic: string): void {
  const where = (): string => `${member}.owned, topic ${quote(topic)}`;
  let ascending = true;
  let last = -1;
  for (const number of numbers) {
    if (!Number.isInteger(number)) throw new TypeError(`${where()}: partition ${number} is not a whole number`);
    if (number < 0) throw new RangeError(`${where()}: partition ${number} is less than 0`);
    ascending &&= number > last;
    last = number;
  }
  // Assignors give ascending numbers, which are there once.
  if (!ascending && new Set(numbers).size !== numbers.length)
    throw new RangeError(`${where()}: a partition is there twice`);
}

function checkName(name: string, where: string): void {
  if (typeof name !== "string" || name === "") throw new TypeError(`${where} is ${quote(name)}, not a name`);
}

function once(seen: Set<string>, name: string, where: string, what: string): void {
  if (seen.has(name)) throw new RangeError(`${where}: ${what} ${quote(name)} is there twice`);
  seen.add(name);
}

function atMost(what: string, actual: number, limit: number): void {
  if (actual > limit) throw new RangeError(`${what}: ${actual}, more than the limit of ${limit}`);
}

function quote(name: string): string {
  return JSON.stringify(name);
}
