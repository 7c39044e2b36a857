/** Has a group come to rest? As the server's tree has it: everything is for somebody, who has it, and handled to the end. */
import { pathsOf } from "@corral/consumer-group";
import { NIL, type State } from "@corral/state-machine";
import { GROUP } from "../../check/groups/facts.ts";

const PATHS = pathsOf(GROUP);
const decoder = new TextDecoder();

/** `ends`: where each partition ends; `commits`: that is where its offset has to be. */
export function groupUnrest(state: State, ends: ReadonlyMap<string, number>, commits: boolean): string | undefined {
  const members = new Set(childrenOf(state, PATHS.members));
  const wanted = new Map<string, string>();
  for (const member of childrenOf(state, PATHS.targets)) {
    if (!members.has(member)) return `${member} is to have something, and is no member`;
    const { partitions } = recordAt<{ partitions: Record<string, number[]> }>(state, `${PATHS.targets}/${member}`)!;
    for (const [topic, numbers] of Object.entries(partitions))
      for (const number of numbers) wanted.set(`${topic}/${number}`, member);
  }
  for (const [key, end] of ends) {
    const owner = recordAt<{ member: string }>(state, `${PATHS.own}/${key}`)?.member;
    if (owner === undefined || owner !== wanted.get(key))
      return `${key} is for ${wanted.get(key)}, and ${owner} has it`;
    const offset = recordAt<{ offset: number }>(state, `${PATHS.offsets}/${key}`)?.offset ?? 0;
    if (commits && offset !== end) return `${key} is committed up to ${offset}, and ends at ${end}`;
  }
  return undefined;
}

function childrenOf({ tree }: State, path: string): string[] {
  const slot = tree.find(path);
  const names: string[] = [];
  if (slot === NIL) return names;
  for (let child = tree.firstChild(slot); child !== NIL; child = tree.next(child)) names.push(tree.name(child));
  return names;
}

function recordAt<T>({ tree }: State, path: string): T | undefined {
  const slot = tree.find(path);
  const data = slot === NIL ? undefined : tree.data(slot);
  return data === undefined || data === null ? undefined : (JSON.parse(decoder.decode(data)) as T);
}
