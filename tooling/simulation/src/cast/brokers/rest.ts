/** A cluster at rest: everybody is in sync and led by the one that is preferred, nothing is under way, all replicas of a partition are the same. */
import { NIL, type State } from "@corral/state-machine";
import type { Partition } from "../../check/brokers/partition-law.ts";
import type { Broker } from "./broker.ts";
import type { Peer } from "./surroundings.ts";

type Tree = State["tree"];

const textAt = (tree: Tree, slot: number): string => Buffer.from(tree.data(slot) ?? []).toString("utf8");

/** By name, what stands below a znode. */
function below(tree: Tree, path: string): Map<string, string> {
  const children = new Map<string, string>();
  const slot = tree.find(path);
  if (slot === NIL) return children;
  for (let child = tree.firstChild(slot); child !== NIL; child = tree.next(child))
    children.set(tree.name(child), textAt(tree, child));
  return children;
}

/** What has not come to rest; undefined if everything has. */
export function unrestOf(
  { tree }: State,
  path: string,
  brokers: readonly Broker[],
  hosts: ReadonlyMap<number, Peer>,
): string | undefined {
  const requests = below(tree, `${path}/requests`);
  if (requests.size > 0) return `${requests.size} requests wait, among them ${[...requests.values()][0]}`;
  const topics = new Set<string>();
  for (const [name, text] of below(tree, `${path}/topics`)) {
    const { id, state, growth } = JSON.parse(text) as {
      readonly id: string;
      readonly state: string;
      readonly growth: unknown;
    };
    if (state !== "live" || growth !== null) return `topic ${name} is ${text}`;
    topics.add(id);
  }
  const kept = new Map<string, Partition>();
  for (const id of below(tree, `${path}/partitions`).keys()) {
    if (!topics.has(id)) return `partitions of ${id} are there, and no topic`;
    for (const [n, text] of below(tree, `${path}/partitions/${id}`)) {
      const state = JSON.parse(text) as Partition;
      const unrest = unrestOfPartition(state);
      if (unrest !== undefined) return `partition ${n} of ${id} ${unrest}: ${text}`;
      kept.set(`${id}/${n}`, state);
    }
  }
  return unrestOfDisks(brokers, kept) ?? unrestOfSettings(tree, path, hosts);
}

function unrestOfPartition({ replicas, adding, removing, leader, isr, recovering }: Partition): string | undefined {
  if (leader === null) return "is led by nobody";
  if (adding.length + removing.length > 0) return "moves";
  if (isr.length < replicas.length) return "has replicas that are not in sync";
  if (recovering) return "is being repaired";
  if (leader !== replicas[0]) return "is not led by its first replica";
  return undefined;
}

function unrestOfDisks(brokers: readonly Broker[], kept: ReadonlyMap<string, Partition>): string | undefined {
  const disks = new Map(brokers.map(({ id, disk }) => [id, disk]));
  for (const { id, disk } of brokers)
    for (const key of disk.logs.keys())
      if (kept.get(key)?.replicas.includes(id) !== true) return `broker ${id} has data of ${key}, and keeps no replica`;
  for (const [key, { replicas }] of kept) {
    const [first, ...others] = replicas.map((id) => JSON.stringify(disks.get(id)?.logs.get(key)?.records ?? []));
    if (others.some((other) => other !== first)) return `replicas ${replicas} of ${key} differ`;
  }
  return undefined;
}

/** Everybody was told what is set. */
function unrestOfSettings(tree: Tree, path: string, hosts: ReadonlyMap<number, Peer>): string | undefined {
  const meant = new Map<string, string>();
  for (const type of below(tree, `${path}/config`).keys())
    for (const [entity, text] of below(tree, `${path}/config/${type}`))
      meant.set(`${type}/${entity}`, JSON.stringify((JSON.parse(text) as { readonly values: unknown }).values));
  for (const { name, settings } of hosts.values()) {
    for (const [entity, values] of meant)
      if (settings.get(entity) !== values)
        return `${name} was told that ${entity} is ${settings.get(entity)}, not ${values}`;
    for (const entity of settings.keys()) if (!meant.has(entity)) return `${name} was not told that ${entity} is gone`;
  }
  return undefined;
}
