/**
 * Quotas, as ZooKeeper keeps them: a limit on the number of znodes and the bytes of data at and below a path, stored as
 * text in the tree under /zookeeper/quota. Usage is kept up in the znode `zookeeper_stats` beside the limit, outside of
 * versions and times, and recomputed from the tree where it is not there.
 *
 * Where several quotas lie on one line, a change counts towards each of them. The root and what is below /zookeeper have none.
 *
 * Format: `count=N,bytes=M`, optionally followed by `=;` and further `key=value` pairs: countHardLimit, byteHardLimit.
 * -1 means no limit. Soft limits only count; hard ones refuse when they are enforced.
 */
import { isWithin } from "@corral/protocol";
import type { Tree } from "./tree/tree.ts";
import { NIL } from "./tree/rows.ts";

const RESERVED = "/zookeeper";
const ROOT = "/zookeeper/quota";
const LIMITS = "zookeeper_limits";
const STATS = "zookeeper_stats";

interface Quota {
  /** The path that the quota is for. */
  readonly path: string;
  countHard: number;
  bytesHard: number;
  count: number;
  bytes: number;
}

/** Which hard limit a change would exceed. */
export interface QuotaExcess {
  readonly path: string;
  readonly name: "countHardLimit" | "byteHardLimit";
  readonly limit: number;
  readonly actual: number;
}

export class QuotaTable {
  readonly #tree: Tree;
  readonly #quotas = new Map<string, Quota>();
  /** As they were when a transition that may be undone began, of those that it touched; undefined: there was none. */
  #before: Map<string, Quota | undefined> | undefined;

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /** Would this change exceed a hard limit? Call before it is made. */
  excess(path: string, count: number, bytes: number): QuotaExcess | undefined {
    for (const quota of this.#above(path)) {
      if (count > 0 && quota.countHard >= 0 && quota.count + count > quota.countHard) {
        return { path: quota.path, name: "countHardLimit", limit: quota.countHard, actual: quota.count + count };
      }
      if (bytes > 0 && quota.bytesHard >= 0 && quota.bytes + bytes > quota.bytesHard) {
        return { path: quota.path, name: "byteHardLimit", limit: quota.bytesHard, actual: quota.bytes + bytes };
      }
    }
    return undefined;
  }

  /** A change was made at `path`: counts it, or takes note when a quota itself was set or removed. */
  changed(path: string, count: number, bytes: number): void {
    if (path.startsWith(`${ROOT}/`)) return this.#limitsChanged(path);
    for (const quota of this.#above(path)) {
      this.#keep(quota.path);
      quota.count += count;
      quota.bytes += bytes;
      this.#store(quota);
    }
  }

  /** What follows may have to be undone. */
  begin(): void {
    this.#before = new Map();
  }

  /** Ends what `begin` began; after an undo of the tree, which holds the usage as text, everything is as it was then. */
  end(isUndone: boolean): void {
    for (const [path, quota] of isUndone ? this.#before! : []) {
      if (quota === undefined) this.#quotas.delete(path);
      else this.#quotas.set(path, quota);
    }
    this.#before = undefined;
  }

  #keep(path: string): void {
    if (this.#before === undefined || this.#before.has(path)) return;
    const quota = this.#quotas.get(path);
    this.#before.set(path, quota && { ...quota });
  }

  /** Reads all quotas from the tree: after a load. */
  reload(): void {
    this.#quotas.clear();
    const root = this.#tree.find(ROOT);
    if (root !== NIL) this.#scan(root);
  }

  #scan(slot: number): void {
    for (let child = this.#tree.firstChild(slot); child !== NIL; child = this.#tree.next(child)) {
      if (this.#tree.name(child) === LIMITS) this.#limitsChanged(this.#tree.path(child));
      else this.#scan(child);
    }
  }

  /** Those of the znode and its ancestors; none if there are no quotas at all, which is the common case. */
  #above(path: string): Quota[] {
    const found: Quota[] = [];
    if (this.#quotas.size === 0) return found;
    for (let at = path; at.length > 1; at = at.slice(0, at.lastIndexOf("/"))) {
      const quota = this.#quotas.get(at);
      if (quota !== undefined) found.push(quota);
    }
    return found;
  }

  #limitsChanged(path: string): void {
    if (!path.endsWith(`/${LIMITS}`) && !path.endsWith(`/${STATS}`)) return;
    const target = path.slice(ROOT.length, path.lastIndexOf("/"));
    if (target === "" || isWithin(RESERVED, target)) return;
    this.#keep(target);
    const limits = this.#tree.find(`${ROOT}${target}/${LIMITS}`);
    if (limits === NIL) {
      this.#quotas.delete(target);
      return;
    }
    const text = parse(this.#tree.data(limits));
    const known = this.#quotas.get(target);
    const quota: Quota = known ?? { path: target, countHard: -1, bytesHard: -1, count: 0, bytes: 0 };
    quota.countHard = text.get("countHardLimit") ?? -1;
    quota.bytesHard = text.get("byteHardLimit") ?? -1;
    if (known === undefined) this.#measure(quota);
    this.#quotas.set(target, quota);
    this.#store(quota);
  }

  #measure(quota: Quota): void {
    const root = this.#tree.find(quota.path);
    if (root === NIL) return;
    quota.count = 1 + this.#tree.descendants(root);
    quota.bytes = this.#bytesWithin(root);
  }

  #bytesWithin(slot: number): number {
    let bytes = Math.max(0, this.#tree.dataLength(slot));
    for (let child = this.#tree.firstChild(slot); child !== NIL; child = this.#tree.next(child))
      bytes += this.#bytesWithin(child);
    return bytes;
  }

  /** Usage is written where a znode for it stands; making that is the business of whoever sets the quota. */
  #store(quota: Quota): void {
    const stats = this.#tree.find(`${ROOT}${quota.path}/${STATS}`);
    if (stats === NIL) return;
    const text = `count=${quota.count},bytes=${quota.bytes}`;
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    this.#tree.setDerivedData(stats, bytes);
  }
}

/** The numbers in a quota's text; what cannot be read is left out. */
function parse(data: Uint8Array | null): Map<string, number> {
  const found = new Map<string, number>();
  if (data === null) return found;
  const text = String.fromCharCode(...data.subarray(0, 1024));
  for (const part of text.split(/[,;]/)) {
    const match = /^\s*(\w+)=(-?\d+)=?\s*$/.exec(part);
    if (match !== null) found.set(match[1]!, Number(match[2]));
  }
  return found;
}
