/**
 * Where a group stands in the tree. Names of groups, topics, members and instances are encoded, so that none can be a path.
 *
 * | znode                      | lives        | written by    | data              |
 * |----------------------------|--------------|---------------|-------------------|
 * | `<root>/<group>`           | persistent   | group leader  | GroupRecord       |
 * | `…/leader/…`               | election     | each member   | the recipe's      |
 * | `…/members/<member>`       | ephemeral    | that member   | MemberRecord      |
 * | `…/instances/<instance>`   | persistent   | that member   | InstanceRecord    |
 * | `…/targets/<member>`       | persistent   | group leader  | TargetRecord      |
 * | `…/own/<topic>/<n>`        | ephemeral    | the owner     | ClaimRecord       |
 * | `…/offsets/<topic>/<n>`    | persistent   | the owner     | OffsetRecord      |
 *
 * The czxid of `own/<topic>/<n>` is the claim's fencing token: greater with each claim of the partition. The czxid of
 * `members/<member>` is the life of the member; the token of the election is the leader's term.
 */

import { encodeName } from "@corral/recipes/authoring";
import type { TopicPartition } from "./source.ts";

/** Where groups stand unless told otherwise. */
export const GROUPS_ROOT = "/groups";

/** Undefined for what `encodeName` does not make: another has put it there, and it stands for nothing. */
export function decodeName(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** The partition of a path below `own` or `offsets`; undefined for one that stands for none. */
export function partitionAt(parent: string, path: string): TopicPartition | undefined {
  const [encoded, number, ...others] = path.slice(parent.length + 1).split("/");
  if (encoded === undefined || number === undefined || others.length > 0 || !/^\d{1,9}$/.test(number)) return undefined;
  const topic = decodeName(encoded);
  return topic === undefined ? undefined : { topic, partition: Number(number) };
}

export interface GroupPaths {
  readonly group: string;
  readonly leader: string;
  readonly members: string;
  readonly instances: string;
  readonly targets: string;
  readonly own: string;
  readonly offsets: string;
  member(member: string): string;
  instance(instance: string): string;
  target(member: string): string;
  claim(topic: string, partition: number): string;
  offset(topic: string, partition: number): string;
}

export function pathsOf(group: string, root: string = GROUPS_ROOT): GroupPaths {
  const at = `${root === "/" ? "" : root}/${encodeName(group)}`;
  return {
    group: at,
    leader: `${at}/leader`,
    members: `${at}/members`,
    instances: `${at}/instances`,
    targets: `${at}/targets`,
    own: `${at}/own`,
    offsets: `${at}/offsets`,
    member: (member) => `${at}/members/${encodeName(member)}`,
    instance: (instance) => `${at}/instances/${encodeName(instance)}`,
    target: (member) => `${at}/targets/${encodeName(member)}`,
    claim: (topic, partition) => `${at}/own/${encodeName(topic)}/${partition}`,
    offset: (topic, partition) => `${at}/offsets/${encodeName(topic)}/${partition}`,
  };
}
