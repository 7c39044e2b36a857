/**
 * Who may hold what, by the log: nobody before his turn, nobody after his end, tokens that grow from holder to holder, never more
 * than there is to hold; and what a fenced store took from whom.
 */
import { above, below } from "../../model/tree.ts";
import type { Attempt, Hold } from "./book.ts";
import { dataAt, isThere, type Tale, type ZnodeLife } from "./tale.ts";

/** What a contender is in the queue for; undefined for a znode that is none. */
export function purposeOf({ name, owner }: ZnodeLife): "read" | "write" | undefined {
  if (owner === 0 || !/\d{10}$/.test(name)) return undefined;
  return /(__READ__|__rlock__)\d{10}$/.test(name) ? "read" : "write";
}

const numberOf = ({ name }: ZnodeLife): number => Number(name.slice(-10));

/** The zxid from which on nobody stands before it; Infinity if it was gone before that. */
export function rightOf(tale: Tale, life: ZnodeLife): number {
  const purpose = purposeOf(life);
  let right = life.czxid;
  for (const other of tale.childrenOf(life.parent)) {
    const isBefore = other !== life && isThere(other, life.czxid) && numberOf(other) < numberOf(life);
    const blocks = purpose === "read" ? purposeOf(other) === "write" : purposeOf(other) !== undefined;
    if (isBefore && blocks) right = Math.max(right, other.to);
  }
  return right < life.to ? right : Number.POSITIVE_INFINITY;
}

const QUEUED: ReadonlySet<Hold["kind"]> = new Set(["lock", "read", "write", "term"]);
const ALONE: ReadonlySet<Hold["kind"]> = new Set(["lock", "write", "term", "job", "member"]);

/** `isLease`: nobody ends sessions by order, so whoever finds it valid has it. */
export function checkHolds(holds: readonly Hold[], tale: Tale, isLease: boolean): string[] {
  const wrong: string[] = [];
  for (const hold of holds) {
    const fault = faultOf(hold, tale, isLease);
    if (fault !== undefined) wrong.push(`${describe(hold)}: ${fault}`);
  }
  wrong.push(...checkTokens(holds, tale), ...checkPermits(holds, tale));
  return wrong;
}

function faultOf(
  { kind, node, czxid, gotAt, validAt, lateAt }: Hold,
  tale: Tale,
  isLease: boolean,
): string | undefined {
  const life = tale.life(node, czxid);
  if (life === undefined) return "the log knows no such znode";
  if (czxid > gotAt) return `told at ${gotAt}, before its znode was there`;
  if (QUEUED.has(kind)) {
    const right = rightOf(tale, life);
    if (right > gotAt) return `told at ${gotAt}, its turn came at ${right}`;
  }
  // What somebody else takes away on purpose is known when it is told.
  if (!isLease || life.endedBy !== "session") return undefined;
  if (validAt >= life.to) return `found valid at ${validAt}, its session was over at ${life.to}`;
  return lateAt === undefined ? undefined : `another had it at ${lateAt}, and its signal had told nothing`;
}

/** Of those who hold alone, the later has the greater token. */
function checkTokens(holds: readonly Hold[], tale: Tale): string[] {
  const wrong: string[] = [];
  const rights = holds
    .filter(({ kind }) => ALONE.has(kind))
    .flatMap((hold) => {
      const life = tale.life(hold.node, hold.czxid);
      if (life === undefined) return [];
      return [{ hold, right: QUEUED.has(hold.kind) ? rightOf(tale, life) : life.czxid }];
    })
    .sort((a, b) => a.right - b.right);
  const last = new Map<string, Hold>();
  for (const { hold } of rights) {
    // Each job has holders of its own, and so has each name of a group.
    const key = hold.kind === "job" || hold.kind === "member" ? hold.node : hold.place;
    const before = last.get(key);
    if (before !== undefined && before.token >= hold.token)
      wrong.push(`${describe(hold)}: comes after ${describe(before)}, whose token is not smaller`);
    last.set(key, hold);
  }
  return wrong;
}

/** No permit is given out while as many are held as there are. */
function checkPermits(holds: readonly Hold[], tale: Tale): string[] {
  const places = new Set(holds.filter(({ kind }) => kind === "permit").map(({ place }) => place));
  const wrong: string[] = [];
  for (const place of places) {
    const leases = tale.childrenOf(below(place, "leases"));
    for (const { czxid, path } of leases) {
      const number = tale.at(below(place, "permits"), czxid);
      const most = number === undefined ? 0 : Number(dataAt(number, czxid));
      const held = leases.filter((lease) => isThere(lease, czxid)).length;
      if (held > most) wrong.push(`${path} is the ${held}th permit of ${most}, at ${czxid}`);
    }
  }
  return wrong;
}

/** What an outside store took, and what it refused, beside who had the right to write by the log. */
export function checkFencing(attempts: readonly Attempt[], holds: readonly Hold[], tale: Tale): string[] {
  const wrong: string[] = [];
  const greatest = new Map<string, number>();
  for (const attempt of attempts) {
    const { store, token, isTaken, at } = attempt;
    const before = greatest.get(store) ?? 0;
    if (isTaken && token < before) wrong.push(`${store} took a write of ${token} after one of ${before}, at ${at}`);
    if (isTaken) greatest.set(store, Math.max(before, token));
    const hold = holds.find((one) => one.place === store && one.token === token);
    const life = hold === undefined ? undefined : tale.life(hold.node, hold.czxid);
    if (life === undefined) wrong.push(`${store} was written to with the token ${token}, which nobody had`);
    else if (!isTaken && isThere(life, at) && rightOf(tale, life) <= at)
      wrong.push(`${store} refused ${token}, who held at ${at}: it had taken ${before}`);
  }
  return wrong;
}

/** Each state of a guarded znode was written by whoever had the right to, at that zxid. Its data: the place, and the czxid of the holder's. */
export function checkGuarded(path: string, tale: Tale): string[] {
  const wrong: string[] = [];
  for (const { data } of tale.livesOf(path)) {
    for (const { at, text } of data) {
      const { node, czxid } = parsed(text);
      const life = tale.life(node, czxid);
      const isRightful = life !== undefined && isThere(life, at) && hasRight(tale, life, at);
      if (!isRightful) wrong.push(`${path} was written at ${at} by ${node} of ${czxid}, which had no right to`);
    }
  }
  return wrong;
}

function hasRight(tale: Tale, life: ZnodeLife, zxid: number): boolean {
  return above(life.path).endsWith("/leases") || rightOf(tale, life) <= zxid;
}

function parsed(text: string): { readonly node: string; readonly czxid: number } {
  try {
    const { node, czxid } = JSON.parse(text) as { node?: unknown; czxid?: unknown };
    if (typeof node === "string" && typeof czxid === "number") return { node, czxid };
  } catch {
    // Told below as nobody's.
  }
  return { node: text, czxid: 0 };
}

const describe = ({ kind, place, token, holder }: Hold): string => `${kind} ${place}, token ${token} of ${holder}`;
