/** The words of the API: what goes into calls and comes out of them. */
import type { AclEntry, Stat } from "@corral/protocol";
import type { CallOptions } from "../calls/requester.ts";
import type { Codec } from "../codec.ts";
import type { CorralError } from "../error.ts";
import type { WatchEvent } from "../watch/event.ts";

/** A znode with its data. */
export interface Entry<T> {
  readonly path: string;
  readonly value: T;
  readonly stat: Stat;
}

/** A child as `list` tells of it; `value` and `stat` as asked for. */
export interface Child<T> {
  readonly name: string;
  readonly path: string;
  /** With `include: "data"`; undefined where the session may not read it. */
  readonly value: T | undefined;
  /** With `include: "stat"` or `"data"`; undefined where the session may not read it. */
  readonly stat: Stat | undefined;
}

export interface ReadOptions extends CallOptions {
  /**
   * `session` (default): never older than what this session has seen. `linearizable`: not older than any write acknowledged to
   * anyone before the call.
   */
  readonly consistency?: "session" | "linearizable" | undefined;
}

export interface WatchedReadOptions extends ReadOptions {
  /**
   * Called once, at the next change of what was read; before any promise resolves whose result shows that change. Set only
   * when the read succeeds; `stat`, `exists` and `find` set it also where the znode is absent. Survives reconnects.
   */
  readonly watch?: ((event: WatchEvent) => void) | undefined;
}

/** A condition on a znode that must hold for a write to happen; else `GUARD_FAILED` with its index. */
export type Guard =
  | { readonly path: string; readonly version: number }
  /** Still the same life of the znode: a fencing token. */
  | { readonly path: string; readonly czxid: number }
  | { readonly path: string; readonly mzxid: number }
  /** The session that owns the ephemeral. */
  | { readonly path: string; readonly owner: number }
  | { readonly path: string; readonly absent: true };

export interface WriteOptions extends CallOptions {
  /** All must hold. They are numbered from 0; an `ifMatch` by czxid or mzxid comes after them. */
  readonly guard?: Guard | readonly Guard[] | undefined;
}

/** Which state of a znode a write is meant for. A version starts anew with each life of a znode; zxids never repeat. */
export type Match = { readonly version: number } | { readonly mzxid: number } | { readonly czxid: number };

export type Lifetime =
  | "persistent"
  /** Goes with the session. */
  | "ephemeral"
  /** Goes some time after its last child has gone. */
  | "container"
  /** Goes when it has no children and has not been changed for so long, milliseconds. */
  | { readonly ttlMs: number };

export interface CreateShape {
  readonly lifetime?: Lifetime | undefined;
  /** The server appends ten digits that grow from child to child of the parent. */
  readonly sequential?: boolean | undefined;
  /** Missing parents are created first: persistent, without data, with the same ACL. */
  readonly parents?: boolean | undefined;
  /** Default: open to everyone. */
  readonly acl?: readonly AclEntry[] | undefined;
}
export interface CreateOptions<T> extends WriteOptions, CreateShape {
  readonly codec?: Codec<T> | undefined;
}
/** Where it was created: with `sequential` not the path that was given. */
export interface Created {
  readonly path: string;
  readonly stat: Stat;
}

export interface SetOptions<T> extends WriteOptions {
  readonly codec?: Codec<T> | undefined;
  readonly ifMatch?: Match | undefined;
}

export interface UpdateOptions<T> extends WriteOptions {
  readonly codec?: Codec<T> | undefined;
  /** How to create it when it does not exist; without it, that is `NO_NODE`. */
  readonly create?: CreateShape | undefined;
}

export interface DeleteOptions extends WriteOptions {
  readonly ifMatch?: Match | undefined;
  /** With everything below it, in one transaction. */
  readonly recursive?: boolean | undefined;
  /** Of a recursive delete: more znodes are `LIMIT_EXCEEDED`, and nothing is deleted. Default 10,000. */
  readonly nodesMax?: number | undefined;
  /** `ok`: an absent znode is success. Default: `NO_NODE`. */
  readonly missing?: "ok" | "error" | undefined;
}

export interface ListOptions<T> extends ReadOptions {
  readonly include?: "names" | "stat" | "data" | undefined;
  readonly codec?: Codec<T> | undefined;
  /** Children a page at most; default: as many as the server puts into one. */
  readonly pageSize?: number | undefined;
}

export interface NextEventOptions extends CallOptions {
  /** Default `znode`. */
  readonly of?: "znode" | "children" | undefined;
  /** Rejects with `NO_NODE` where there is no znode, and leaves no watch behind; without it, its creation is awaited. */
  readonly existing?: boolean | undefined;
}

/** Of an operation that is answered for itself. */
export type Settled<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: CorralError };

/** What part of the tree: the znode and all below, the znode alone, the znode and its children. */
export type SubscriptionScope = "tree" | "node" | "children";

export interface SubscribeOptions<T> extends CallOptions {
  /** Default `tree`. */
  readonly scope?: SubscriptionScope | undefined;
  /** Every change after this zxid, a `cursor` of before. Without it: the subtree as it is, then its changes. */
  readonly since?: number | undefined;
  readonly codec?: Codec<T> | undefined;
  /** `false`: without data; values are then what the codec makes of no data. */
  readonly values?: boolean | undefined;
  /** Only the last event of each path is kept for a slow consumer: what lies between two events may be missing. */
  readonly coalesce?: boolean | undefined;
  /** Units (a page of up to 256 KiB, the changes of one zxid) that may be on their way or waiting for the consumer. Default 64. */
  readonly window?: number | undefined;
}

export interface ReadTreeOptions<T> extends CallOptions {
  readonly codec?: Codec<T> | undefined;
  readonly scope?: SubscriptionScope | undefined;
  readonly values?: boolean | undefined;
  /** More znodes are `LIMIT_EXCEEDED`. Default 100,000. */
  readonly entriesMax?: number | undefined;
}
export interface Tree<T> {
  /** By path; all as they were at `zxid`. */
  readonly entries: ReadonlyMap<string, Entry<T>>;
  readonly zxid: number;
}

export interface ClientStats {
  /** Sent and not answered. */
  readonly inFlight: number;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly watches: number;
  readonly subscriptions: number;
  /** Connections made again to a living session. */
  readonly reconnects: number;
  readonly sessions: number;
  readonly sessionsLost: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}
