// The words of a sequence, in neither server's dialect. An adapter turns them into its wire; the model predicts them;
// the generator writes them. Nothing here knows how they travel.

export interface AclEntry {
  /** Bits READ 1, WRITE 2, CREATE 4, DELETE 8, ADMIN 16. */
  readonly perms: number;
  readonly scheme: string;
  readonly id: string;
}

export type CreateMode =
  | "persistent"
  | "ephemeral"
  | "persistentSequential"
  | "ephemeralSequential"
  | "container"
  | "ttl"
  | "ttlSequential";

export type WatchType = "children" | "data" | "any" | "persistent" | "recursive";

/**
 * A path that starts with "/" is relative to the sequence's own top znode; one that starts with "=" is sent as it
 * stands after that sign, for paths no well-behaved client would send.
 */
export type Path = string;

export interface Create {
  readonly op: "create";
  readonly path: Path;
  readonly data: string | null;
  readonly acl: readonly AclEntry[];
  readonly mode: CreateMode;
  /** Milliseconds; only with the TTL modes. */
  readonly ttl?: number;
  /** Ask for the Stat as well: another opcode in ZooKeeper. */
  readonly stat: boolean;
}
export interface Delete {
  readonly op: "delete";
  readonly path: Path;
  readonly version: number;
}
export interface SetData {
  readonly op: "setData";
  readonly path: Path;
  readonly data: string | null;
  readonly version: number;
}
export interface Check {
  readonly op: "check";
  readonly path: Path;
  readonly version: number;
}
export interface SetAcl {
  readonly op: "setACL";
  readonly path: Path;
  readonly acl: readonly AclEntry[];
  readonly version: number;
}
export interface WatchingRead {
  readonly op: "exists" | "getData" | "getChildren" | "getChildren2";
  readonly path: Path;
  readonly watch: boolean;
}
export interface PlainRead {
  readonly op: "getACL" | "sync" | "getEphemerals" | "getAllChildrenNumber";
  readonly path: Path;
}
export interface SimpleRead {
  readonly op: "getData" | "getChildren";
  readonly path: Path;
}
export type MultiPart = Create | Delete | SetData | Check;
export interface Multi {
  readonly op: "multi";
  readonly parts: readonly MultiPart[];
}
export interface MultiRead {
  readonly op: "multiRead";
  readonly parts: readonly SimpleRead[];
}
export interface AddWatch {
  readonly op: "addWatch";
  readonly path: Path;
  readonly mode: "persistent" | "recursive" | "unknown";
}
export interface EditWatches {
  readonly op: "removeWatches" | "checkWatches";
  readonly path: Path;
  readonly type: WatchType;
}
export interface AddAuth {
  readonly op: "addAuth";
  readonly scheme: string;
  readonly credentials: string;
}
export interface SetWatches {
  readonly op: "setWatches";
  readonly data: readonly Path[];
  readonly exists: readonly Path[];
  readonly children: readonly Path[];
  readonly persistent: readonly Path[];
  readonly recursive: readonly Path[];
}
export interface Bare {
  readonly op: "whoAmI" | "ping" | "close";
}

export type Op =
  | Create
  | Delete
  | SetData
  | SetAcl
  | WatchingRead
  | PlainRead
  | Multi
  | MultiRead
  | AddWatch
  | EditWatches
  | SetWatches
  | AddAuth
  | Bare;

/** What happens in one sequence, step after step. A step starts when the one before it is answered. */
export type Step =
  /** Several operations of one session, sent at once, answered before the next step. */
  | { readonly step: "burst"; readonly session: number; readonly ops: readonly Op[] }
  /** The connection breaks; the session lives on. */
  | { readonly step: "drop"; readonly session: number }
  /** The session comes back on a new connection with its id and secret, and shows its identities again. */
  | { readonly step: "attach"; readonly session: number }
  /** The session falls silent, with or without a live connection, until the server has expired it. */
  | { readonly step: "expire"; readonly session: number; readonly how: "silent" | "dropped" }
  /** Every attached session waits until all its events have come. */
  | { readonly step: "fence"; readonly unordered: boolean };

export interface Sequence {
  readonly seed: number;
  /** For each session opened at the start: is it one that will expire (short timeout)? */
  readonly mortal: readonly boolean[];
  readonly steps: readonly Step[];
}

export const ephemeralModes: ReadonlySet<CreateMode> = new Set(["ephemeral", "ephemeralSequential"]);
export const sequentialModes: ReadonlySet<CreateMode> = new Set([
  "persistentSequential",
  "ephemeralSequential",
  "ttlSequential",
]);
export const ttlModes: ReadonlySet<CreateMode> = new Set(["ttl", "ttlSequential"]);

const showAcl = (acl: readonly AclEntry[]): string => `[${acl.map((e) => `${e.scheme}:${e.id}:${e.perms}`).join(" ")}]`;
const showData = (data: string | null): string => (data === null ? "null" : JSON.stringify(data));

/** One operation on one line, for reports. */
export function showOp(op: Op | Check | SimpleRead): string {
  switch (op.op) {
    case "create":
      return `create ${op.path} ${op.mode}${op.ttl === undefined ? "" : ` ttl=${op.ttl}`} ${showData(op.data)} ${showAcl(op.acl)}${op.stat ? " +stat" : ""}`;
    case "delete":
    case "check":
      return `${op.op} ${op.path} v${op.version}`;
    case "setData":
      return `setData ${op.path} ${showData(op.data)} v${op.version}`;
    case "setACL":
      return `setACL ${op.path} ${showAcl(op.acl)} v${op.version}`;
    case "exists":
    case "getData":
    case "getChildren":
    case "getChildren2":
      return `${op.op} ${op.path}${"watch" in op && op.watch ? " +watch" : ""}`;
    case "multi":
    case "multiRead":
      return `${op.op} { ${op.parts.map((part) => showOp(part)).join("; ")} }`;
    case "addWatch":
      return `addWatch ${op.path} ${op.mode}`;
    case "removeWatches":
    case "checkWatches":
      return `${op.op} ${op.path} ${op.type}`;
    case "setWatches":
      return `setWatches data=${op.data} exists=${op.exists} children=${op.children} persistent=${op.persistent} recursive=${op.recursive}`;
    case "addAuth":
      return `addAuth ${op.scheme} ${op.credentials}`;
    case "getACL":
    case "sync":
    case "getEphemerals":
    case "getAllChildrenNumber":
      return `${op.op} ${op.path}`;
    case "whoAmI":
    case "ping":
    case "close":
      return op.op;
  }
}

export function showStep(step: Step): string {
  switch (step.step) {
    case "burst":
      return `s${step.session}: ${step.ops.map(showOp).join(" | ")}`;
    case "fence":
      return `fence${step.unordered ? " (next events in any order)" : ""}`;
    case "expire":
      return `s${step.session}: expire (${step.how})`;
    case "drop":
    case "attach":
      return `s${step.session}: ${step.step}`;
  }
}
