/**
 * The names of contenders: a random part, so that nobody takes another's znode for his own, a mark that says what for, and the ten digits
 * that the server appends, by which they queue.
 *
 * Written in the way of Curator or kazoo, and read in either: whoever stands in one queue, by whatever client, is seen by all.
 */
import type { Random } from "@corral/client";

/**
 * `curator`: `_c_<uuid>-lock-0000000000`, as Curator's InterProcessMutex and LeaderSelector.
 * `curator-latch`: `_c_<uuid>-latch-0000000000`, as Curator's LeaderLatch.
 * `kazoo`: `<32 hex digits>__lock__0000000000`, as kazoo's Lock and Election.
 */
export type Layout = "curator" | "curator-latch" | "kazoo";

/** What a contender is in the queue for. */
export type Purpose = "lock" | "read" | "write";

interface Style {
  readonly prefix: string;
  /** Are the hexadecimal digits parted by hyphens? */
  readonly isParted: boolean;
  readonly marks: Readonly<Record<Purpose, string>>;
}

const STYLES: Readonly<Record<Layout, Style>> = {
  curator: {
    prefix: "_c_",
    isParted: true,
    marks: { lock: "-lock-", read: "-__READ__", write: "-__WRIT__" },
  },
  "curator-latch": {
    prefix: "_c_",
    isParted: true,
    marks: { lock: "-latch-", read: "-__READ__", write: "-__WRIT__" },
  },
  kazoo: {
    prefix: "",
    isParted: false,
    marks: { lock: "__lock__", read: "__rlock__", write: "__lock__" },
  },
};

/** Marks by which the contenders of every layout are known. */
const MARKS: readonly (readonly [mark: string, purpose: Purpose])[] = [
  ["__READ__", "read"],
  ["__WRIT__", "write"],
  ["__rlock__", "read"],
  ["__lock__", "lock"],
  ["latch-", "lock"],
  ["lock-", "lock"],
];

const SEQUENCE = /^(.*)(\d{10})$/;

/** A child of the queue's znode that stands for somebody. */
export interface ContenderName {
  readonly name: string;
  readonly sequence: number;
  readonly purpose: Purpose;
}

/** The name without its digits, different at each call. */
export function drawPrefix(random: Random, layout: Layout, purpose: Purpose): string {
  const { prefix, isParted, marks } = STYLES[layout];
  return `${prefix}${uuid(random(16), isParted)}${marks[purpose]}`;
}

/** Of the children of the queue's znode, those that are contenders, in the order of the queue. */
export function inOrder(names: readonly string[]): ContenderName[] {
  const contenders: ContenderName[] = [];
  for (const name of names) {
    const contender = contenderName(name);
    if (contender !== undefined) contenders.push(contender);
  }
  return contenders.sort((a, b) => a.sequence - b.sequence || (a.name < b.name ? -1 : 1));
}

/** Undefined for a child that stands for nobody. */
export function contenderName(name: string): ContenderName | undefined {
  const parts = SEQUENCE.exec(name);
  if (parts === null) return undefined;
  const [, before, digits] = parts as unknown as [string, string, string];
  for (const [mark, purpose] of MARKS) {
    if (before.endsWith(mark)) return { name, sequence: Number(digits), purpose };
  }
  return undefined;
}

/** A random UUID of version 4 (RFC 9562). */
function uuid(bytes: Uint8Array, isParted: boolean): string {
  const drawn = Uint8Array.from(bytes);
  drawn[6] = (drawn[6]! & 0x0f) | 0x40;
  drawn[8] = (drawn[8]! & 0x3f) | 0x80;
  const hex = Array.from(drawn, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return isParted ? hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") : hex;
}
