/**
 * Partitions that wait for a member who is away: nobody gets them, and assignors know nothing of that.
 *
 * So they are shown topics without them, numbered anew, and what they say is translated back. Pure.
 */
import type { Assignment, GroupMember, Partitions, Topic } from "../../assignor.ts";

export interface Free {
  readonly members: readonly GroupMember[];
  readonly topics: readonly Topic[];
  /** From the numbers in `topics` to the real ones. */
  restore(assignment: Assignment): Assignment;
}

/** `pinned`: by topic. */
export function withoutPinned(
  members: readonly GroupMember[],
  topics: readonly Topic[],
  pinned: ReadonlyMap<string, ReadonlySet<number>>,
): Free {
  if (pinned.size === 0) return { members, topics, restore: (assignment) => assignment };
  /** Of each topic with such partitions, the real numbers of the others. */
  const left = new Map<string, readonly number[]>();
  const shown = topics.map((topic) => {
    const pins = pinned.get(topic.name);
    if (pins === undefined) return topic;
    const numbers: number[] = [];
    for (let partition = 0; partition < topic.partitions; partition++)
      if (!pins.has(partition)) numbers.push(partition);
    left.set(topic.name, numbers);
    const racks = topic.racks && numbers.map((partition) => topic.racks![partition]!);
    return { name: topic.name, partitions: numbers.length, racks };
  });
  const anew = new Map(
    Array.from(left, ([topic, numbers]) => [topic, new Map(numbers.map((number, at) => [number, at]))]),
  );
  return {
    members: members.map((member) =>
      member.owned === undefined
        ? member
        : {
            ...member,
            owned: {
              ...member.owned,
              partitions: translated(member.owned.partitions, (topic, number) =>
                anew.has(topic) ? anew.get(topic)!.get(number) : number,
              ),
            },
          },
    ),
    topics: shown,
    restore: (assignment) =>
      new Map(
        Array.from(assignment, ([id, partitions]) => [
          id,
          translated(partitions, (topic, number) => (left.has(topic) ? left.get(topic)![number] : number)),
        ]),
      ),
  };
}

/** Without what there is no number for. */
function translated(partitions: Partitions, to: (topic: string, number: number) => number | undefined): Partitions {
  const result = new Map<string, readonly number[]>();
  for (const [topic, numbers] of partitions) {
    const own = numbers.map((number) => to(topic, number)).filter((number) => number !== undefined);
    if (own.length > 0) result.set(topic, own);
  }
  return result;
}
