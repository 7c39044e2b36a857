/** What the members say they own, and whom to believe where two claim one partition. */
import type { GroupMember } from "../assignor.ts";

/** The claims on the partitions of one topic. */
export class TopicClaims {
  readonly #members: readonly GroupMember[];
  /** Who claims a partition, by its place in the list; below 0, `-1 - place` of one among several that are equal. */
  readonly #by = new Map<number, number>();

  constructor(members: readonly GroupMember[]) {
    this.#members = members;
  }

  add(partition: number, member: number): void {
    const by = this.#by.get(partition);
    if (by === undefined) {
      this.#by.set(partition, member);
      return;
    }
    const other = by < 0 ? -1 - by : by;
    const [generation, others] = [this.#generation(member), this.#generation(other)];
    if (generation > others) this.#by.set(partition, member);
    // Two of one generation: one of them is wrong, and nothing says which.
    else if (generation === others) this.#by.set(partition, -1 - other);
  }

  has(partition: number): boolean {
    return this.#by.has(partition);
  }

  /** The member with the greatest generation; below 0 when nobody claims the partition or several are equal. */
  owner(partition: number): number {
    return this.#by.get(partition) ?? -1;
  }

  partitions(): Iterable<number> {
    return this.#by.keys();
  }

  #generation(member: number): number {
    return this.#members[member]!.owned!.generation;
  }
}

/** The claims by topic. */
export function claimsOf(members: readonly GroupMember[]): Map<string, TopicClaims> {
  const claims = new Map<string, TopicClaims>();
  for (const [member, { owned }] of members.entries()) {
    if (owned === undefined) continue;
    for (const [topic, numbers] of owned.partitions) {
      let ofTopic = claims.get(topic);
      if (ofTopic === undefined) claims.set(topic, (ofTopic = new TopicClaims(members)));
      for (const number of numbers) ofTopic.add(number, member);
    }
  }
  return claims;
}
