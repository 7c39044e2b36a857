/**
 * What the state machine should do, written down a second time and as plainly as can be: a Map from path to znode, loops
 * in place of indexes, a copy of everything in place of an undo. Independent of the code under test.
 */
import {
  type AclEntry,
  type ErrorName,
  type Guard,
  type Identity,
  type MultiOp,
  Op,
  type RequestBody,
  pathFault,
} from "@corral/protocol";
import type { Options } from "../src/index.ts";

interface Node {
  data: Uint8Array | null;
  acl: readonly AclEntry[];
  readonly czxid: number;
  mzxid: number;
  pzxid: number;
  readonly ctime: number;
  mtime: number;
  version: number;
  aversion: number;
  creates: number;
  readonly owner: number;
  readonly kind: "plain" | "container" | "ttl";
  readonly ttlMs: number;
}
class No extends Error {
  readonly code: ErrorName;
  readonly index: number | undefined;
  constructor(code: ErrorName, index?: number) {
    super(code);
    this.code = code;
    this.index = index;
  }
}
const no = (code: ErrorName): never => {
  throw new No(code);
};
export interface ModelAnswer {
  readonly code: ErrorName | "OK";
  readonly index?: number | undefined;
  readonly result: readonly unknown[];
}

const OPEN = [{ permissions: 31, scheme: "world", id: "anyone" }];
const RESERVED = ["/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"];
const QUOTA = "/zookeeper/quota";

export class Model {
  nodes = new Map<string, Node>();
  readonly sessions = new Map<number, Identity[]>();
  readonly options: Options;
  zxid = 0;
  timeMs = 0;
  session = 0;

  constructor(options: Options) {
    this.options = options;
    for (const path of RESERVED) this.nodes.set(path, this.#node(new Uint8Array(0), OPEN, 0, "plain", 0));
    this.nodes.get("/zookeeper/config")!.acl = [{ permissions: 1, scheme: "world", id: "anyone" }];
  }

  #node(data: Uint8Array | null, acl: readonly AclEntry[], owner: number, kind: Node["kind"], ttlMs: number): Node {
    const { zxid, timeMs } = this;
    return {
      data,
      acl,
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctime: timeMs,
      mtime: timeMs,
      version: 0,
      aversion: 0,
      creates: 0,
      owner,
      kind,
      ttlMs,
    };
  }

  /** A client's write. */
  do(session: number, body: RequestBody, guards: readonly Guard[] | null): ModelAnswer {
    this.session = session;
    const before = this.#copy();
    try {
      for (const [index, guard] of (guards ?? []).entries()) {
        try {
          this.#check(guard);
        } catch {
          throw new No("GUARD_FAILED", index);
        }
      }
      return { code: "OK", result: this.#execute(body) };
    } catch (error) {
      if (!(error instanceof No)) throw error;
      this.nodes = before;
      return { code: error.code, index: error.index, result: [] };
    } finally {
      this.#writeUsage();
    }
  }

  close(session: number): void {
    for (const [path, node] of [...this.nodes]) if (node.owner === session) this.#remove(path);
    this.sessions.delete(session);
    this.#writeUsage();
  }

  reap(path: string, czxid: number): void {
    const node = this.nodes.get(path);
    if (node === undefined || node.czxid !== czxid || this.children(path).length > 0) return;
    const isOld = this.timeMs - node.ctime >= 300_000;
    if (
      node.kind === "container"
        ? node.creates > 0 || isOld
        : node.kind === "ttl" && this.timeMs - node.mtime > node.ttlMs
    ) {
      this.#remove(path);
    }
    this.#writeUsage();
  }

  children(path: string): string[] {
    return [...this.nodes.keys()].filter((other) => other !== "/" && parent(other) === path);
  }

  within(path: string): string[] {
    return [...this.nodes.keys()].filter((other) => path === "/" || other === path || other.startsWith(`${path}/`));
  }

  stat(path: string): number[] {
    const n = this.nodes.get(path)!;
    const children = this.children(path).length;
    return [
      n.czxid,
      n.mzxid,
      n.ctime,
      n.mtime,
      n.version,
      2 * n.creates - children,
      n.aversion,
      n.owner,
      n.data?.length ?? 0,
      children,
      n.pzxid,
    ];
  }

  #copy(): Map<string, Node> {
    return new Map([...this.nodes].map(([path, node]) => [path, { ...node }]));
  }

