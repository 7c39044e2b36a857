// What a sequence is expected to do to its part of the tree: enough of ZooKeeper to foretell every error code, who
// may read what at which moment, and which changes a watcher could hear of. The generator steers by it, and the table
// of differences takes its conditions from it; what servers answer is never taken from it. A foretold code that the
// real ZooKeeper does not give is a fault of the harness, and reported.
import { allows, digestId, loopback, openAcl, permission, storedAcl, superIdentity, type Identity } from "./acl.ts";
import type { EventType } from "./answer.ts";
import {
  ephemeralModes,
  sequentialModes,
  ttlModes,
  type AclEntry,
  type Check,
  type Create,
  type MultiPart,
  type Op,
  type SimpleRead,
} from "./operation.ts";
import { isGoodPath, parentOf } from "./path.ts";

export const maxTtl: number = 2 ** 40 - 1;

export interface ModelNode {
  readonly acl: readonly AclEntry[];
  readonly version: number;
  readonly aversion: number;
  /** Children ever created: the next sequence number. */
  readonly created: number;
  /** The owning session's index, or undefined. */
  readonly owner: number | undefined;
}

export interface ModelSession {
  identities: readonly Identity[];
  state: "attached" | "dropped" | "gone";
}

/** A change a watcher of `path` could hear of, and the ACL that decides whether it may. */
export interface Effect {
  readonly type: EventType;
  readonly path: string;
  readonly acl: readonly AclEntry[];
}

/** `undefined` as an error: the model does not foretell this one. */
export interface Foretold {
  readonly error: string | undefined;
  /** Of a multi, for each part. */
  readonly parts?: readonly string[];
  /** The path that a create makes. */
  readonly path?: string;
  readonly effects: readonly Effect[];
}

type Nodes = Map<string, ModelNode>;

const superUser: Identity = { scheme: "super", id: "" };
const fine = (effects: readonly Effect[] = []): Foretold => ({ error: "OK", effects });
const refused = (error: string | undefined): Foretold => ({ error, effects: [] });

export class Model {
  readonly sessions: ModelSession[] = [];
  #nodes: Nodes = new Map([["/", { acl: openAcl, version: 0, aversion: 0, created: 0, owner: undefined }]]);

  constructor(sessions: number) {
    for (let index = 0; index < sessions; index++)
      this.sessions.push({ identities: [worldly, loopback], state: "attached" });
  }

