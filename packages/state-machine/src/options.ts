/**
 * What can change the result of an operation, and is therefore replicated: a daemon whose configuration differs appends
 * an entry with its own values, and from there on every daemon decides by them.
 */
import { DEFAULT_LIMITS, type Identity, type Value } from "@corral/protocol";
import { readIdentities, writeIdentities } from "./identities.ts";
import type { Writer } from "@corral/protocol";

export interface Options {
  /** Direct children of one znode. */
  readonly childrenMax: number;
  /** Ephemeral znodes of one session. */
  readonly ephemeralsMax: number;
  /** Bytes of data in one znode. */
  readonly valueBytes: number;
  /** Bytes of a path in UTF-8. */
  readonly pathBytes: number;
  /** Entries of one ACL. */
  readonly aclEntries: number;
  /** Operations of one multi. */
  readonly multiOps: number;
  /** Znodes that one deleteTree may delete. */
  readonly deleteTreeNodes: number;
  /** 1: hard quotas refuse; 0: quotas only count (ZooKeeper's enforceQuota). */
  readonly quotaEnforced: number;
  /** Identities that pass every permission check. */
  readonly superIdentities: readonly Identity[];
}

export const DEFAULT_OPTIONS: Options = {
  childrenMax: 1_000_000,
  ephemeralsMax: 100_000,
  valueBytes: DEFAULT_LIMITS.valueBytes,
  pathBytes: DEFAULT_LIMITS.pathBytes,
  aclEntries: DEFAULT_LIMITS.aclEntries,
  multiOps: DEFAULT_LIMITS.multiOps,
  deleteTreeNodes: 10_000,
  quotaEnforced: 1,
  superIdentities: [],
};

/** The numeric options in the order of their wire form; new ones are added at the end. */
const NUMBERS = [
  "childrenMax",
  "ephemeralsMax",
  "valueBytes",
  "pathBytes",
  "aclEntries",
  "multiOps",
  "deleteTreeNodes",
  "quotaEnforced",
] as const satisfies readonly (keyof Options)[];

export function writeOptions(w: Writer, options: Options): void {
  w.array(2);
  w.array(NUMBERS.length);
  for (const name of NUMBERS) w.int(options[name]);
  writeIdentities(w, options.superIdentities);
}

/** Options that the writer did not know yet keep their defaults. */
export function readOptions(value: Value): Options {
  const [numbers, identities] = value as readonly [readonly number[], Value];
  const known = Object.fromEntries(NUMBERS.map((name, i) => [name, numbers[i] ?? DEFAULT_OPTIONS[name]]));
  return { ...DEFAULT_OPTIONS, ...known, superIdentities: readIdentities(identities) };
}

export function sameOptions(a: Options, b: Options): boolean {
  return JSON.stringify(a, KEYS) === JSON.stringify(b, KEYS);
}
const KEYS: string[] = [...NUMBERS, "superIdentities", "scheme", "id"];