  #execute(body: RequestBody): readonly unknown[] {
    switch (body.op) {
      case Op.multi:
        if (body.ops.length > this.options.multiOps) no("LIMIT_EXCEEDED");
        return [
          body.ops.map((op, index) => {
            try {
              return this.#one(op);
            } catch (error) {
              throw new No((error as No).code, index);
            }
          }),
        ];
      case Op.multiEach:
        if (body.ops.length > this.options.multiOps) no("LIMIT_EXCEEDED");
        return [
          body.ops.map((op) => {
            const before = this.#copy();
            try {
              return ["OK", ...this.#one(op)];
            } catch (error) {
              this.nodes = before;
              return [(error as No).code];
            }
          }),
        ];
      case Op.deleteTree: {
        this.#checkPath(body.path);
        if (RESERVED.includes(body.path)) no("BAD_ARGUMENTS");
        const above = this.nodes.get(parent(body.path)) ?? no("NO_NODE");
        this.#need(above, 8);
        if (!this.nodes.has(body.path)) no("NO_NODE");
        const doomed = this.within(body.path).sort((a, b) => b.length - a.length);
        if (doomed.length > Math.min(body.nodesMax, this.options.deleteTreeNodes)) no("LIMIT_EXCEEDED");
        for (const path of doomed) if (this.children(path).length > 0) this.#need(this.nodes.get(path)!, 8);
        for (const path of doomed) this.#remove(path);
        return [doomed.length];
      }
      case Op.close:
        this.close(this.session);
        return [];
      default:
        return this.#one(body as MultiOp);
    }
  }

