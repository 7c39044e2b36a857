/** What a registration is to its owner. */
import type { AclEntry, CallOptions, Codec, CorralError, Guard, StreamReader } from "@corral/client";
import type { Released } from "../hold/held.ts";

/**
 * `missing`: not there, and coming back. `conflict`: somebody else is there, or took it away; for good, unless it waits for its turn.
 * `closed`: given up, or the client is closed.
 */
export type RegistrationState = "registered" | "missing" | "conflict" | "closed";

export interface RegistrationStatus {
  readonly state: RegistrationState;
  /** Of a registered one. */
  readonly epoch: number | undefined;
  /** Why it is not registered. */
  readonly cause: CorralError | undefined;
}

/** `update` changes its value; `await using` gives it up. */
export interface Registration<T> extends AsyncDisposable {
  /** Of the znode; with `sequential`, of the present one or the last. */
  readonly path: string;
  /**
   * The znode's czxid; undefined while it is not registered. Greater with each life, and than that of everybody who had the path before:
   * a fencing token.
   */
  readonly epoch: number | undefined;
  /**
   * For the `guard` of writes: they happen only while this life of the registration lasts. While it is missing, of the last life: such
   * writes are refused.
   */
  readonly guard: Guard & { readonly czxid: number };
  readonly state: RegistrationState;
  /** Why it is not registered. */
  readonly cause: CorralError | undefined;
  /** The present status, then each that follows; of those not taken in time only the newest. Ends when it is over for good. */
  states(signal?: AbortSignal): StreamReader<RegistrationStatus>;
  /**
   * Aborted when it is over for good; the reason is a `CorralError`: `CLOSED` (unregistered, or the client is closed), `NODE_EXISTS` (the
   * path is another's now), `GUARD_FAILED` (deleted, with `onDelete: "conflict"`).
   */
  readonly signal: AbortSignal;
  /**
   * Is it registered, and does its session certainly live, now? Computed from the clocks at each look. That somebody deleted it, or took it
   * over, is known as soon as the server can say so: what must not be done then goes with the guard or the epoch.
   */
  readonly isValid: boolean;
  /** For how long that is certain if nothing more is heard from the server, milliseconds; 0 while it is not registered. */
  readonly validForMs: number;
  /**
   * Resolves when the znode has this value, or a newer one of this registration; while it is missing, when it is back with it. Rejects
   * with outcome `no` if the value was refused, and then it is dropped; with `unknown`, it is what the next life begins with.
   */
  update(value: T, options?: CallOptions): Promise<void>;
  /** Ends it, here at once. It wins over a creation that is under way. Harmless when repeated. */
  unregister(options?: CallOptions): Promise<Released>;
  /** Unregisters, and waits 5 s at most. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface RegisterOptions<T> extends CallOptions {
  readonly codec: Codec<T>;
  /**
   * When another's ephemeral is there. `error` (default): rejects with `NODE_EXISTS`; later, after a loss, that is a conflict for good.
   * `wait`: until it has gone, first and later; for one or two, since whoever waits is woken when it goes: many take a lock.
   * `take-over`: replaces it, in one transaction, which tells the other that he is in conflict; but only at first: who is taken over, or
   * finds another in his place after a loss, does not fight back. In each case a znode that is no ephemeral is `NODE_EXISTS`.
   */
  readonly onConflict?: "error" | "wait" | "take-over" | undefined;
  /**
   * When somebody deletes the znode and nobody takes its place. `restore` (default): it is made again, at once, then with growing pauses
   * of up to 5 s. `conflict`: it is over for good, as whoever deletes it wants.
   */
  readonly onDelete?: "restore" | "conflict" | undefined;
  /** The server appends ten digits, others in each life: there are no conflicts. */
  readonly sequential?: boolean | undefined;
  /** A missing parent is made, as a container that goes some time after its last child; those above it to stay. Default: `NO_NODE`. */
  readonly parents?: boolean | undefined;
  /** Must let this client read the znode. Default: open to everyone. */
  readonly acl?: readonly AclEntry[] | undefined;
}