  paths(): string[] {
    return [...this.#nodes.keys()];
  }

  node(path: string): ModelNode | undefined {
    return this.#nodes.get(path);
  }

  hasChildren(path: string): boolean {
    return hasChildren(this.#nodes, path);
  }

  session(index: number): ModelSession {
    const session = this.sessions[index];
    if (session === undefined) throw new RangeError(`no session ${index}`);
    return session;
  }

  mayRead(session: number, acl: readonly AclEntry[]): boolean {
    return allows(acl, permission.read, this.session(session).identities);
  }

  /** What `op` will answer, without doing it. */
  foretell(session: number, op: Op | Check): Foretold {
    return this.#run(session, op, new Map(this.#nodes));
  }

  /** Does `op` and tells what it answers. */
  apply(session: number, op: Op): Foretold {
    const nodes = new Map(this.#nodes);
    const foretold = this.#run(session, op, nodes);
    if (foretold.error === "OK") this.#nodes = nodes;
    const state = this.session(session);
    if (op.op === "addAuth" && foretold.error === "OK")
      state.identities = withIdentity(state.identities, op.credentials);
    if (op.op === "close" && foretold.error === "OK") state.state = "gone";
    if (op.op === "addAuth" && foretold.error === "AUTH_FAILED") state.state = "dropped";
    return foretold;
  }

  /** Ends a session as expiry does. */
  expire(session: number): readonly Effect[] {
    const nodes = new Map(this.#nodes);
    const effects = closeSession(nodes, session);
    this.#nodes = nodes;
    this.session(session).state = "gone";
    return effects;
  }

  /** As this model stands now; changes of one do not show in the other. */
  copy(): Model {
    const copy = new Model(0);
    copy.#nodes = new Map(this.#nodes);
    for (const session of this.sessions) copy.sessions.push({ ...session });
    return copy;
  }

  #run(session: number, op: Op | Check | SimpleRead, nodes: Nodes): Foretold {
    const state = this.session(session);
    if (state.state !== "attached") return refused("NO_ANSWER");
    const { identities } = state;
    switch (op.op) {
      case "create":
      case "delete":
      case "setData":
      case "check":
        return runPart(nodes, session, identities, op);
      case "setACL": {
        if (!isGoodPath(op.path)) return refused("BAD_ARGUMENTS");
        const stored = storedAcl(op.acl, identities);
        if (stored === undefined) return refused("INVALID_ACL");
        const node = nodes.get(op.path);
        if (node === undefined) return refused("NO_NODE");
        if (!allows(node.acl, permission.admin, identities)) return refused("NO_AUTH");
        if (op.version !== -1 && op.version !== node.aversion) return refused("BAD_VERSION");
        nodes.set(op.path, { ...node, acl: stored, aversion: node.aversion + 1 });
        return fine();
      }
      case "exists":
        return nodes.has(op.path) ? fine() : refused(op.path.includes("\0") ? "BAD_ARGUMENTS" : "NO_NODE");
      case "getData":
      case "getChildren":
      case "getChildren2":
      case "getAllChildrenNumber":
        return read(nodes, op.path, identities, permission.read);
      case "getACL":
        return read(nodes, op.path, identities, permission.read | permission.admin);
      case "multi":
        return runMulti(nodes, session, identities, op.parts);
      case "multiRead": {
        const parts = op.parts.map((part) => read(nodes, part.path, identities, permission.read).error ?? "");
        return { error: "OK", parts, effects: [] };
      }
      case "addAuth":
        return op.scheme === "digest" ? fine() : refused("AUTH_FAILED");
      case "addWatch":
        return op.mode === "unknown" ? refused("MARSHALLING_ERROR") : fine();
      case "close":
        return fine(closeSession(nodes, session));
      case "removeWatches":
      case "checkWatches":
        return refused(undefined);
      default:
        return fine();
    }
  }
}

/** Everybody is somebody in the world. */
const worldly: Identity = { scheme: "world", id: "anyone" };

function withIdentity(identities: readonly Identity[], credentials: string): readonly Identity[] {
  const id = digestId(credentials);
  const added = id === superIdentity.id ? [superUser, { scheme: "digest", id }] : [{ scheme: "digest", id }];
  return [
    ...identities,
    ...added.filter((one) => !identities.some((other) => other.scheme === one.scheme && other.id === one.id)),
  ];
}

function read(nodes: Nodes, path: string, identities: readonly Identity[], wanted: number): Foretold {
  const node = nodes.get(path);
  if (node === undefined) return refused("NO_NODE");
  return allows(node.acl, wanted, identities) ? fine() : refused("NO_AUTH");
}

function runPart(nodes: Nodes, session: number, identities: readonly Identity[], part: MultiPart): Foretold {
  if (part.op === "create") return create(nodes, session, identities, part);
  if (part.op === "delete") return remove(nodes, identities, part.path, part.version);
  if (!isGoodPath(part.path)) return refused("BAD_ARGUMENTS");
  const node = nodes.get(part.path);
  if (node === undefined) return refused("NO_NODE");
  if (!allows(node.acl, part.op === "check" ? permission.read : permission.write, identities))
    return refused("NO_AUTH");
  if (part.version !== -1 && part.version !== node.version) return refused("BAD_VERSION");
  if (part.op === "check") return fine();
  nodes.set(part.path, { ...node, version: node.version + 1 });
  return fine([{ type: "dataChanged", path: part.path, acl: node.acl }]);
}

function create(nodes: Nodes, session: number, identities: readonly Identity[], op: Create): Foretold {
  if (ttlModes.has(op.mode) && !(op.ttl !== undefined && op.ttl > 0 && op.ttl <= maxTtl))
    return refused("BAD_ARGUMENTS");
  if (!op.path.startsWith("/") || op.path.includes("\0")) return refused("BAD_ARGUMENTS");
  const acl = storedAcl(op.acl, identities);
  if (acl === undefined) return refused("INVALID_ACL");
  const parentPath = parentOf(op.path);
  const parent = nodes.get(parentPath);
  if (parent === undefined) return refused("NO_NODE");
  if (!allows(parent.acl, permission.create, identities)) return refused("NO_AUTH");
  const path = sequentialModes.has(op.mode) ? op.path + String(parent.created).padStart(10, "0") : op.path;
  if (!isGoodPath(path)) return refused("BAD_ARGUMENTS");
  if (nodes.has(path)) return refused("NODE_EXISTS");
  if (parent.owner !== undefined) return refused("NO_CHILDREN_FOR_EPHEMERALS");
  nodes.set(parentPath, { ...parent, created: parent.created + 1 });
  nodes.set(path, {
    acl,
    version: 0,
    aversion: 0,
    created: 0,
    owner: ephemeralModes.has(op.mode) ? session : undefined,
  });
  return {
    error: "OK",
    path,
    effects: [
      { type: "created", path, acl },
      { type: "childrenChanged", path: parentPath, acl: parent.acl },
    ],
  };
}

function remove(nodes: Nodes, identities: readonly Identity[], path: string, version: number): Foretold {
  if (path.startsWith("=/zookeeper") || path === "=/") return refused("BAD_ARGUMENTS");
  if (!path.startsWith("/") || path.includes("\0")) return refused("BAD_ARGUMENTS");
  if (path === "/") return refused(undefined);
  const parent = nodes.get(parentOf(path));
  if (parent === undefined) return refused("NO_NODE");
  if (!allows(parent.acl, permission.delete, identities)) return refused("NO_AUTH");
  const node = nodes.get(path);
  if (node === undefined) return refused("NO_NODE");
  if (version !== -1 && version !== node.version) return refused("BAD_VERSION");
  if (hasChildren(nodes, path)) return refused("NOT_EMPTY");
  nodes.delete(path);
  return fine(deletion(path, node, parent));
}

function deletion(path: string, node: ModelNode, parent: ModelNode): Effect[] {
  return [
    { type: "deleted", path, acl: node.acl },
    { type: "childrenChanged", path: parentOf(path), acl: parent.acl },
  ];
}

function closeSession(nodes: Nodes, session: number): Effect[] {
  const effects: Effect[] = [];
  for (const [path, node] of nodes) {
    if (node.owner !== session) continue;
    nodes.delete(path);
    effects.push(...deletion(path, node, nodes.get(parentOf(path)) ?? node));
  }
  return effects;
}

function runMulti(
  nodes: Nodes,
  session: number,
  identities: readonly Identity[],
  parts: readonly MultiPart[],
): Foretold {
  const effects: Effect[] = [];
  for (const [index, part] of parts.entries()) {
    const { error, effects: more } = runPart(nodes, session, identities, part);
    if (error === undefined) return refused(undefined);
    if (error !== "OK") {
      return {
        error,
        parts: parts.map((_, at) => (at < index ? "OK" : at === index ? error : "RUNTIME_INCONSISTENCY")),
        effects: [],
      };
    }
    effects.push(...more);
  }
  return { error: "OK", parts: parts.map(() => "OK"), effects };
}

function hasChildren(nodes: Nodes, path: string): boolean {
  const prefix = path === "/" ? "/" : `${path}/`;
  for (const other of nodes.keys()) if (other !== path && other.startsWith(prefix)) return true;
  return false;
}
