/**
 * What the operations work with: the session, and the root below which all their paths are. Views of different roots share
 * everything else.
 */
import {
  CheckKind,
  Consistency,
  DEFAULT_LIMITS,
  isWithin,
  pathFault,
  sequentialPathFault,
  type Guard as WireGuard,
  type Reply,
  type RequestBody,
} from "@corral/protocol";
import type { ReadRefusal } from "../calls/answer.ts";
import type { Budget } from "../calls/call.ts";
import type { CallOptions, Requester } from "../calls/requester.ts";
import { CorralError } from "../error.ts";
import type { Driver } from "../session/driver.ts";
import type { SubscriptionRegistry } from "../subscription/registry.ts";
import type { WatchRegistry } from "../watch/registry.ts";
import type { Guard, Match, ReadOptions } from "./types.ts";

const NO_GUARDS: readonly WireGuard[] = [];

export class View {
  readonly driver: Driver;
  readonly watches: WatchRegistry;
  readonly subscriptions: SubscriptionRegistry;
  readonly root: string;

  constructor(driver: Driver, watches: WatchRegistry, subscriptions: SubscriptionRegistry, root: string) {
    this.driver = driver;
    this.watches = watches;
    this.subscriptions = subscriptions;
    this.root = root;
  }

  get requester(): Requester {
    return this.driver.requester;
  }

  below(path: string): View {
    return new View(this.driver, this.watches, this.subscriptions, this.toServer(path, "chroot"));
  }

  budget(op: string, options: CallOptions | undefined): Budget {
    return this.requester.budget(op, options, this.toView);
  }

  ask<T>(
    budget: Budget,
    body: RequestBody,
    read: (reply: Reply) => T,
    guards: readonly WireGuard[] | null = null,
    refused?: ReadRefusal<T>,
  ): Promise<T> {
    return this.requester.request(budget, body, guards, read, refused);
  }

  /** Throws `BAD_ARGUMENTS` for what is no path. */
  toServer(path: string, op: string, sequential = false): string {
    const max = DEFAULT_LIMITS.pathBytes;
    const isText = typeof path === "string";
    const fault = !isText
      ? `is of type ${typeof path}`
      : sequential
        ? sequentialPathFault(path, max)
        : pathFault(path, max);
    if (fault !== undefined) throw badArgument(op, "path", `the path ${fault}`, isText ? path : undefined);
    return this.root === "/" ? path : path === "/" && !sequential ? this.root : this.root + path;
  }

  /** What lies outside (a guard's znode cannot, a server's hint may) keeps its full path. */
  readonly toView = (path: string): string => {
    if (this.root === "/" || !isWithin(this.root, path)) return path;
    return path.length === this.root.length ? "/" : path.slice(this.root.length);
  };

  guards(guard: Guard | readonly Guard[] | undefined, op: string): readonly WireGuard[] {
    if (guard === undefined) return NO_GUARDS;
    const list = Array.isArray(guard) ? (guard as readonly Guard[]) : [guard as Guard];
    return list.map((one) => this.guard(one, op));
  }

  guard(guard: Guard, op: string): WireGuard {
    const path = this.toServer(guard.path, op);
    if ("version" in guard) return { path, kind: CheckKind.version, value: safe(guard.version, "version", op) };
    if ("czxid" in guard) return { path, kind: CheckKind.czxid, value: safe(guard.czxid, "czxid", op) };
    if ("mzxid" in guard) return { path, kind: CheckKind.mzxid, value: safe(guard.mzxid, "mzxid", op) };
    if ("owner" in guard) return { path, kind: CheckKind.owner, value: safe(guard.owner, "owner", op) };
    return { path, kind: CheckKind.absent, value: 0 };
  }
}

export interface Matched {
  readonly version: number;
  readonly guard: WireGuard | undefined;
}
const ANY: Matched = { version: -1, guard: undefined };

/** A version travels with the operation; a zxid as a condition beside it. `path` is the server's. */
export function matched(match: Match | undefined, path: string, op: string): Matched {
  if (match === undefined) return ANY;
  if ("version" in match) return { version: safe(match.version, "version", op), guard: undefined };
  const guard =
    "mzxid" in match
      ? { path, kind: CheckKind.mzxid, value: safe(match.mzxid, "mzxid", op) }
      : { path, kind: CheckKind.czxid, value: safe(match.czxid, "czxid", op) };
  return { version: -1, guard };
}

export const consistencyOf = (options: ReadOptions | undefined): Consistency =>
  options?.consistency === "linearizable" ? Consistency.linearizable : Consistency.session;

export function safe(value: number, name: string, op: string): number {
  if (Number.isSafeInteger(value)) return value;
  throw badArgument(op, name, `${String(value)} is not a safe integer`);
}

export function badArgument(op: string, name: string, means: string, path?: string): CorralError {
  return new CorralError("BAD_ARGUMENTS", { op, detail: { name, path }, means });
}
