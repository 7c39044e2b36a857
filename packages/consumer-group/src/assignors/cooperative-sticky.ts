/**
 * Cooperative sticky, the default: divides as `sticky` does, and what moves goes in two phases. Its owner first gives it
 * back; only when nobody has it any more does the next one take it. What does not move is never stopped.
 */
import type { Assignment, Assignor, GroupMember, Partitions } from "../assignor.ts";
import { checkMembers } from "./check-input.ts";
import { claimsOf } from "./claims.ts";
import { sticky } from "./sticky.ts";

export const cooperativeSticky: Assignor = {
  name: "cooperative-sticky",
  protocol: "cooperative",
  assign: sticky.assign,
};

/** What one member does on its way to the target. Each partition of what it has or is to have stands in one of the four. */
export interface Handover {
  /** Goes on without a stop. */
  readonly keep: Partitions;
  /** It has these and is to give them back now. */
  readonly revoke: Partitions;
  /** Nobody has these: it may take them now. */
  readonly claim: Partitions;
  /** It is to have these, but somebody still has them: it takes them when all who have them have given them back. */
  readonly wait: Partitions;
}

/**
 * What each member does now and what only later, by id, so that no partition is given back and taken in one step.
 *
 * Where two members have a partition, the one of the older generation gives it back; in one generation both do.
 *
 * @throws RangeError when the target gives something to nobody of `before`.
 */
export function twoPhase(before: readonly GroupMember[], target: Assignment): Map<string, Handover> {
  checkMembers(before);
  const claims = claimsOf(before);
  const handovers = new Map<string, Handover>();
  for (const [member, { id, owned }] of before.entries()) {
    const handover = {
      keep: new Map<string, number[]>(),
      revoke: new Map<string, number[]>(),
      claim: new Map<string, number[]>(),
      wait: new Map<string, number[]>(),
    };
    const aims = target.get(id) ?? new Map<string, number[]>();
    const isMine = (topic: string, number: number): boolean => claims.get(topic)?.owner(number) === member;
    for (const [topic, numbers] of owned?.partitions ?? []) {
      const aimed = new Set(aims.get(topic));
      for (const number of numbers) {
        add(aimed.has(number) && isMine(topic, number) ? handover.keep : handover.revoke, topic, number);
      }
    }
    for (const [topic, numbers] of aims) {
      for (const number of numbers) {
        if (isMine(topic, number)) continue;
        add(claims.get(topic)?.has(number) === true ? handover.wait : handover.claim, topic, number);
      }
    }
    handovers.set(id, handover);
  }
  for (const id of target.keys()) {
    if (!handovers.has(id))
      throw new RangeError(`the target names ${JSON.stringify(id)}, which is not among the members`);
  }
  return handovers;
}

function add(partitions: Map<string, number[]>, topic: string, number: number): void {
  const numbers = partitions.get(topic);
  if (numbers === undefined) partitions.set(topic, [number]);
  else numbers.push(number);
}
