/**
 * What the tree hands to those who must know of its changes: when they happen, what a znode was before, that one comes.
 */
import type { AclEntry } from "@corral/protocol";

/** When a change happens: the entry's place in the log and the batch's stamp. */
export interface Stamp {
  readonly zxid: number;
  readonly timeMs: number;
}

/** All that is replicated of one znode, on its own: before-image, snapshot record, undo. */
export interface ZnodeImage {
  readonly slot: number;
  /** Hash of the path: ties the znode to its place in the tree. */
  readonly hash: number;
  readonly parent: number;
  readonly name: string;
  readonly data: Uint8Array | null;
  readonly acl: readonly AclEntry[];
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly aversion: number;
  readonly creates: number;
  readonly ordinal: number;
  readonly owner: number;
  readonly kind: number;
  readonly ttlMs: number;
}

/** Is told of every change: before a znode changes or goes, after one is made. */
export interface TreeJournal {
  created(slot: number): void;
  changing(slot: number): void;
  removing(slot: number): void;
}