  #one(op: MultiOp): readonly unknown[] {
    switch (op.op) {
      case Op.create: {
        if ((op.flags & 1) === 1) this.#makeParents(op.path, op.acl);
        const path = this.#create(op.path, op.data, op.mode, op.acl, op.ttlMs, op.flags);
        this.#writeUsage();
        return [path, this.stat(path)];
      }
      case Op.delete: {
        this.#checkPath(op.path);
        if (RESERVED.includes(op.path)) no("BAD_ARGUMENTS");
        const above = this.nodes.get(parent(op.path)) ?? no("NO_NODE");
        this.#need(above, 8);
        const node = this.nodes.get(op.path) ?? no("NO_NODE");
        if (op.version !== -1 && op.version !== node.version) no("BAD_VERSION");
        if (this.children(op.path).length > 0) no("NOT_EMPTY");
        this.#remove(op.path);
        return [];
      }
      case Op.set: {
        this.#checkPath(op.path);
        this.#checkValue(op.data);
        const node = this.nodes.get(op.path) ?? no("NO_NODE");
        this.#need(node, 2);
        this.#checkQuota(op.path, 0, (op.data?.length ?? 0) - (node.data?.length ?? 0));
        if (op.version !== -1 && op.version !== node.version) no("BAD_VERSION");
        Object.assign(node, { data: op.data, version: node.version + 1, mzxid: this.zxid, mtime: this.timeMs });
        this.#writeUsage();
        return [this.stat(op.path)];
      }
      case Op.setAcl: {
        this.#checkPath(op.path);
        const acl = this.#resolve(op.acl);
        const node = this.nodes.get(op.path) ?? no("NO_NODE");
        this.#need(node, 16);
        if (op.version !== -1 && op.version !== node.aversion) no("BAD_VERSION");
        Object.assign(node, { acl, aversion: node.aversion + 1 });
        return [this.stat(op.path)];
      }
      case Op.check:
        this.#check(op);
        return [];
    }
  }

  #makeParents(path: string, acl: readonly AclEntry[] | null): void {
    const missing: string[] = [];
    for (let at = parent(path); !this.nodes.has(at); at = parent(at)) {
      this.#checkPath(at);
      missing.unshift(at);
    }
    for (const at of missing) this.#create(at, null, 0, acl, 0, 0);
  }

  #create(
    asked: string,
    data: Uint8Array | null,
    mode: number,
    acl: readonly AclEntry[] | null,
    ttlMs: number,
    flags: number,
  ): string {
    if (mode < 0 || mode > 6 || flags > 1) no("BAD_ARGUMENTS");
    if (mode >= 5 ? ttlMs < 1 || ttlMs >= 2 ** 40 : ttlMs !== 0) no("BAD_ARGUMENTS");
    this.#checkValue(data);
    if (!asked.includes("/") || asked.includes("\0")) no("BAD_ARGUMENTS");
    const list = this.#resolve(acl ?? OPEN);
    const abovePath = parent(asked);
    const above = this.nodes.get(abovePath) ?? no("NO_NODE");
    this.#need(above, 4);
    const path = [2, 3, 6].includes(mode) ? asked + String(above.creates).padStart(10, "0") : asked;
    this.#checkPath(path);
    if (this.nodes.has(path)) no("NODE_EXISTS");
    if (above.owner !== 0) no("NO_CHILDREN_FOR_EPHEMERALS");
    if (this.children(abovePath).length >= this.options.childrenMax) no("LIMIT_EXCEEDED");
    const owner = mode === 1 || mode === 3 ? this.session : 0;
    const owned = [...this.nodes.values()].filter((node) => node.owner === owner).length;
    if (owner !== 0 && owned >= this.options.ephemeralsMax) no("LIMIT_EXCEEDED");
    this.#checkQuota(path, 1, data?.length ?? 0);
    above.creates++;
    above.pzxid = this.zxid;
    this.nodes.set(path, this.#node(data, list, owner, mode === 4 ? "container" : mode >= 5 ? "ttl" : "plain", ttlMs));
    return path;
  }

  #remove(path: string): void {
    this.nodes.delete(path);
    this.nodes.get(parent(path))!.pzxid = this.zxid;
  }

  #check({ path, kind, value }: Guard): void {
    this.#checkPath(path);
    const node = this.nodes.get(path);
    if (kind === 4) return node === undefined ? undefined : no("NODE_EXISTS");
    if (node === undefined) return no("NO_NODE");
    this.#need(node, 1);
    if (kind === 0 && value !== -1 && value !== node.version) no("BAD_VERSION");
    if (kind === 1 && value !== node.czxid) no("GUARD_FAILED");
    if (kind === 2 && value !== node.mzxid) no("GUARD_FAILED");
    if (kind === 3 && value !== node.owner) no("GUARD_FAILED");
    if (kind < 0 || kind > 4) no("BAD_ARGUMENTS");
  }

  #checkPath(path: string): void {
    if (pathFault(path, this.options.pathBytes) !== undefined) no("BAD_ARGUMENTS");
  }

  #checkValue(data: Uint8Array | null): void {
    if ((data?.length ?? 0) > this.options.valueBytes) no("LIMIT_EXCEEDED");
  }

  get #identities(): Identity[] {
    return this.sessions.get(this.session) ?? [];
  }

  /** World and digest alone; addresses have tests of their own. */
  #need(node: Node, permission: number): void {
    const own = [...this.#identities, { scheme: "world", id: "anyone" }];
    const is = (a: Identity, b: Identity): boolean => a.scheme === b.scheme && a.id === b.id;
    if (own.some((identity) => this.options.superIdentities.some((other) => is(identity, other)))) return;
    const granted = node.acl.some(
      (entry) => (entry.permissions & permission) !== 0 && own.some((identity) => is(identity, entry)),
    );
    if (!granted) no("NO_AUTH");
  }

  #resolve(acl: readonly AclEntry[]): readonly AclEntry[] {
    if (acl.length > this.options.aclEntries) no("LIMIT_EXCEEDED");
    const list = acl.flatMap((entry): AclEntry[] => {
      if (entry.scheme === "auth") {
        if (this.#identities.length === 0) no("INVALID_ACL");
        return this.#identities.map((identity) => ({ ...identity, permissions: entry.permissions }));
      }
      const isGood =
        entry.scheme === "world" ? entry.id === "anyone" : entry.scheme === "digest" && /^[^:]*:[^:]*$/.test(entry.id);
      return isGood ? [entry] : no("INVALID_ACL");
    });
    if (list.length === 0) no("INVALID_ACL");
    const print = ({ permissions, scheme, id }: AclEntry): string => JSON.stringify([permissions, scheme, id]);
    const distinct = [...new Map(list.map((entry) => [print(entry), entry])).values()];
    return distinct.length > this.options.aclEntries ? no("LIMIT_EXCEEDED") : distinct;
  }

  /** Every path that has a quota, with its text. */
  #quotas(): { path: string; text: string }[] {
    return [...this.nodes].flatMap(([path, node]) => {
      if (!path.startsWith(`${QUOTA}/`) || !path.endsWith("/zookeeper_limits")) return [];
      const target = path.slice(QUOTA.length, -"/zookeeper_limits".length);
      if (target === "" || target === "/zookeeper" || target.startsWith("/zookeeper/")) return [];
      return [{ path: target, text: Buffer.from(node.data ?? []).toString() }];
    });
  }

  #usage(path: string): { count: number; bytes: number } {
    const within = this.within(path);
    return {
      count: within.length,
      bytes: within.reduce((sum, at) => sum + (this.nodes.get(at)!.data?.length ?? 0), 0),
    };
  }

  #checkQuota(path: string, count: number, bytes: number): void {
    for (const quota of this.#quotas()) {
      if (path !== quota.path && !path.startsWith(`${quota.path}/`)) continue;
      const usage = this.#usage(quota.path);
      const most = (name: string): number => Number(new RegExp(`${name}=(-?\\d+)`).exec(quota.text)?.[1] ?? -1);
      const [countMost, bytesMost] = [most("countHardLimit"), most("byteHardLimit")];
      if (count > 0 && countMost >= 0 && usage.count + count > countMost) no("QUOTA_EXCEEDED");
      if (bytes > 0 && bytesMost >= 0 && usage.bytes + bytes > bytesMost) no("QUOTA_EXCEEDED");
    }
  }

  #writeUsage(): void {
    for (const { path } of this.#quotas()) {
      const stats = this.nodes.get(`${QUOTA}${path}/zookeeper_stats`);
      const { count, bytes } = this.#usage(path);
      if (stats !== undefined) stats.data = Buffer.from(`count=${count},bytes=${bytes}`);
    }
  }
}

function parent(path: string): string {
  return path.lastIndexOf("/") <= 0 ? "/" : path.slice(0, path.lastIndexOf("/"));
}
