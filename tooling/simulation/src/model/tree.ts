/** The tree as a plain map from path to znode: the second opinion. Shares nothing with the state machine. */
import type { AclEntry } from "@corral/protocol";
import { OPEN, READ_ONLY } from "./acl.ts";

export type Kind = "persistent" | "ephemeral" | "container" | "ttl";

export interface Znode {
  data: Uint8Array | null;
  acl: readonly AclEntry[];
  readonly kind: Kind;
  readonly owner: number;
  readonly ttlMs: number;
  readonly czxid: number;
  readonly ctime: number;
  /** Order of creation over the whole tree. */
  readonly order: number;
  mzxid: number;
  mtime: number;
  pzxid: number;
  version: number;
  aversion: number;
  /** Children ever created. */
  creates: number;
  /** Children ever deleted. */
  deletes: number;
  /** Names, in the order of their creation. */
  children: string[];
}

export type Tree = Map<string, Znode>;

export const above = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";
export const below = (path: string, name: string): string => (path === "/" ? `/${name}` : `${path}/${name}`);
export const nameIn = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
/** Is it this path, or below it? */
export const isIn = (root: string, path: string): boolean =>
  root === "/" || path === root || path.startsWith(`${root}/`);

function blank(acl: readonly AclEntry[], children: string[]): Znode {
  const zero = {
    owner: 0,
    ttlMs: 0,
    czxid: 0,
    ctime: 0,
    order: 0,
    mzxid: 0,
    mtime: 0,
    pzxid: 0,
    version: 0,
    aversion: 0,
    creates: 0,
    deletes: 0,
  };
  // What nobody created was never counted as created, so that a new tree looks like ZooKeeper's.
  return { ...zero, data: new Uint8Array(0), acl, kind: "persistent", children, deletes: -children.length };
}

export function newTree(): Tree {
  return new Map([
    ["/", blank(OPEN, ["zookeeper"])],
    ["/zookeeper", blank(OPEN, ["config", "quota"])],
    ["/zookeeper/config", blank(READ_ONLY, [])],
    ["/zookeeper/quota", blank(OPEN, [])],
  ]);
}

/** The eleven fields, in the order of the wire. */
export function statOf(node: Znode): number[] {
  const { czxid, mzxid, ctime, mtime, version, creates, deletes, aversion, owner, data, children, pzxid } = node;
  return [
    czxid,
    mzxid,
    ctime,
    mtime,
    version,
    // Of 32 bits, as in ZooKeeper.
    (creates + deletes) | 0,
    aversion,
    owner,
    data?.length ?? 0,
    children.length,
    pzxid,
  ];
}

export const copyOf = (tree: Tree): Tree =>
  new Map([...tree].map(([path, node]) => [path, { ...node, children: [...node.children] }]));
