/** What an assignor says, before anybody goes by it: assignors may be anybody's. Pure. */
import type { Assignment, GroupMember, Topic } from "../../assignor.ts";

/** RangeError unless each partition of each topic that has subscribers is given once, to one of them, in ascending order. */
export function checkAssignment(
  assignor: string,
  members: readonly GroupMember[],
  topics: readonly Topic[],
  assignment: Assignment,
): void {
  const wrong = (what: string): RangeError => new RangeError(`assignor ${JSON.stringify(assignor)}: ${what}`);
  const counts = new Map(topics.map(({ name, partitions }) => [name, partitions]));
  const given = new Map<string, Uint8Array>();
  const subscribed = new Set<string>();
  for (const { id, topics: own } of members) {
    const allowed = new Set(own);
    for (const topic of allowed) subscribed.add(topic);
    for (const [topic, numbers] of assignment.get(id) ?? []) {
      if (!allowed.has(topic)) throw wrong(`${id} is given ${topic}, to which it does not subscribe`);
      const count = counts.get(topic)!;
      let taken = given.get(topic);
      if (taken === undefined) given.set(topic, (taken = new Uint8Array(count)));
      let last = -1;
      for (const number of numbers) {
        if (!(Number.isInteger(number) && number > last && number < count))
          throw wrong(`${id} is given ${topic}/${number}, which is not there, twice there or out of order`);
        if (taken[number] === 1) throw wrong(`${topic}/${number} is given to two`);
        taken[number] = 1;
        last = number;
      }
    }
  }
  const ids = new Set(members.map(({ id }) => id));
  for (const id of assignment.keys()) if (!ids.has(id)) throw wrong(`${id} is no member`);
  for (const topic of subscribed) {
    const missing = given.get(topic)?.indexOf(0) ?? (counts.get(topic)! > 0 ? 0 : -1);
    if (missing >= 0) throw wrong(`${topic}/${missing} is given to nobody`);
  }
}
