// What a server said, in neither server's dialect, and the contract an adapter keeps. Nothing here compares.
import type { AclEntry, Op } from "./operation.ts";

/** Codes are ZooKeeper's names; `NO_ANSWER` stands for a connection that ended before the reply. */
export type ErrorName = string;

export interface Stat {
  readonly czxid: bigint;
  readonly mzxid: bigint;
  readonly pzxid: bigint;
  /** Milliseconds. */
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  /** The session's id as its adapter writes it, or "" for none. */
  readonly owner: string;
  readonly dataLength: number;
  readonly numChildren: number;
}

/** One reply. Fields are there when the operation has them and succeeded. */
export interface Answer {
  readonly error: ErrorName;
  /** Of a write that succeeded: the zxid in the reply's header. */
  readonly zxid?: bigint;
  readonly path?: string;
  readonly stat?: Stat;
  readonly data?: string | null;
  /** Names or paths that have no order: sorted by the adapter. */
  readonly names?: readonly string[];
  readonly acl?: readonly AclEntry[];
  readonly count?: number;
  /** Parts of a multi. */
  readonly parts?: readonly Answer[];
}

export type EventType = "created" | "deleted" | "dataChanged" | "childrenChanged";

export type StreamItem =
  | { readonly kind: "reply"; readonly op: Op; readonly answer: Answer }
  | { readonly kind: "event"; readonly type: EventType; readonly path: string };

/** One session on one server. Everything it receives goes to `receive`, in the order of arrival. */
export interface Session {
  readonly id: string;
  /** Sends all at once; resolves when each is answered or can no longer be. Answers go to the stream as well. */
  burst(ops: readonly Op[]): Promise<void>;
  /** Resolves when everything the server had queued for this session before the call has arrived; leaves no trace. */
  fence(): Promise<void>;
  /** Ends the connection without closing the session. */
  drop(): Promise<void>;
  /** A new connection for the same session, identities shown again. Tells the error, "OK" if it worked. */
  attach(): Promise<ErrorName>;
  /** No more heartbeats, the connection stays. */
  silence(): void;
  /** Lets go of everything, closing the session if it still can. */
  end(): Promise<void>;
}

export interface SessionOptions {
  /** The znode the session's relative paths stand under, with a leading and no trailing slash. */
  readonly top: string;
  readonly timeoutMs: number;
  readonly receive: (item: StreamItem) => void;
}

export interface Target {
  readonly name: string;
  open(options: SessionOptions): Promise<Session>;
  /** Ends the server and every session. */
  stop(): Promise<void>;
}

/** The wire path of a sequence's path. */
export function absolutePath(top: string, path: string): string {
  if (path.startsWith("=")) return path.slice(1);
  return path === "/" ? top : top + path;
}

/** The sequence's path of a wire path. */
export function relativePath(top: string, path: string): string {
  if (path === top) return "/";
  return path.startsWith(`${top}/`) ? path.slice(top.length) : `=${path}`;
}

/** The paths below a sequence's top znode, in order: sessions hold znodes of the harness as well. */
export function ownPaths(top: string, paths: readonly string[]): string[] {
  return paths
    .filter((path) => path.startsWith(`${top}/`))
    .map((path) => relativePath(top, path))
    .sort();
}
