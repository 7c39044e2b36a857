/** Jobs of a queue: each is ended once, by whoever held it then, and none goes without having been done or given up. */
import { below } from "../../model/tree.ts";
import type { Asked, Hold } from "./book.ts";
import { isThere, type Tale, type ZnodeLife } from "./tale.ts";

const PRIORITIES = 10;
const PREFIX = "j-";

/** What was put, in all priorities. */
const itemsOf = (queue: string, tale: Tale): readonly ZnodeLife[] =>
  Array.from({ length: PRIORITIES }, (_, priority) => tale.childrenOf(`${queue}/items/${priority}`)).flat();

export interface JobNotes {
  readonly puts: readonly Asked<{ readonly id: string }, boolean>[];
  readonly acks: readonly Asked<{ readonly id: string; readonly token: number }, true>[];
  readonly holds: readonly Hold[];
}

/** `witnesses`: where each acknowledgement leaves a znode `<id>-<number>` in its own transaction. */
export function checkJobs(queue: string, witnesses: string, { puts, acks, holds }: JobNotes, tale: Tale): string[] {
  const wrong: string[] = [];
  const items = itemsOf(queue, tale);
  const done = tale.childrenOf(witnesses);
  const letters = tale.childrenOf(below(queue, "dead"));
  for (const { name, czxid, to } of items) {
    const id = name.slice(PREFIX.length);
    if (to === Number.POSITIVE_INFINITY) continue;
    const witness = done.find((one) => one.czxid === to && idOf(one) === id);
    const letter = letters.find((one) => one.czxid === to);
    if (witness === undefined && letter === undefined)
      wrong.push(`job ${id}, put at ${czxid}, went at ${to}, neither done nor given up`);
  }
  for (const one of done) {
    const ended = items.filter(({ name, to }) => to === one.czxid && name === PREFIX + idOf(one));
    if (ended.length !== 1)
      wrong.push(`${one.path} says that a job was done at ${one.czxid}, where ${ended.length} went`);
  }
  for (const put of puts) {
    const { who, asked, told, outcome, startAt, endAt } = put;
    const born = items.filter(({ name, czxid }) => name === PREFIX + asked.id && startAt < czxid && czxid <= endAt);
    if (outcome === "ok" && told === true && born.length === 0)
      wrong.push(`job ${asked.id} of ${who} was put between ${startAt} and ${endAt}, and is not in the log`);
  }
  const acked = new Map<number, string>();
  for (const { who, asked, outcome, startAt, endAt } of acks) {
    const name = `job ${asked.id}, token ${asked.token} of ${who}`;
    const hold = holds.find(({ kind, token }) => kind === "job" && token === asked.token);
    const claim = hold === undefined ? undefined : tale.life(hold.node, hold.czxid);
    const found = done.find((one) => claim !== undefined && one.czxid === claim.to && idOf(one) === asked.id);
    const isInTime = found !== undefined && startAt < found.czxid && found.czxid <= endAt;
    if (outcome === "ok" && !isInTime) wrong.push(`${name} was acknowledged, and not done under that claim`);
    if (outcome === "no" && isInTime) wrong.push(`${name}: its end was refused, and it was done at ${found.czxid}`);
    if (outcome !== "ok" || found === undefined) continue;
    const other = acked.get(found.czxid);
    if (other !== undefined) wrong.push(`${name} was acknowledged twice, to ${other} too`);
    acked.set(found.czxid, who);
  }
  wrong.push(...checkClaims(queue, holds, items, tale));
  return wrong;
}

/** Whoever has a job has it while it is there. */
function checkClaims(queue: string, holds: readonly Hold[], items: readonly ZnodeLife[], tale: Tale): string[] {
  return holds.flatMap(({ kind, place, node, czxid, holder }) => {
    if (kind !== "job" || place !== queue || tale.life(node, czxid) === undefined) return [];
    const name = node.slice(node.lastIndexOf("/") + 1);
    const isItem = items.some((item) => item.name === name && isThere(item, czxid));
    return isItem ? [] : [`${holder} has the job ${name} by ${czxid}, where there is none`];
  });
}

const idOf = ({ name }: ZnodeLife): string => name.slice(0, name.lastIndexOf("-"));
